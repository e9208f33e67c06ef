"""``closeshave gameday`` from a terminal: what is refused before anything starts, a press and its answer, the state, the chain, deficiencies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave import history
from closeshave.gameday import chain, presses, state
from closeshave.gameday.presses import Press
from closeshave.history import PersonMarked
from tests.gameday.test_after_action import shown
from tests.judge.histories import ns
from tests.judge.test_assess import whole
from tests.stored import PLAN, TARGET, keep

INJECT = "inject:\n  - {id: shard-dies, title: A shard dies, when: 10s, fault: kill}\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A game day that has ended, in a directory of runs."""
    place = tmp_path / "reports" / "runs" / "one"
    place.mkdir(parents=True)
    kept = keep(whole(), place)
    history.save_manifest(kept, replace(history.load_manifest(kept), game_day="held"))
    history.record(kept, PersonMarked(ns(130), ns(130), "noticed", "Bo"))
    (kept / "plan.yaml").write_text(PLAN + INJECT)
    (kept / "target.yaml").write_text(TARGET.replace("RECOVERY", "1s"))
    presses.directory(kept).mkdir(parents=True)
    state.save(kept, shown())
    links = chain.Chain(kept)
    links.add(ns(110), "begin", {})
    links.add(ns(190), chain.END, {})
    return kept


@contextmanager
def answering(run: Path, why: str) -> Iterator[list[Press]]:
    """As a trial would: answers the first press; empty ``why``: it is taken."""
    seen: list[Press] = []
    over = threading.Event()

    def answer() -> None:
        while not over.wait(0.02):
            for _, press in presses.untaken(run, ()):
                if isinstance(press, Press) and press not in seen:
                    seen.append(press)
                    state.save(run, replace(shown(), answers=(state.Answered(press.id, not why, why),)))

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("smoke",), b"inject: is missing: a game day needs at least one inject", id="an ordinary plan"),
        pytest.param(("gameday-shrad",), b"did you mean gameday-shard?", id="a plan that there is not"),
        pytest.param(
            ("--rehearse", "gameday-shard", "--attach", "/nowhere"), b"no environment can be used at /nowhere", id="an option first"
        ),
        pytest.param(("press", "ONE", "explode"), b"action is one of go, hold, resume", id="no such action"),
        pytest.param(("press", "ONE", "go"), b"go needs the ID of an inject", id="go what?"),
        pytest.param(("press", "ONE", "note"), b"the text of a note", id="an empty note"),
        pytest.param(("press", "ONE", "hold", "--as", "boss"), b"role is one of facilitator", id="no such role"),
        pytest.param(("deficiency", "ONE", "x", "--owner", "M", "--due", "soon", "--retest", "smoke"), b"is not a day", id="no day"),
        pytest.param(
            ("deficiency", "ONE", "x", "--owner", "M", "--due", "2027-01-01", "--retest", "smoke", "--finding", "y"),
            b"'y' is no verdict",
            id="no verdict",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(run: Path, command, arguments: tuple[str, ...], said: bytes) -> None:
    """With what would be right, exit code 2; nothing is written."""
    done = command("gameday", *(str(run) if each == "ONE" else each for each in arguments), cwd=run.parents[2])
    assert (done.code, said in done.stderr) == (2, True), done.said
    assert list(presses.untaken(run, ())) == []


def test_a_run_that_is_no_game_day_takes_no_presses(tmp_path: Path, command) -> None:
    """Nor has it a state or a chain."""
    for told in (("press", ".", "hold"), ("state", "."), ("check", ".")):
        done = command("gameday", *told, cwd=tmp_path)
        assert (done.code, b"this run is no game day" in done.stderr) == (2, True), done.said


@pytest.mark.parametrize(("why", "code"), [("", 0), ("the clock is held already", 4)])
def test_a_press_says_what_became_of_it(run: Path, command, why: str, code: int) -> None:
    """Taken, or refused with the trial's reason."""
    with answering(run, why) as seen:
        done = command("gameday", "press", str(run), "tick", "shard-dies", "--step", "3", "--as", "responder", "--by", "Bo", cwd=run)
    assert (done.code, (why or "done").encode() in done.stdout) == (code, True), done.said
    assert [(each.action, each.inject, each.value, each.role, each.name) for each in seen] == [("tick", "shard-dies", 2, "responder", "Bo")]


def test_the_state_is_shown_in_lines_and_as_json(run: Path, command) -> None:
    """The clock, the injects, the steps, the notes."""
    done = command("gameday", "state", str(run), cwd=run)
    assert done.code == 0, done.said
    for line in (
        b"clock ended at 1:20",
        b"done     shard-dies: A shard dies",
        b"[x] 3. step c",
        b"[ ] 4. step d",
        b"note at 0:25 by Chi: fine [board.jpg]",
    ):
        assert line in done.stdout
    told = json.loads(command("gameday", "state", str(run), "--json", cwd=run).stdout)
    assert told["injects"][0]["id"] == "shard-dies"


def test_the_chain_is_checked(run: Path, command) -> None:
    """Exit code 4 for one that was changed."""
    assert command("gameday", "check", str(run), cwd=run).code == 0
    path = run / "gameday" / chain.CHAIN
    path.write_bytes(path.read_bytes().replace(b'"begin"', b'"begun"'))
    done = command("gameday", "check", str(run), cwd=run)
    assert (done.code, b"entry 0 was changed" in done.stdout) == (4, True)


def test_a_deficiency_is_in_the_report_and_in_the_schedule(run: Path, command) -> None:
    """Until its plan has passed: written down today, so no earlier run counts."""
    told = (
        "deficiency",
        str(run),
        "Nobody led",
        "--owner",
        "Mara",
        "--due",
        "2099-01-01",
        "--retest",
        "gameday-shard",
        "--finding",
        "recovery/kill",
    )
    done = command("gameday", *told, cwd=run.parents[2])
    assert (done.code, b"D1: Nobody led; Mara, until 2099-01-01, re-tested by gameday-shard" in done.stdout) == (0, True), done.said
    report = json.loads((run / "gameday.json").read_text())
    assert [each["what"] for each in report["deficiencies"]] == ["Nobody led"]
    assert "recovery/kill" not in report["unrecorded"]
    rows = json.loads(command("schedule", "--json", cwd=run.parents[2]).stdout)["deficiencies"]
    assert [(each["run"], each["id"], each["state"]) for each in rows] == [("one", "D1", "open")]
