"""The three game days that ship, each carried out whole on the embedded environment: every inject, people's presses on their pages, the report.

They are as they ship, but ten times as fast, so that what would take an hour takes some minutes. What they break is really broken.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.faults.ledger import Ledger
from closeshave.files.shipped import locate
from closeshave.gameday import chain
from closeshave.gameday.planned import FASTER
from closeshave.gameday.state import InjectStatus
from closeshave.vocabulary import Exit
from tests import browsing
from tests.trial import paging
from tests.trial.test_gameday import gameday, injected, press, status, wait

assert gameday  # a fixture
pytestmark = [pytest.mark.trial, pytest.mark.browser, pytest.mark.timeout(900)]

DURATION = re.compile(r"\b(duration|at|hold|when): (\d+)([sm])\b")
OUTAGE = re.compile(r"\b(outage_s): (\d+)()")
SECONDS = {"s": 1, "m": 60}


@dataclass(frozen=True)
class ShippedDay:
    """A game day that ships, and what its facilitator does."""

    plan: str
    hidden: str
    """The inject at which people act, hidden until it is revealed."""
    faults: Sequence[str]
    """In the order in which they begin."""
    on_word: str | None = None


DAYS = [
    ShippedDay("gameday-shard", "shard-dies", ("primary-1-killed", "cache-lost"), "second-wave"),
    ShippedDay("gameday-region", "region-gone", ("us-west-2-restored",), "is-it-back"),
    ShippedDay("gameday-double-charge", "charges-late", ("webhooks-duplicated", "payments-late")),
]


def sooner(plan: str, place: Path) -> Path:
    """A copy of a plan that ships, and of what lies beside it: everything :data:`FASTER` times as soon."""

    def shortened(found: re.Match[str]) -> str:
        return f"{found[1]}: {int(found[2]) * SECONDS.get(found[3], 1) / FASTER:g}{'s' if found[3] else ''}"

    path = locate("scenarios", plan)
    shutil.copytree(path.parent / "gamedays", place / "gamedays")
    copy = place / path.name
    copy.write_text(OUTAGE.sub(shortened, DURATION.sub(shortened, path.read_text())))
    return copy


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.plan)
def test_a_shipped_game_day_is_carried_to_its_report(gameday, tmp_path, day):
    """By its own clock, with a hold, marks by keys, a runbook's step and a note: everything begins, is healed, and is in the report."""
    # At a fixed rate, because a calibration takes a minute and is no part of what is asked here.
    running = gameday("--rate-scale", "1", plan=str(sooner(day.plan, tmp_path)))
    links, screens, fault = paging.links(tmp_path / "output.txt"), tmp_path / "screens", day.faults[-1 if day.on_word is None else 0]
    with (
        browsing.chromium() as browser,
        paging.opened(browser, links["facilitator"], "Fay") as facilitator,
        paging.opened(browser, links["responder"], "Rob") as responder,
        paging.opened(browser, links["observer"], "Olu") as observer,
    ):
        heard = [paging.hearing(page) for page in (responder, observer)]
        for page in (facilitator, responder, observer):
            paging.begun(page)
        # Whoever reloads the page is where they were; a hold and a resume by the key.
        facilitator.keyboard.press("h")
        facilitator.wait_for_selector('#day-clock:has-text("held")')
        facilitator.reload()
        facilitator.wait_for_selector('#day-clock:has-text("held")')
        facilitator.locator("h1").click()
        facilitator.keyboard.press("h")
        facilitator.wait_for_selector('#day-clock:has-text("running")')
        running.wait_for(f'"{fault}", "edge": "observed"')
        responder.keyboard.press("1")
        paging.answered(responder, "Noticed: done")
        secret = re.compile("|".join((fault, f'"{day.hidden}"', day.plan)))
        assert [secret.findall(told()) for told in heard] == [[], []]
        # Nor is whoever comes again.
        observer.reload()
        again = paging.hearing(paging.begun(observer))
        assert secret.findall(again()) == []
        assert responder.locator(f'.card[data-inject="{day.hidden}"]').count() == 0
        paging.card(facilitator, day.hidden, "Reveal")
        responder.wait_for_selector(f'.card[data-inject="{day.hidden}"]')
        responder.locator(f'.card[data-inject="{day.hidden}"] .runbook summary').click()
        responder.locator(f'.card[data-inject="{day.hidden}"] .runbook [role="checkbox"]').first.click()
        responder.locator("h1").click()
        for key, word in (("2", "Acknowledged"), ("3", "Cause found"), ("4", "Mitigated")):
            responder.keyboard.press(key)
            paging.answered(responder, f"{word}: done")
        responder.locator("#note").fill("Support is told: no refund by hand")
        responder.get_by_role("button", name="Add the note").click()
        observer.wait_for_selector('#noted:has-text("no refund by hand")')
        for page, name in ((facilitator, "facilitator"), (responder, "responder"), (observer, "observer")):
            paging.photographed(page, screens, name)
        wait(running, lambda told: status(told, day.hidden) is InjectStatus.DONE, 200)
        if day.on_word is not None:
            # The only one that is left: the key is the word for it.
            facilitator.locator("h1").click()
            facilitator.keyboard.press("g")
            paging.answered(facilitator, "Go: done")
        wait(running, lambda told: {each.status for each in told.injects} == {InjectStatus.DONE}, 200)
        stop = facilitator.locator("#stop-and-heal")
        stop.press("Enter")
        stop.press("Enter")
        # Everything had been done, so this is the end as planned.
        ended = running.process.wait(300)
        assert ended in {Exit.PASS, Exit.FAIL, Exit.INCONCLUSIVE}, (tmp_path / "output.txt").read_text()
        observer.wait_for_selector('main[data-stage="over"]')
        observer.screenshot(path=screens / "ended.png", full_page=True)
    run = running.run()
    assert injected(run) == list(day.faults)
    assert Ledger(run).open() == ()
    assert (chain.check(run).wrong, chain.check(run).ended) == ("", True)
    told = json.loads((run / "gameday.json").read_text())
    assert {each["status"] for each in told["injects"]} == {"done"}
    assert told["ended"] == "as planned"
    assert [each["mark"] for each in told["timeline"] if each["mark"]] == ["noticed", "acknowledged", "cause-found", "mitigated"]
    assert next(each["done"] for each in told["runbooks"] if each["inject"] == day.hidden) == 1
    assert any("no refund by hand" in each["what"] for each in told["timeline"])
    assert (run / "gameday.md").read_text().startswith("# After")
    assert processes.poll_until(lambda: "after-action report" in (tmp_path / "output.txt").read_text(), 5)
    with browsing.chromium() as browser, paging.file(browser, run / "gameday.html") as report:
        paging.photographed(report, screens, "report")


def test_a_rehearsal_of_a_shipped_game_day_breaks_nothing(gameday):
    """Whole, as it ships, by presses of a terminal: every inject happens, no fault begins, and every line says that it proves nothing."""
    running = gameday("--rehearse", "--rate-scale", "1", plan="gameday-shard")
    found = wait(running, lambda told: status(told, "shard-dies") is InjectStatus.DONE, 400)
    assert found.rehearsal
    # Of a clock that goes ten times as fast.
    assert [each.planned_at_s for each in found.injects] == [6, 30, 48, None]
    assert press(running, "go", "second-wave") == (True, "")
    wait(running, lambda told: {each.status for each in told.injects} == {InjectStatus.DONE})
    assert press(running, "stop-and-heal") == (True, "")
    assert running.process.wait(200) == Exit.INCONCLUSIVE, (running.runs.parent / "output.txt").read_text()
    run = running.run()
    assert injected(run) == []
    assert Ledger(run).open() == ()
    assert (chain.check(run).wrong, chain.check(run).ended) == ("", True)
    told = json.loads((run / "gameday.json").read_text())
    assert (told["rehearsal"], told["harm"], told["lost"]) == (True, [], [])
    lines = (run / "gameday.md").read_text().splitlines()
    assert all("it proves nothing" in line for line in lines if line and set(line) - set("|- "))
    assert "it proves nothing" in (run / "gameday.html").read_text()
