"""Drills that an operator's hooks carry out: every call of a scripted operator is a real program; what fails, hangs or lies is named, and put back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment, Secrets
from closeshave.drills import catalogue, hooked, lifecycle
from closeshave.drills.kind import DrillWork
from closeshave.faults import drillhook
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.runmark import RUN_MARK, mark
from closeshave.files.yamlfile import InvalidFile
from closeshave.trial.preparation import prepare
from tests.faults import toys
from tests.faults.harness import janitor_log, janitor_of
from tests.remote.definitions import document, remote, write
from tests.remote.operators import call, calls, drill_hook
from tests.tiers import thorough

KIND = "move.to-new-home"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The scripted operator's."""
    return tmp_path / "state"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An empty run directory, of a name that no other run on this machine has: what a hook starts is found by it."""
    path = tmp_path / f"run-{os.getpid()}-{tmp_path.name}"
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that is not fit now will not be later; and this one may be asked often."""
    monkeypatch.setattr(lifecycle, "FIT_WITHIN_S", 0.0)
    for module in (hooked, drillhook):
        monkeypatch.setattr(module, "ASK_EVERY_S", 0.05)


def platform(tmp_path: Path, *hooks: dict[str, Any]) -> Deployment:
    """A remote platform of which only the hooks matter, read from a file as any environment."""
    told = remote(tmp_path, drill_hooks=list(hooks))
    described = replace(toys.deployment(tmp_path / "root"), kind="remote", drill_hooks=told.drill_hooks)
    described.save()
    return described


def carried(serving: Deployment, run: Path, limit_s: float = 20.0) -> list[str]:
    """Carry the drill out now, in this process; returns what is not proven to be put back."""
    run.mkdir(exist_ok=True)
    kind = catalogue.of(KIND, {}, serving, {RUN_MARK: mark(run)})
    work = DrillWork(
        "moved", kind.way_back.aim(serving, {}, {}), run / "drills" / "moved", 0, lambda: False, lambda _m, _p: 0, lambda _line: None
    )
    return lifecycle.carry_out(Ledger(run), kind, work, now_ns(), limit_s)


def lines(run: Path) -> list[dict[str, Any]]:
    """Every line of the run's timeline."""
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def ending(run: Path) -> tuple[str, str]:
    """How it ended, and why."""
    (found,) = [line for line in lines(run) if line["type"] == "drill-end"]
    return found["how"], found["why"]


def proofs(run: Path) -> list[bool]:
    """Which proofs of the end state held."""
    return [line["holds"] for line in lines(run) if line["type"] == "drill-proof"]


def test_a_drill_is_started_followed_finished_verified_and_put_back(tmp_path: Path, run: Path, state: Path) -> None:
    """In this order, each step on the timeline; it is in the ledger before the first call that changes something."""
    # A call that would say yes may take longer than a second to begin, on a busy machine.
    assert carried(platform(tmp_path, drill_hook(state, verified_within="15s")), run) == []
    assert calls(state) == ["is-safe", "is", "start", "status", "is-safe", "status", "finish", "is", "abort", "is-safe"]
    assert [(line["step"], line["done"]) for line in lines(run) if line["type"] == "drill-step"] == [
        ("start", True), ("wait until it is done", True), ("finish", True),
    ]  # fmt: skip
    assert ending(run)[0] == "carried-out"
    assert proofs(run) == [True]
    assert Ledger(run).open() == ()
    assert state.read_text() == "before"
    assert not [line for line in lines(run) if line.get("kind") == "heal-check-worthless"]


@pytest.mark.thorough
def test_an_end_state_that_stays_is_not_aborted(tmp_path: Path, run: Path, state: Path) -> None:
    """Neither by the trial nor by a later healing in another process; the next drill may abort again."""
    stays = platform(tmp_path, drill_hook(state, stays=True))
    assert carried(stays, run) == []
    assert "abort" not in calls(state)
    assert state.read_text() == "after"
    state.write_text("before")
    assert carried(platform(tmp_path, drill_hook(state, stays=True, verify=call(state, "is", "elsewhere"))), tmp_path / "second") == []
    assert calls(state)[-2:] == ["abort", "is-safe"], "what stays is what was proven, not what was proven once"


def test_a_procedure_that_is_done_when_start_returns_needs_no_status_and_no_finish(tmp_path: Path, run: Path, state: Path) -> None:
    """Three calls and the check are enough."""
    assert carried(platform(tmp_path, drill_hook(state, start=call(state, "finish"), status=..., finish=...)), run) == []
    assert calls(state) == ["is-safe", "is", "finish", "is", "abort", "is-safe"]
    assert ending(run)[0] == "carried-out"


@pytest.mark.parametrize(
    ("changes", "how", "why"),
    [
        ({"start": "start-and-fail"}, "failed", "start: start of the hook for move.to-new-home on everything exit code 3"),
        *thorough(({"start": ("start-and-hang", "1s")}, "overdue", "had not ended after 1 s and was killed")),
        *thorough(({"start": ("start", "9999")}, "overdue", "it was not done within its limit: status of the hook for move.to-new-home on everything")),
        ({"start": None}, "disturbed", "could not be started: FileNotFoundError"),
        *thorough(({"finish": ("is", "nothing of the kind")}, "failed", "finish: finish of the hook for move.to-new-home on everything exit code 1")),
    ],
    ids=["fails", "hangs", "never done", "cannot be started", "cannot finish"],
)  # fmt: skip
def test_a_hook_that_fails_is_named_and_aborted(
    tmp_path: Path, run: Path, state: Path, changes: dict[str, Any], how: str, why: str
) -> None:
    """What the platform could not do is a failure, what this machine could not do is none; the platform is put back in any case."""
    told: dict[str, Any] = {}
    for name, wanted in changes.items():
        match wanted:
            case None:
                told[name] = {"command": [str(tmp_path / "no-such-program")]}
            case ("start-and-hang", timeout):
                told[name] = call(state, "start-and-hang", timeout=timeout)
            case tuple():
                told[name] = call(state, *wanted)
            case _:
                told[name] = call(state, wanted)
    assert carried(platform(tmp_path, drill_hook(state, **told)), run, 3.0) == []
    assert ending(run)[0] == how
    assert why in ending(run)[1]
    assert calls(state)[-2:] == ["abort", "is-safe"]
    assert proofs(run) == []
    assert state.read_text() == "before"


@pytest.mark.thorough
def test_an_operator_whose_calls_lie_is_not_believed(tmp_path: Path, run: Path, state: Path) -> None:
    """Every call says that it went well, and nothing was done: verify decides, and says no."""
    lying = drill_hook(state, start=call(state, "nothing"), status=call(state, "nothing"), finish=call(state, "nothing"))
    assert carried(platform(tmp_path, lying), run) == []
    assert ending(run)[0] == "carried-out"
    assert proofs(run) == [False]


def test_a_verify_that_says_yes_before_the_drill_proves_nothing(tmp_path: Path, run: Path, state: Path) -> None:
    """The drill does not begin: it would pass whatever happens."""
    assert carried(platform(tmp_path, drill_hook(state, verify=call(state, "nothing"))), run) == []
    how, why = ending(run)
    assert how == "disturbed"
    assert "before the drill, so it cannot prove that the drill was carried out" in why
    assert calls(state) == ["is-safe", "nothing"]


@pytest.mark.parametrize("has_status", [True, pytest.param(False, marks=pytest.mark.thorough)], ids=["with a status", "with a finish only"])
def test_a_heal_check_that_says_yes_in_the_middle_proves_nothing(tmp_path: Path, run: Path, state: Path, has_status: bool) -> None:
    """It could not tell a platform that is half switched. Said on the timeline, so that judges do not count it as proven."""
    hook = drill_hook(state, heal_check=call(state, "nothing"), **({} if has_status else {"status": ...}))
    assert carried(platform(tmp_path, hook), run) == []
    (said,) = [line["detail"] for line in lines(run) if line.get("kind") == "heal-check-worthless"]
    assert said.startswith("moved: heal_check of the hook for move.to-new-home on everything exit code 0 while the drill was under way")


def test_an_abort_that_fails_leaves_the_drill_open(tmp_path: Path, run: Path, state: Path) -> None:
    """It is named, and found again by a later healing."""
    broken = platform(tmp_path, drill_hook(state, start=call(state, "start-and-fail"), abort={"command": ["false"]}))
    with pytest.raises(RuntimeError, match=r"abort of the hook for move\.to-new-home on everything exit code 1"):
        carried(broken, run)
    assert [standing.fault for standing in Ledger(run).open()] == ["moved"]
    assert heal_open(run, platform(tmp_path, drill_hook(state)), lambda _line: None) == []
    assert state.read_text() == "before"


def test_a_platform_in_no_safe_state_is_left_alone(tmp_path: Path, run: Path, state: Path) -> None:
    """Somebody else is at work there: nothing is started and nothing aborted."""
    state.write_text("somebody is at work")
    assert carried(platform(tmp_path, drill_hook(state)), run) == []
    assert ending(run) == ("disturbed", ending(run)[1])
    assert "the platform is not in a safe state" in ending(run)[1]
    assert set(calls(state)) == {"is-safe"}


HARNESS = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from closeshave.clock import now_ns
    from closeshave.deployment import load
    from closeshave.drills import catalogue, lifecycle
    from closeshave.drills.kind import DrillWork
    from closeshave.faults import janitor
    from closeshave.faults.ledger import Ledger
    from closeshave.faults.runmark import RUN_MARK, mark
    from closeshave.trial.guarding import WATCHING

    run, serving = Path(sys.argv[1]), load(Path(sys.argv[2]))
    janitor.LEASE_S = 1.0
    with janitor.Heartbeat(run):
        janitor.start(run, Path(serving.root), None, module=WATCHING)
        kind = catalogue.of("move.to-new-home", {}, serving, {RUN_MARK: mark(run)})
        aim = kind.way_back.aim(serving, {}, {})
        work = DrillWork("moved", aim, run / "drills" / "moved", 0, lambda: False, lambda _m, _p: 0, lambda _line: None)
        lifecycle.carry_out(Ledger(run), kind, work, now_ns(), 60.0)
        time.sleep(600)
    """
)


@pytest.fixture
def killed_in(tmp_path: Path, state: Path) -> Iterator[Any]:
    """Kills a harness in the middle of its drill, and waits for what its janitor does."""
    runs: list[Path] = []

    def kill_in(action: str, hook: dict[str, Any]) -> Path:
        serving = platform(tmp_path, hook)
        run = tmp_path / f"run-{os.getpid()}-{tmp_path.name}"
        run.mkdir()
        runs.append(run)
        with subprocess.Popen([sys.executable, "-c", HARNESS, str(run), serving.root], start_new_session=True) as harness:
            assert poll_until(lambda: action in calls(state), 60)
            harness.send_signal(signal.SIGKILL)
        return run

    yield kill_in
    for run in runs:
        if (run / "janitor.json").exists() and (process := janitor_of(run).handle()) is not None:
            process.kill()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("action", "changes"),
    [
        pytest.param("start-and-hang", {"start": "start-and-hang"}, marks=pytest.mark.thorough, id="in start"),
        pytest.param("status", {"start": ("start", "9999")}, id="while it is under way"),
        pytest.param("finish", {"finish": "finish-and-hang"}, marks=pytest.mark.thorough, id="in finish"),
    ],
)
def test_the_janitor_aborts_what_a_killed_harness_left_half_done(
    tmp_path: Path, state: Path, killed_in: Any, action: str, changes: dict[str, Any]
) -> None:
    """At each step: the platform is in a safe state within a minute, and the call that hung is ended with the run."""
    told = {name: call(state, *([wanted] if isinstance(wanted, str) else wanted), timeout="9m") for name, wanted in changes.items()}
    run = killed_in("finish-and-hang" if action == "finish" else action, drill_hook(state, **told))
    assert poll_until(lambda: Ledger(run).open() == () and "abort" in calls(state), 60), janitor_log(run)
    assert state.read_text() == "before"
    assert f"healing moved ({KIND})" in janitor_log(run)
    assert not [process for process in psutil.process_iter(["cmdline"]) if str(state) in (process.info["cmdline"] or [])]


def test_a_hooks_command_gets_only_the_secrets_that_it_needs(tmp_path: Path) -> None:
    """Headers of drill hooks are among them: they are named in the file, and never written in it."""
    asked = {"http": "https://ops.example.com/drills", "headers_from": {"Authorization": "OPERATOR_TOKEN"}}
    told = remote(tmp_path, drill_hooks=[drill_hook(tmp_path / "state", start=asked)])
    assert told.secrets == Secrets(hooks=("OPERATOR_TOKEN",))


CAPS = {"requests_per_s": 500, "requests": 20000, "duration": "10m", "shards_at_once": 1}
PLAN = """name: p
environment: {environment}
target: bookedbarber-smoke
tests: [integrity]
seed: 1
limits: {{duration: 3m, requests: 20000}}
phases:
  - {{name: calm, role: calm, duration: 30s, sessions_per_s: 1}}
  - {{name: moved, role: fault, duration: 90s, sessions_per_s: 1}}
drills:
  - {{id: move, phase: moved, at: 5s, limit: 30s, {drill}}}
"""


@pytest.mark.parametrize(
    ("drill", "hook", "expected"),
    [
        ("kind: move.to-new-home", {}, ""),
        ("kind: restore.latest, scope: {shard: 1}", {"kind": "restore.latest", "scope": {"shard": 1}}, ""),
        ("kind: move.to-new-hoem", {}, "carries it out at exactly this scope; drill hooks: move.to-new-home on everything"),
        ("kind: move.to-new-home, scope: {shard: 1}", {}, "there is no kind of drill move.to-new-home, and no drill hook"),
        ("kind: database.switchover, scope: {shard: 1}", {}, "does not work on remote environments; it works on: embedded, and no drill hook"),
        ("kind: move.to-new-home, parameters: {back: 5}", {}, "move.to-new-home has no parameter 'back'"),
        ("kind: move.to-new-home, expected: {stopped: 10%}", {}, "never stops by itself"),
        ("kind: move.to-new-home", {"kind": "shard.primary-killed", "scope": {"shard": 1}}, "is a kind of fault: list it under hooks"),
        ("kind: move.to-new-home", {"kind": "restore.latest"}, "restore.latest needs a scope with 'shard'"),
        ("kind: move.to-new-home, scope: {shard: 7}", {"scope": {"shard": 7}}, "7"),
    ],
)  # fmt: skip
def test_what_validate_says_of_a_drill_on_a_remote_platform(
    tmp_path: Path, state: Path, drill: str, hook: dict[str, Any], expected: str
) -> None:
    """Hooks of exactly its scope carry it out; what would be right is said otherwise, before anything starts."""
    environment = write(tmp_path / "plain-staging.yaml", document(drill_hooks=[drill_hook(state, **hook)], caps=CAPS))
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.format(environment=environment, drill=drill))
    if not expected:
        assert prepare(str(path)).plan.drills
        return
    with pytest.raises(InvalidFile) as caught:
        prepare(str(path))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("hook", "caps", "expected"),
    [
        ({"abort": {"command": ["/no/such/program"]}}, {}, "needs the program '/no/such/program', which this machine does not have"),
        ({"verify": {"http": "http://127.0.0.1:1", "headers_from": {"Authorization": "NOT_SET_HERE"}}}, {}, "needs the environment variable NOT_SET_HERE"),
        ({"scope": {"shard": 1}}, {"shards_at_once": 0}, "drill move would affect 1 shards at once (1); plain-staging allows 0"),
    ],
)  # fmt: skip
def test_what_the_operator_did_not_allow_or_prepare_is_known_before_anything_starts(
    tmp_path: Path, state: Path, hook: dict[str, Any], caps: dict[str, int], expected: str
) -> None:
    """A program, a variable, or more at once than the file allows."""
    allowed = CAPS | caps
    environment = write(tmp_path / "plain-staging.yaml", document(drill_hooks=[drill_hook(state, **hook)], caps=allowed))
    scope = ", scope: {shard: 1}" if "scope" in hook else ""
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.format(environment=environment, drill=f"kind: {KIND}{scope}"))
    with pytest.raises(InvalidFile) as caught:
        prepare(str(path))
    assert expected in str(caught.value)
