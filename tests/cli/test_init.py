"""The first files of a team: they are valid, they run, and nothing is overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from closeshave.trial.preparation import prepare
from tests.traffic.test_own_locust_files import QUICKSTART
from truth.plain.running import Plain, plain


@pytest.fixture(scope="module")
def platform():
    """A platform that shares no code with the harness."""
    with plain("--limits", "20") as running:
        yield running


def test_it_walks_the_platform_and_writes_files_that_are_valid(command, platform: Plain, tmp_path: Path) -> None:
    """What the doctor found stands in the environment file; validate takes the plan as it is; what to do next is said."""
    done = command("init", "--url", platform.url, "--name", "mine", "--json", cwd=tmp_path)
    assert done.code == 0, done.said
    told = json.loads(done.stdout)
    assert told["written"] == ["environments/mine.yaml", "environments/targets/mine.yaml", "scenarios/mine.yaml"]
    assert any("closeshave run scenarios/mine.yaml" in step for step in told["next"])
    checked = command("validate", "scenarios/mine.yaml", cwd=tmp_path)
    assert checked.code == 0, checked.said
    prepared = prepare(str(tmp_path / "scenarios" / "mine.yaml"))
    assert prepared.definition.capabilities.ready_by == "body"
    assert prepared.definition.capabilities.zone == "America/New_York"
    assert {objective.id for objective in prepared.target.objectives} == {"availability", "latency", "recovery", "integrity"}


def test_a_locust_file_of_ones_own_needs_no_booking_platform(command, platform: Plain, tmp_path: Path) -> None:
    """Only what anybody may ask is asked; integrity is not promised."""
    (tmp_path / "load").mkdir()
    (tmp_path / "load" / "shop.py").write_text(QUICKSTART)
    before = platform.ask("state")
    done = command(
        "init", "there", "--url", platform.url, "--stage", "staging", "--name", "shop", "--locust", "load/shop.py", "-q", cwd=tmp_path
    )
    assert done.code == 0, done.said
    assert done.stdout.decode().split() == [f"there/{path}/shop.yaml" for path in ("environments", "environments/targets", "scenarios")]
    assert platform.ask("state") == before
    prepared = prepare(str(tmp_path / "there" / "scenarios" / "shop.yaml"))
    assert prepared.plan.traffic.locust is not None
    assert Path(prepared.plan.traffic.locust.file).resolve() == tmp_path / "load" / "shop.py"
    assert {objective.id for objective in prepared.target.objectives} == {"availability", "latency", "recovery"}


def test_on_a_terminal_it_asks(command, platform: Plain, tmp_path: Path) -> None:
    """For the address, the stage and a Locust file; the platform says its own name."""
    terminal, inside = os.openpty()
    try:
        os.write(terminal, f"{platform.url}\nstaging\n\n".encode())
        done = command("init", cwd=tmp_path, environ={"TERM": "dumb"}, stdin=inside, stderr=inside)
    finally:
        os.close(inside)
        os.close(terminal)
    assert done.code == 0, done.said
    assert [path.name for path in (tmp_path / "scenarios").iterdir()] == ["plain-barbers-staging.yaml"]
    assert b"closeshave run scenarios/plain-barbers-staging.yaml" in done.stdout


def test_nothing_is_overwritten(command, platform: Plain, tmp_path: Path) -> None:
    """If one file is there, none is written, and the platform is not even asked."""
    there = tmp_path / "scenarios" / "mine.yaml"
    there.parent.mkdir()
    there.write_text("mine\n")
    done = command("init", "--url", "http://127.0.0.1:1", "--name", "mine", cwd=tmp_path)
    assert done.code == 2
    assert b"scenarios/mine.yaml: exists already, and nothing is overwritten" in done.stderr
    assert there.read_text() == "mine\n"
    assert not (tmp_path / "environments").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), b"--url: is missing: give the address of the platform"),
        (("--url", "http://127.0.0.1:1"), b"does not identify itself"),
        (("--url", "http://127.0.0.1:1", "--stage", "stagging"), b"(did you mean staging?)"),
        (("--url", "http://127.0.0.1:1", "--name", "two words"), b"'two words' is no name"),
        (("--url", "http://127.0.0.1:1", "--name", "x", "--locust", "gone.py"), b"gone.py"),
    ],
)
def test_what_is_missing_or_wrong_is_one_sentence(command, tmp_path: Path, arguments: tuple[str, ...], says: bytes) -> None:
    """With code 2, and nothing is written."""
    done = command("init", *arguments, cwd=tmp_path)
    assert done.code == 2, done.said
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_locust_file_that_cannot_be_used_is_named(command, platform: Plain, tmp_path: Path) -> None:
    """Nothing is written either."""
    (tmp_path / "shop.py").write_text("import no_such_module_5513\n")
    done = command("init", "--url", platform.url, "--name", "shop", "--locust", "shop.py", cwd=tmp_path)
    assert done.code == 2, done.said
    assert b"shop.py:1: cannot be loaded by Locust" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["shop.py"]
