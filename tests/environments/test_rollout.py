"""A release is rolled out through real balancers: no customer notices, and whatever fails, every instance has the release from before."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from closeshave.clients import balancer
from closeshave.control import processes
from closeshave.deployment import Deployment
from closeshave.environments.rollout import record, rolling
from closeshave.environments.rollout.instances import GivenUp, RolloutFailed, VersionNotSeen
from closeshave.environments.rollout.record import RolloutBusy
from closeshave.environments.rollout.steps import Replaced, all_at_once, one_by_one
from tests.environments import rolled

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

NAMES = ["app-here-0", "app-here-1", "app-there-0", "app-there-1"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One environment for all of them: a test that leaves it in another release than it found has failed."""
    with rolled.running(tmp_path_factory.mktemp("rolled")) as deployment:
        yield deployment


@pytest.fixture
def shop(shared: Deployment) -> Iterator[Deployment]:
    """It runs the release of its file before and after each test."""
    assert set(rolled.said(shared).values()) == {"1"}
    yield shared
    assert record.unfinished(Path(shared.root)) is None
    if rolled.now(shared).application.release != "current":
        rolling.roll(Path(shared.root), "current", print)
    assert set(rolled.said(shared).values()) == {"1"}


def roll(shop: Deployment, release: str, **more: object) -> rolling.RolledOut:
    """As every caller does."""
    return rolling.roll(Path(shop.root), release, print, **more)  # type: ignore[arg-type] # of a test


def unchanged(shop: Deployment) -> None:
    """Every instance answers as before, is in its balancer, and the file says so."""
    assert set(rolled.said(shop).values()) == {"1"}
    assert rolled.now(shop).application.release == "current"
    assert record.unfinished(Path(shop.root)) is None
    assert all(balancer.view(at, name).serves for at in shop.balancers for name in NAMES if name.startswith(f"app-{at.region}-"))


def test_customers_notice_nothing(shop: Deployment) -> None:
    """Quick and slow requests through every edge are all answered well, while every process is replaced by one of the new release."""
    before = rolled.pids(shop)
    with rolled.customers(shop) as asking:
        done = roll(shop, "next")
    assert [each.failed for each in asking] == [[], []]
    assert [set(each.answered) for each in asking] == [{200}, {200}]
    assert min(len(each.answered) for each in asking) >= 4
    assert set(rolled.said(shop).values()) == {"2"}
    after = rolled.pids(shop)
    assert after.keys() == before.keys() == {*NAMES, "worker-queue-here-0"}
    assert not set(after.values()) & set(before.values())
    assert sorted(each.instance for each in done.replaced) == NAMES
    assert {(each.version, each.cut) for each in done.replaced} == {("2", 0)}
    # Slow requests were in flight, and the instances waited for them.
    assert max(each.drained_s for each in done.replaced) > 0.05
    assert rolled.now(shop).application.release == "next"
    assert rolled.now(shop).process("app-here-0").environ["VERSION"] == "2"


def test_of_each_region_an_instance_at_a_time_is_out(shop: Deployment) -> None:
    """The first wave is over in all regions before the second begins; or one after another, for whoever wants that."""
    told: list[Replaced] = []
    roll(shop, "current", told=told.append)
    assert [each.instance[-1] for each in told] == ["0", "0", "1", "1"]
    told.clear()
    roll(shop, "current", order=one_by_one, told=told.append)
    assert [each.instance for each in told] == NAMES


def test_a_release_of_other_settings_alone_answers_the_same_version(shop: Deployment) -> None:
    """It states no version, so it must be the one from before."""
    done = roll(shop, "tuned")
    assert {each.version for each in done.replaced} == {"1"}
    assert rolled.now(shop).process("app-there-1").environ["THREADS"] == "8"


def test_a_running_release_is_restarted(shop: Deployment) -> None:
    """So that a leg of a gate begins with new processes."""
    before = rolled.pids(shop)
    roll(shop, "current")
    assert not set(rolled.pids(shop).values()) & set(before.values())


@pytest.mark.parametrize(
    ("release", "kind", "message"),
    [
        ("broken", RolloutFailed, "app-(here|there)-0 ended while it was starting; its log .* ends with 'no such table'"),
        ("unready", RolloutFailed, "was not ready within 12 s: app-(here|there)-0 answers 503 to /ready; ready is 200"),
        ("liar", VersionNotSeen, "app-(here|there)-0 answers version 1.9, not 2"),
        ("lazy", RolloutFailed, "worker-queue-here-0 ended while it was starting; its log .* ends with 'no queue'"),
    ],
)
def test_what_does_not_serve_is_taken_back(shop: Deployment, release: str, kind: type[RolloutFailed], message: str) -> None:
    """One sentence says why; every instance has the release from before, and the customers of the others noticed nothing."""
    with rolled.customers(shop) as asking, pytest.raises(kind, match=f"{message}.*; all instances run current again") as caught:
        roll(shop, release)
    assert "\n" not in str(caught.value)
    assert [each.failed for each in asking] == [[], []]
    assert [set(each.answered) for each in asking] == [{200}, {200}]
    unchanged(shop)


def test_a_rollout_can_be_given_up(shop: Deployment) -> None:
    """Between two waves; what was replaced is taken back."""
    told: list[Replaced] = []
    with pytest.raises(GivenUp, match="the rollout of next was given up: too many errors; all instances run current again"):
        roll(shop, "next", told=told.append, abort=lambda: "too many errors" if told else "")
    assert [each.instance for each in told] == ["app-here-0", "app-there-0"]
    unchanged(shop)


def killed_half_way(shop: Deployment) -> None:
    """A harness rolls next out, and is killed when the first instances have it; it has no janitor."""
    script = (
        "import os, signal, sys; from pathlib import Path; from closeshave.environments.rollout import rolling\n"
        "rolling.roll(Path(sys.argv[1]), 'next', print, told=lambda _: os.kill(os.getpid(), signal.SIGKILL))"
    )
    killed = subprocess.run([rolled.PYTHON, "-c", script, shop.root], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert sorted(rolled.said(shop).values()) == ["1", "1", "2", "2"]


def asked(*words: str) -> tuple[int, dict[str, object]]:
    """The exit code of a command and what it says to programs."""
    done = subprocess.run([rolled.PYTHON, "-m", "closeshave", *words, "--json"], check=False, capture_output=True, timeout=120)
    told: dict[str, object] = json.loads(done.stdout)
    return done.returncode, told


def test_commands_show_and_end_a_rollout_that_was_not_finished(shop: Deployment) -> None:
    """An operator sees which instances may have which release, and one command makes them one again."""
    killed_half_way(shop)
    code, told = asked("env", "status", "--root", shop.root)
    said = "a rollout of next was not finished: app-here-0, app-there-0 may have it, all others have current"
    assert (code, told["release"], told["unfinished_rollout"]) == (4, "current", said)
    restored = "the rollout of next was not finished; all instances run current again"
    assert asked("heal", shop.root) == (0, {"root": shop.root, "unproven": [], "restored": restored})
    unchanged(shop)
    _, told = asked("env", "status", "--root", shop.root)
    assert (told["release"], told["unfinished_rollout"]) == ("current", None)


def test_a_harness_that_is_killed_leaves_a_record_by_which_the_next_one_goes_back(shop: Deployment) -> None:
    """Half of the instances have the new release; the record says which."""
    root = Path(shop.root)
    killed_half_way(shop)
    left = record.unfinished(root)
    assert left is not None
    assert left.told() == "a rollout of next was not finished: app-here-0, app-there-0 may have it, all others have current"
    lines: list[str] = []
    assert rolling.go_back(root, lines.append) == "the rollout of next was not finished; all instances run current again"
    assert lines == [f"{left.told()}; going back to current"]
    assert rolling.go_back(root, lines.append) == ""
    unchanged(shop)


def test_the_janitor_of_a_command_that_is_killed_goes_back(shop: Deployment) -> None:
    """Nobody has to know that it died: a few seconds later all instances have one release, and the command works again."""
    root = Path(shop.root)
    command = [rolled.PYTHON, "-m", "closeshave", "env", "release", "next", "--root", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "answers 2" in line:
            process.kill()
            break
    assert process.wait(20) == -signal.SIGKILL, said
    process.stdout.close()
    assert processes.poll_until(lambda: record.unfinished(root) is None, 60, interval_s=0.2)
    unchanged(shop)
    [place] = root.glob("rollout-*")
    log = place / "logs" / "janitor.log"
    assert processes.poll_until(lambda: log.read_text().endswith("done\n"), 20), log.read_text()
    assert "app-here-0, app-there-0 may have it, all others have current; going back to current" in log.read_text()
    shutil.rmtree(place)
    assert subprocess.run(command, check=False, capture_output=True, timeout=120).returncode == 0
    assert set(rolled.said(shop).values()) == {"2"}
    assert list(root.glob("rollout-*")) == []


def test_all_instances_at_once_for_nobody(shop: Deployment) -> None:
    """In a gate no customer is there: one wave, and every edge reaches its region when it is over."""
    before = rolled.pids(shop)
    done = roll(shop, "next", order=all_at_once)
    assert done.rollout.waves == (tuple(NAMES),)
    assert set(rolled.said(shop).values()) == {"2"}
    assert not set(rolled.pids(shop).values()) & set(before.values())
    with pytest.raises(RolloutFailed, match=r"ended while it was starting; its log .* all instances run next again"):
        roll(shop, "broken", order=all_at_once)
    assert set(rolled.said(shop).values()) == {"2"}


def test_a_rollout_first_goes_back_from_one_that_was_not_finished(shop: Deployment) -> None:
    """So that it begins with all instances in one release."""
    root = Path(shop.root)
    record.write(root, record.RolloutRecord("current", "next", {"app-here-0": "next"}, "1"))
    before = rolled.pids(shop)
    roll(shop, "next")
    assert set(rolled.said(shop).values()) == {"2"}
    assert not set(rolled.pids(shop).values()) & set(before.values())


def test_a_rollout_that_was_finished_up_to_its_record_stays(shop: Deployment) -> None:
    """Its harness was killed between the two files."""
    root = Path(shop.root)
    roll(shop, "next")
    record.write(root, record.RolloutRecord("current", "next", dict.fromkeys(NAMES, "next"), "1"))
    assert rolling.go_back(root, print) == ""
    assert record.unfinished(root) is None
    assert set(rolled.said(shop).values()) == {"2"}


def test_two_rollouts_at_once_are_refused(shop: Deployment) -> None:
    """The second one says so, and changes nothing."""
    with record.alone(Path(shop.root)), pytest.raises(RolloutBusy, match="another process is rolling out a release"):
        roll(shop, "next")
    unchanged(shop)


@pytest.mark.parametrize(
    ("release", "message"),
    [("nxt", "this environment has no release nxt; it has current, next, tuned, liar, broken, unready, erring, sluggish, lazy")],
)
def test_what_cannot_begin_changes_nothing(shop: Deployment, release: str, message: str) -> None:
    """Before any instance is touched."""
    before = rolled.pids(shop)
    with pytest.raises(RolloutFailed, match=message):
        roll(shop, release)
    assert rolled.pids(shop) == before
    unchanged(shop)


def test_an_environment_that_does_not_serve_is_left_as_it_is(tmp_path: Path) -> None:
    """Its trouble would be taken for that of the new release."""
    with rolled.running(tmp_path) as deployment:
        first = rolled.pids(deployment)["app-here-0"]
        subprocess.run(["kill", "-STOP", str(first)], check=True)
        with pytest.raises(RolloutFailed, match="nothing was changed, because app-here-0 does not answer"):
            roll(deployment, "next")
        subprocess.run(["kill", "-CONT", str(first)], check=True)
        assert rolled.pids(deployment)["app-here-0"] == first
        rolled.without_balancers(deployment)
        with pytest.raises(RolloutFailed, match="balancers of this environment cannot be told to leave an instance out"):
            roll(deployment, "next")
        assert set(rolled.said(deployment).values()) == {"1"}
