"""A short game day on the embedded environment, driven by presses of a script: what people press happens, once, and nothing stays broken."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.environments import registry
from closeshave.faults import runmark
from closeshave.faults.ledger import Ledger
from closeshave.files import read_lines
from closeshave.gameday import chain, presses, state
from closeshave.gameday.state import GameDayState, InjectStatus
from closeshave.vocabulary import Exit
from tests.trial.conftest import Running, janitor_ended, left_by

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

PLAN = """
name: short-gameday
environment: embedded
target: barberpro-argentina
seed: 7
tests: [availability, detect]
limits: {duration: 10m, requests: 200000}
traffic: {think_time_scale: 0.3}
phases:
  - {name: calm, role: calm, duration: 8s, sessions_per_s: 4}
  - {name: exercise, role: fault, duration: 5m, sessions_per_s: 4}
faults:
  - {id: primary-killed, kind: shard.primary-killed, phase: exercise, at: 10s, hold: 12s, expected: recovers, scope: {shard: 1}}
  - {id: cache-slow, kind: cache.slow, phase: exercise, at: 60s, hold: 60s, expected: degrades, scope: {tier: cache}}
  - {id: app-killed, kind: service.killed, phase: exercise, at: 150s, hold: 10s, expected: tolerates, scope: {region: us-east-1}}
inject:
  - {id: hello, title: Hello, when: 2s, message: Good evening, told: [responder]}
  - {id: dies, title: A shard dies, when: 6s, fault: primary-killed, hidden: true, runbook: book.md}
  - {id: slows, title: The cache is slow, when: on my word, fault: cache-slow}
  - {id: crashes, title: An instance is killed, when: 3m, fault: app-killed}
"""

DRILLED = """
name: drilled-gameday
environment: embedded
target: barberpro-argentina
seed: 7
tests: [availability]
limits: {duration: 10m, requests: 200000}
traffic: {think_time_scale: 0.3}
phases:
  - {name: calm, role: calm, duration: 8s, sessions_per_s: 4}
  - {name: exercise, role: fault, duration: 5m, sessions_per_s: 4}
drills:
  - {id: switched, kind: database.switchover, phase: exercise, at: 10s, limit: 60s, scope: {shard: 1}, expected: {duration: 60s}}
inject:
  - {id: moves, title: A primary is moved, when: on my word, drill: switched, hidden: true, hypothesis: Nobody notices}
"""


@pytest.fixture
def gameday(tmp_path):
    """Start ``closeshave gameday`` on the plan; whatever happens, nothing of it stays."""
    begun = []
    (tmp_path / "short.yaml").write_text(PLAN)
    (tmp_path / "book.md").write_text("1. Look\n2. Tell\n3. Repair\n")

    def start(*options, plan=str(tmp_path / "short.yaml")):
        before = set(registry.running())
        command = [sys.executable, "-m", "closeshave", "gameday", plan, "--runs", str(tmp_path / "runs"), *options]
        with (tmp_path / "output.txt").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=dict(os.environ))
        begun.append(process)
        return Running(process, tmp_path / "runs", before)

    yield start
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(90)
    assert processes.poll_until(lambda: left_by(tmp_path) == [], 30), left_by(tmp_path)


def now(running: Running) -> GameDayState | None:
    """How it stands; ``None`` before its load begins."""
    try:
        return state.load(running.run())
    except (FileNotFoundError, TypeError):
        return None


def wait(running: Running, what, timeout_s=120.0) -> GameDayState:
    """Until this is true of the state."""

    def true() -> bool:
        found = now(running)
        return running.process.poll() is not None or (found is not None and what(found))

    assert processes.poll_until(true, timeout_s, 0.05), (running.runs.parent / "output.txt").read_text()
    found = now(running)
    assert found is not None
    assert what(found), (running.runs.parent / "output.txt").read_text()
    return found


def press(running: Running, action: str, inject: str | None = None, value: object = None, role: str = "facilitator") -> tuple[bool, str]:
    """Press, and what became of it."""
    made = presses.made(now_ns(), role, "Ada", action, inject, value)
    presses.write(running.run(), made)
    found = wait(running, lambda told: any(each.id == made.id for each in told.answers), 15)
    return next((each.taken, each.why) for each in found.answers if each.id == made.id)


def status(found: GameDayState, inject: str) -> InjectStatus:
    """Of one inject."""
    return next(each.status for each in found.injects if each.id == inject)


def injected(run: Path) -> list[str]:
    """The faults that were injected, as often as they were."""
    return [line["fault"] for line in read_lines(run / "timeline.jsonl") if line["type"] == "fault" and line["edge"] == "injected"]


def test_a_whole_game_day(gameday):
    """Hold and resume, now during a hold, marks and corrections, ticks, skip, and stop-and-heal in the middle of a fault."""
    running = gameday()
    wait(running, lambda told: status(told, "hello") is InjectStatus.DONE, 200)
    assert press(running, "hold") == (True, "")
    held_s = wait(running, lambda told: told.clock.state == "paused").clock.elapsed_s
    assert press(running, "hold") == (False, "the clock is held already")
    assert press(running, "go", "slows")[0] is False
    # Two facilitators press at once: it begins once, and the clock stays held.
    assert [press(running, "now", "dies"), press(running, "now", "dies")] == [(True, ""), (False, "dies is started already")]
    assert press(running, "now", "slows") == (False, "primary-killed is not proven healed yet")
    assert press(running, "skip", "crashes", role="responder") == (False, "a responder may not press skip")
    running.wait_for('"primary-killed", "edge": "observed"')
    assert press(running, "mark", None, "noticed", "responder")[0]
    assert press(running, "mark", None, "mitigated", "responder")[0]
    assert press(running, "correct", None, {"index": 1, "at_s": 2.5}, "responder")[0]
    assert press(running, "tick", "dies", 1, "responder") == (False, "there is no inject dies")
    assert press(running, "reveal", "dies")[0]
    assert press(running, "tick", "dies", 1, "responder")[0]
    assert press(running, "note", None, {"text": "<script>alert(1)</script>", "photo": "board.jpg"}, "scribe")[0]
    found = wait(running, lambda told: status(told, "dies") is InjectStatus.DONE)
    assert found.clock.elapsed_s == held_s
    assert press(running, "resume")[0]
    assert press(running, "skip", "crashes")[0]
    assert press(running, "go", "slows")[0]
    running.wait_for('"cache-slow", "edge": "observed"')
    assert press(running, "stop-and-heal")[0]
    assert running.process.wait(200) == 5, (running.runs.parent / "output.txt").read_text()
    run = running.run()
    assert sorted(injected(run)) == ["cache-slow", "primary-killed"]
    assert Ledger(run).open() == ()
    edges = {(line["fault"], line["edge"]) for line in read_lines(run / "timeline.jsonl") if line["type"] == "fault"}
    assert {("cache-slow", "verified-healed"), ("primary-killed", "verified-healed")} <= edges
    check = chain.check(run)
    assert (check.wrong, check.ended) == ("", True)
    told = json.loads((run / "gameday.json").read_text())
    assert [each["status"] for each in told["injects"]] == ["done", "done", "stopped", "skipped"]
    assert told["runbooks"][0]["not_ticked"] == ["Look", "Repair"]
    assert told["runbooks"][0]["out_of_order"] == ["Tell"]
    assert "<script>" not in (run / "gameday.html").read_text()
    assert "alert(1)" in (run / "gameday.html").read_text()
    # The load ended in order: every sender's counts are whole.
    assert not any("did not finish" in one["reason"] for one in running.summary()["verdicts"])
    detect = next(one for one in running.summary()["verdicts"] if one["id"].startswith("detect"))
    assert detect["reason"]


def test_a_drill_is_begun_by_an_inject(gameday, tmp_path):
    """On the facilitator's word, once; it is carried out, put back, and is in the report with what it took."""
    (tmp_path / "drilled.yaml").write_text(DRILLED)
    running = gameday(plan=str(tmp_path / "drilled.yaml"))
    wait(running, lambda told: told.clock.elapsed_s > 0.5, 200)
    assert press(running, "go", "moves") == (True, "")
    assert press(running, "now", "moves") == (False, "moves is started already")
    wait(running, lambda told: status(told, "moves") is InjectStatus.DONE)
    assert press(running, "stop-and-heal") == (True, "")
    # Everything had been done, so this is the end as planned.
    assert running.process.wait(200) in {Exit.PASS, Exit.FAIL, Exit.INCONCLUSIVE}, (running.runs.parent / "output.txt").read_text()
    run = running.run()
    assert Ledger(run).open() == ()
    told = json.loads((run / "gameday.json").read_text())
    (moves,) = told["injects"]
    assert (moves["kind"], moves["status"], moves["how"]) == ("drill", "done", "go")
    assert moves["seen_of_platform"].startswith("drill carried out in ")
    assert "; proven to be put back" in moves["seen_of_platform"]
    assert moves["seen_of_people"].startswith("not measured")
    steps = [each["what"] for each in told["timeline"] if each["what"].startswith("drill switched")]
    assert steps == [f"drill switched{step}" for step in (": choose", ": switch over", ": wait for the old primary", " ended: carried out")]
    assert any(each.startswith("switched (shard 1): drill carried out") for each in told["dora"]["switchover"])


def test_a_game_day_whose_harness_is_killed_is_healed_by_the_janitor(gameday):
    """``kill -9`` while a fault is in effect: nothing stays, and what was pressed so far can be checked and read."""
    running = gameday()
    wait(running, lambda told: told.clock.elapsed_s > 0.5, 200)
    assert press(running, "now", "slows")[0]
    running.wait_for('"cache-slow", "edge": "observed"')
    running.process.kill()
    running.process.wait(5)
    run = running.run()
    assert processes.poll_until(lambda: janitor_ended(run), 90), (run / "logs" / "janitor.log").read_text()
    assert Ledger(run).open() == ()
    assert runmark.helpers(run) == []
    assert injected(run) == ["cache-slow"]
    check = chain.check(run)
    assert (check.wrong, check.ended) == ("", False)
    report = subprocess.run(
        [sys.executable, "-m", "closeshave", "report", str(run)], capture_output=True, text=True, check=False, timeout=120
    )
    assert report.returncode in {3, 4}, report.stderr
    assert json.loads((run / "gameday.json").read_text())["ended_at"] is None


def test_ctrl_c_stops_and_heals(gameday):
    """As the press does: what is in effect is healed, the chain ends, the report is written."""
    running = gameday()
    wait(running, lambda told: told.clock.elapsed_s > 0.5, 200)
    assert press(running, "now", "slows")[0]
    running.wait_for('"cache-slow", "edge": "observed"')
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(200) in {4, 5, 130}, (running.runs.parent / "output.txt").read_text()
    run = running.run()
    assert injected(run) == ["cache-slow"]
    assert Ledger(run).open() == ()
    assert (chain.check(run).wrong, chain.check(run).ended) == ("", True)
    told = json.loads((run / "gameday.json").read_text())
    # On a slow machine the message may have been told by then.
    hello, *others = (each["status"] for each in told["injects"])
    assert hello in {"done", "stopped"}
    assert others == ["stopped", "stopped", "stopped"]


def test_a_dress_rehearsal_breaks_nothing(gameday):
    """Everything happens, ten times as fast, but no fault is injected; and it ends as it should."""
    running = gameday("--rehearse")
    wait(running, lambda told: status(told, "dies") in {InjectStatus.STARTED, InjectStatus.DONE}, 200)
    found = wait(running, lambda told: status(told, "dies") is InjectStatus.DONE)
    assert found.rehearsal
    assert press(running, "go", "slows")[0]
    wait(running, lambda told: {status(told, "slows"), status(told, "crashes")} == {InjectStatus.DONE})
    assert press(running, "stop-and-heal")[0]
    assert running.process.wait(120) == 3, (running.runs.parent / "output.txt").read_text()
    run = running.run()
    assert injected(run) == []
    told = (run / "gameday.md").read_text()
    assert all("it proves nothing" in line for line in told.splitlines() if line and set(line) - set("|- "))
