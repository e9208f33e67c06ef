"""A short game day whose page's server stands still for two minutes, is killed and started again, while people press on three pages and a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import psutil
import pytest

from closeshave.clock import now_ns
from closeshave.control import processes
from closeshave.faults.ledger import Ledger
from closeshave.files import read_lines
from closeshave.gameday import chain
from closeshave.gameday.state import InjectStatus
from closeshave.vocabulary import Exit
from tests import browsing
from tests.trial import paging
from tests.trial.test_gameday import gameday, injected, press, status, wait

assert gameday  # a fixture
pytestmark = [pytest.mark.trial, pytest.mark.browser, pytest.mark.timeout(900)]

ASLEEP_S = 120.0


def server(run, module="closeshave.live"):
    """The process that serves the page of this run."""
    found = [one for one in psutil.process_iter(["cmdline"]) if {module, str(run)} <= set(one.info["cmdline"] or ())]
    return found[0]


def revived(process):
    """Whatever happens, no process stays that stands still."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGCONT)


def terminal(run, *options):
    """A press from a terminal; returns its exit code and what it said."""
    command = [sys.executable, "-m", "closeshave", "gameday", "press", str(run), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout.strip()


def marks(run):
    """Word and instant of each mark, as the history has them."""
    return [(line["mark"], line["at_ns"]) for line in read_lines(run / "timeline.jsonl") if line["type"] == "person"]


def test_a_page_that_sleeps_and_dies_costs_nothing(gameday, tmp_path):
    """Nothing is injected twice, nothing stays broken, the timeline is right."""
    running = gameday()
    links = paging.links(tmp_path / "output.txt")
    with (
        ExitStack() as goes_on,
        browsing.chromium() as browser,
        paging.opened(browser, links["facilitator"], "Fay") as fay,
        paging.opened(browser, links["facilitator"], "Flo") as flo,
        paging.opened(browser, links["responder"], "Rob") as rob,
    ):
        for page in (fay, flo, rob):
            paging.begun(page)
        run = running.run()
        serving = server(run)
        goes_on.callback(revived, serving)
        # By the clock: what begins while nobody sees it.
        wait(running, lambda told: status(told, "dies") in {InjectStatus.STARTED, InjectStatus.DONE}, 60)
        serving.send_signal(signal.SIGSTOP)
        slept_ns = now_ns()
        fay.keyboard.press("h")
        rob.keyboard.press("1")
        paging.answered(fay, "Nobody answers")
        paging.answered(rob, "Nobody answers")
        fay.wait_for_selector('main[data-stage="lost"]')
        before_ns = now_ns()
        assert terminal(run, "mark", "--text", "acknowledged", "--as", "responder", "--by", "Rob")[0] == 0
        after_ns = now_ns()
        # The trial goes on by its own clock: the fault is healed while the page is not there.
        wait(running, lambda told: status(told, "dies") is InjectStatus.DONE, 100)
        time.sleep(max(0.0, ASLEEP_S - (now_ns() - slept_ns) / 1e9))
        serving.send_signal(signal.SIGCONT)
        fay.wait_for_selector('main[data-stage="loaded"]')
        fay.wait_for_selector('.card[data-inject="dies"][data-status="done"]')
        fay.wait_for_timeout(2000)
        found = wait(running, lambda told: True)
        assert found.clock.state == "running"
        assert [(word, before_ns <= at_ns <= after_ns) for word, at_ns in marks(run)] == [("acknowledged", True)]

        paging.card(fay, "crashes", "Skip")
        # Two facilitators at once; one of them closes the browser right afterwards.
        for page in (fay, flo):
            page.evaluate("document.querySelector('.card[data-inject=slows] button[data-action=go]').click()")
        for page in (fay, flo):
            page.wait_for_function("() => /^Go: (done|not taken)/.test(document.getElementById('answer').textContent)")
        assert sorted("not taken" in page.locator("#answer").inner_text() for page in (fay, flo)) == [False, True]
        flo.close()
        running.wait_for('"cache-slow", "edge": "observed"')

        # kill -9: the page says so, and another server goes on at the same place.
        serving.kill()
        fay.wait_for_selector('main[data-stage="lost"]')
        fay.keyboard.press("h")
        paging.answered(fay, "Nobody answers")
        again = subprocess.Popen(
            [sys.executable, "-m", "closeshave", "live", str(run)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ)
        )
        try:
            fay.wait_for_selector('main[data-stage="loaded"]')
            fay.keyboard.press("h")
            fay.wait_for_selector('#day-clock:has-text("held")')
            rob.keyboard.press("4")
            paging.answered(rob, "Mitigated: done")
        finally:
            again.kill()
            again.wait()
        # With no server at all a terminal stops and heals.
        assert terminal(run, "stop-and-heal", "--by", "Fay") == (0, "done")
        # On a slow machine the second fault may have been healed as planned by then: that is no early end.
        assert running.process.wait(240) in {3, 4, 5}, (tmp_path / "output.txt").read_text()
    assert sorted(injected(run)) == ["cache-slow", "primary-killed"]
    assert Ledger(run).open() == ()
    edges = {(line["fault"], line["edge"]) for line in read_lines(run / "timeline.jsonl") if line["type"] == "fault"}
    assert {("cache-slow", "verified-healed"), ("primary-killed", "verified-healed")} <= edges
    assert (chain.check(run).wrong, chain.check(run).ended) == ("", True)
    told = json.loads((run / "gameday.json").read_text())
    assert [each["status"] for each in told["injects"]] in (["done", "done", ending, "skipped"] for ending in ("done", "stopped"))
    at_s = [each["at_s"] for each in told["timeline"]]
    assert at_s == sorted(at_s)
    assert [each["mark"] for each in told["timeline"] if each["mark"]] == ["acknowledged", "mitigated"]
    assert processes.poll_until(lambda: "after-action report" in (tmp_path / "output.txt").read_text(), 5)


def stopped_by_a_terminal(running):
    """As whoever sits at another terminal does."""
    assert terminal(running.run(), "stop-and-heal", "--by", "Fay") == (0, "done")


def stopped_by_ctrl_c(running):
    """As whoever sits at the trial's own terminal does."""
    running.process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("dead_by", "stop", "ends"),
    [
        pytest.param(signal.SIGSTOP, stopped_by_a_terminal, {Exit.SAFETY}, id="stands still, a terminal"),
        pytest.param(signal.SIGSTOP, stopped_by_ctrl_c, {Exit.INTERRUPTED}, id="stands still, Ctrl-C"),
        pytest.param(signal.SIGKILL, stopped_by_ctrl_c, {Exit.INTERRUPTED}, id="killed, Ctrl-C"),
    ],
)
def test_whoever_has_no_page_stops_and_heals(gameday, dead_by, stop, ends):
    """The server is dead while a fault is in effect: nothing stays broken, the chain ends, the report is written."""
    running = gameday()
    wait(running, lambda told: told.clock.elapsed_s > 0.5, 200)
    assert press(running, "now", "slows")[0]
    running.wait_for('"cache-slow", "edge": "observed"')
    run = running.run()
    serving = server(run)
    with ExitStack() as goes_on:
        goes_on.callback(revived, serving)
        serving.send_signal(dead_by)
        stop(running)
        assert running.process.wait(200) in ends, (running.runs.parent / "output.txt").read_text()
    assert injected(run) == ["cache-slow"]
    assert Ledger(run).open() == ()
    edges = {(line["fault"], line["edge"]) for line in read_lines(run / "timeline.jsonl") if line["type"] == "fault"}
    assert ("cache-slow", "verified-healed") in edges
    assert (chain.check(run).wrong, chain.check(run).ended) == ("", True)
    told = json.loads((run / "gameday.json").read_text())
    assert {each["status"] for each in told["injects"]} <= {"done", "stopped"}
    assert next(each["status"] for each in told["injects"] if each["id"] == "slows") == "stopped"
    assert (run / "gameday.html").exists()
