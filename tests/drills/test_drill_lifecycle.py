"""How a drill is carried out: in the ledger before its first step, every step on the timeline, put back whatever happened. No server is involved."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clock import now_ns
from closeshave.control.processes import poll_until
from closeshave.deployment import Deployment
from closeshave.drills import lifecycle
from closeshave.drills.catalogue import WAYS_BACK
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillOverdue, DrillStep, DrillStopped, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.faults import ledger
from closeshave.faults.heal import heal_open
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from closeshave.history import DrillProven, record
from tests.faults import toys
from tests.tiers import thorough

CHANGED = "changed"
"""A file in the environment that stands for what a drill changes."""


def changed(aim: Aim) -> Path:
    """What the toy drill changes."""
    return Path(aim.deployment.root, CHANGED)


def first(work: DrillWork) -> Facts:
    """The drill must be in the ledger by now."""
    assert Ledger(work.keeps.parents[1]).find(work.id) is not None
    return {"found": 7}


def second(work: DrillWork) -> Facts:
    """Change the environment; what the first step found is known."""
    changed(work.aim).write_text(str(work.facts["first"]["found"]))
    return {}


def undo(aim: Aim, _deadline_ns: int, _say: Say) -> tuple[str, ...]:
    """Change it back, whether it was changed or not."""
    changed(aim).unlink(missing_ok=True)
    return ("removed",)


KIND = DrillKind(
    name="toy.drill",
    does="Changes a file.",
    proven_by="The file.",
    put_back_by="Removes it.",
    scope=("shard",),
    steps=(DrillStep("first", first), DrillStep("second", second)),
    unfit=lambda _aim: "",
    prove=lambda work: (Proof("it is changed", changed(work.aim).exists(), "the file"),),
    undo=undo,
    safe=lambda aim: (Proof("it is as before", not changed(aim).exists(), "no file"),),
    proven_within_s=0.3,
    put_back_within_s=2.0,
)


@pytest.fixture
def toy(tmp_path: Path) -> Deployment:
    """A described environment, none of which runs."""
    return toys.described(tmp_path / "root")


def carried(
    toy: Deployment, run: Path, kind: DrillKind = KIND, stop: Callable[[], bool] = lambda: False, limit_s: float = 5.0
) -> list[str]:
    """Carry the drill out now."""
    run.mkdir(exist_ok=True)
    work = DrillWork(
        "toy",
        kind.way_back.aim(toy, {"shard": 1}, {}),
        run / "drills" / "toy",
        after(limit_s),
        stop,
        lambda _member, _path: 0,
        lambda _line: None,
    )
    return carry_out(Ledger(run), kind, work, now_ns(), limit_s)


def timeline(run: Path) -> list[dict[str, Any]]:
    """Every line of the run's timeline."""
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def told(run: Path) -> list[str]:
    """The timeline in short."""
    short = []
    for line in timeline(run):
        match line["type"]:
            case "fault":
                short.append(line["edge"])
            case "drill-step":
                short.append(f"{line['step']}{'' if line['done'] else ' not done'}")
            case "drill-proof":
                short.append(f"proof {line['holds']}")
            case "drill-end":
                short.append(line["how"])
            case "mark":
                short.append(line["kind"])
    return short


def ending(run: Path) -> dict[str, Any]:
    """How it ended."""
    (found,) = [line for line in timeline(run) if line["type"] == "drill-end"]
    return found


def test_a_drill_is_in_the_ledger_proven_and_put_back(toy: Deployment, tmp_path: Path) -> None:
    """In this order, and nothing is left of it."""
    run = tmp_path / "run"
    assert carried(toy, run) == []
    assert told(run) == ["planned", "first", "second", "proof True", "carried-out", "healing-begun", "healed", "verified-healed"]
    assert Ledger(run).open() == ()
    assert not Path(toy.root, CHANGED).exists()
    steps = [line for line in timeline(run) if line["type"] == "drill-step"]
    assert steps[0]["facts"] == {"found": 7}
    assert steps[0]["began_ns"] <= steps[0]["ended_ns"] <= steps[1]["began_ns"]


def raises(error: Exception) -> Callable[[DrillWork], Facts]:
    """A step that changes something first."""

    def act(work: DrillWork) -> Facts:
        second(work)
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "how", "why"),
    [
        (DrillFailed("the backup is damaged"), "failed", "second: the backup is damaged"),
        (DrillOverdue("it does not accept writes: refused"), "overdue", "second: it does not accept writes: refused"),
        (DrillDisturbed("the backup server does not run"), "disturbed", "second: the backup server does not run"),
        (OSError(errno.ENOSPC, "No space left on device"), "disturbed", "second: the disk is full"),
        (ZeroDivisionError("division by zero"), "disturbed", "second: ZeroDivisionError: division by zero"),
    ],
)
def test_a_step_that_cannot_be_done_ends_the_drill_and_all_is_put_back(
    toy: Deployment, tmp_path: Path, error: Exception, how: str, why: str
) -> None:
    """What it tests fails it; everything else disturbed it, a bug of ours too."""
    run = tmp_path / "run"
    kind = replace(KIND, steps=(DrillStep("first", first), DrillStep("second", raises(error))))
    assert carried(toy, run, kind) == []
    assert told(run) == ["planned", "first", "second not done", how, "healing-begun", "healed", "verified-healed"]
    assert ending(run)["why"] == why
    assert not Path(toy.root, CHANGED).exists()


def test_a_drill_that_stops_by_itself_is_proven_to_be_back(toy: Deployment, tmp_path: Path) -> None:
    """Its step has its facts, no further step is done, and another proof than that of a drill that was carried out is made."""
    run = tmp_path / "run"

    def stops(work: DrillWork) -> Facts:
        raise DrillStopped("the release was bad", {"stopped_at": 0.1, "found": work.facts["first"]["found"]})

    kind = replace(
        KIND,
        steps=(DrillStep("first", first), DrillStep("watch", stops), DrillStep("second", second)),
        prove_stopped=lambda work: (Proof("it is as before", not changed(work.aim).exists(), "no file"),),
    )
    assert carried(toy, run, kind) == []
    assert told(run) == ["planned", "first", "watch", "proof True", "stopped", "healing-begun", "healed", "verified-healed"]
    assert ending(run)["why"] == "the release was bad"
    assert [line["facts"] for line in timeline(run) if line["type"] == "drill-step"][1] == {"stopped_at": 0.1, "found": 7}


def test_an_end_state_that_does_not_hold_is_on_the_timeline(toy: Deployment, tmp_path: Path) -> None:
    """The judges fail it."""
    run = tmp_path / "run"
    assert carried(toy, run, replace(KIND, prove=lambda _work: (Proof("it is changed", holds=False, saw="no"),))) == []
    assert told(run)[3:5] == ["proof False", "carried-out"]


def test_proofs_that_cannot_be_kept_prove_nothing_and_all_is_put_back(
    toy: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the first proof should be written."""
    kept = record

    def full(run: Path, event: Any) -> None:
        if isinstance(event, DrillProven):
            raise OSError(errno.ENOSPC, "No space left on device")
        kept(run, event)

    monkeypatch.setattr(lifecycle, "record", full)
    run = tmp_path / "run"
    assert carried(toy, run) == []
    assert told(run)[-4:] == ["disturbed", "healing-begun", "healed", "verified-healed"]
    assert "could not be kept" in ending(run)["why"]
    assert not Path(toy.root, CHANGED).exists()


def test_a_drill_that_cannot_begin_changes_nothing(toy: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not even in the ledger."""
    monkeypatch.setattr("closeshave.drills.lifecycle.FIT_WITHIN_S", 0.1)
    run = tmp_path / "run"
    assert carried(toy, run, replace(KIND, unfit=lambda _aim: "it has no base backup")) == []
    assert told(run) == ["disturbed"]
    assert ending(run)["why"] == "it could not begin: it has no base backup"
    assert not (run / ledger.FILE).exists()


def test_a_drill_that_is_stopped_is_put_back(toy: Deployment, tmp_path: Path) -> None:
    """Before its next step."""
    run = tmp_path / "run"
    stops = iter([False, False, False, True, True, True, True])
    assert carried(toy, run, stop=lambda: next(stops, True)) == []
    assert ending(run)["how"] == "disturbed"
    assert told(run)[-2:] == ["healed", "verified-healed"]


def test_a_step_that_waits_in_vain_has_failed_with_what_was_in_the_way(toy: Deployment, tmp_path: Path) -> None:
    """At the drill's limit."""
    run = tmp_path / "run"

    def waits(work: DrillWork) -> Facts:
        work.until(lambda: "it is still recovering", "the restored database does not accept writes")
        return {}

    carried(toy, run, replace(KIND, steps=(DrillStep("first", first), DrillStep("second", waits))), limit_s=0.3)
    assert ending(run)["why"] == "second: the restored database does not accept writes: it is still recovering"
    assert ending(run)["how"] == "overdue"


def test_what_cannot_be_put_back_stays_in_the_ledger(toy: Deployment, tmp_path: Path) -> None:
    """And is said."""
    run = tmp_path / "run"
    left = carried(
        toy, run, replace(KIND, safe=lambda _aim: (Proof("it is as before", holds=False, saw="the file is there"),), put_back_within_s=0.3)
    )
    assert left == ["toy: it is as before: the file is there"]
    assert told(run)[-1] == "heal-unproven"
    assert [each.fault for each in Ledger(run).open()] == ["toy"]


KILLED = textwrap.dedent(
    """
    import sys, time
    from dataclasses import replace
    from pathlib import Path
    from closeshave.deployment import load
    from closeshave.drills.kind import DrillStep
    from tests.drills import test_drill_lifecycle as toy_drill

    def hangs(work):
        if sys.argv[3] == "changed":
            toy_drill.second(work)
        print("there", flush=True)
        time.sleep(60)

    kind = replace(toy_drill.KIND, steps=(DrillStep("first", toy_drill.first), DrillStep("second", hangs)))
    toy_drill.carried(load(Path(sys.argv[1])), Path(sys.argv[2]), kind)
    """
)


@pytest.mark.parametrize("at", [*thorough("before"), "changed"])
def test_whoever_finds_the_ledger_puts_back_what_a_killed_process_left(toy: Deployment, tmp_path: Path, at: str) -> None:
    """After ``kill -9`` in the middle of a step, before and after it changed something: the janitor's undo."""
    run = tmp_path / "run"
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, toy.root, str(run), at], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGKILL)
    assert Path(toy.root, CHANGED).exists() == (at == "changed")
    assert [each.undo.kind for each in Ledger(run).open()] == ["toy.drill"]
    assert heal_open(run, toy, lambda _line: None, kinds={**WAYS_BACK, "toy.drill": KIND.way_back}) == []
    assert poll_until(lambda: not Path(toy.root, CHANGED).exists(), 1)
    assert Ledger(run).open() == ()
