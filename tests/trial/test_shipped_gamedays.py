"""The three game days that ship, each begun by people's presses on their pages and carried to its after-action report, on the embedded environment.

What would take an hour is pressed *now*, and stopped after a minute: some seven minutes each.
"""

from __future__ import annotations

import json

import pytest

from closeshave.control import processes
from closeshave.faults.ledger import Ledger
from closeshave.gameday import chain
from closeshave.gameday.state import InjectStatus
from tests import browsing
from tests.trial import paging
from tests.trial.test_gameday import gameday, injected, status, wait

assert gameday  # a fixture
pytestmark = [pytest.mark.trial, pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("plan", "inject", "fault"),
    [
        ("gameday-shard", "shard-dies", "primary-1-killed"),
        ("gameday-region", "region-gone", "us-west-2-restored"),
        ("gameday-double-charge", "charges-late", "payments-late"),
    ],
)
def test_a_shipped_game_day_is_carried_to_its_report(gameday, tmp_path, plan, inject, fault):
    """A hidden fault now, marks, a runbook's step, a note, stop and heal: once injected, healed, and all of it is in the report."""
    # At a fixed rate, because a calibration takes a minute and is no part of what is asked here.
    running = gameday("--rate-scale", "1", plan=plan)
    links, screens = paging.links(tmp_path / "output.txt"), tmp_path / "screens"
    with (
        browsing.chromium() as browser,
        paging.opened(browser, links["facilitator"], "Fay") as facilitator,
        paging.opened(browser, links["responder"], "Rob") as responder,
        paging.opened(browser, links["observer"], "Olu") as observer,
    ):
        heard = []
        responder.on("response", lambda answer: heard.append(answer) if "/live" in answer.url else None)
        paging.begun(facilitator)
        paging.card(facilitator, inject, "Now")
        running.wait_for(f'"{fault}", "edge": "observed"')
        paging.begun(responder)
        responder.keyboard.press("1")
        paging.answered(responder, "Noticed: done")
        assert not any(fault in answer.text() or f'"{inject}"' in answer.text() for answer in heard)
        assert responder.locator(f'.card[data-inject="{inject}"]').count() == 0
        paging.card(facilitator, inject, "Reveal")
        responder.wait_for_selector(f'.card[data-inject="{inject}"]')
        responder.locator(f'.card[data-inject="{inject}"] .runbook summary').click()
        responder.locator(f'.card[data-inject="{inject}"] .runbook [role="checkbox"]').first.click()
        responder.locator("h1").click()
        for key, word in (("2", "Acknowledged"), ("3", "Cause found"), ("4", "Mitigated")):
            responder.keyboard.press(key)
            paging.answered(responder, f"{word}: done")
        responder.locator("#note").fill("Support is told: no refund by hand")
        responder.get_by_role("button", name="Add the note").click()
        observer.wait_for_selector('#noted:has-text("no refund by hand")')
        for page, name in ((facilitator, "facilitator"), (responder, "responder"), (observer, "observer")):
            paging.photographed(page, screens, name)
        stop = facilitator.locator("#stop-and-heal")
        stop.click()
        stop.click()
        wait(running, lambda told: status(told, inject) is InjectStatus.STOPPED, 200)
        assert running.process.wait(300) == 5, (tmp_path / "output.txt").read_text()
        observer.wait_for_selector('main[data-stage="over"]')
        observer.screenshot(path=screens / "ended.png", full_page=True)
    run = running.run()
    assert injected(run) == [fault]
    assert Ledger(run).open() == ()
    assert (chain.check(run).wrong, chain.check(run).ended) == ("", True)
    told = json.loads((run / "gameday.json").read_text())
    assert next(each["status"] for each in told["injects"] if each["id"] == inject) == "stopped"
    assert [each["mark"] for each in told["timeline"] if each["mark"]] == ["noticed", "acknowledged", "cause-found", "mitigated"]
    assert told["runbooks"][0]["done"] == 1
    assert any("no refund by hand" in each["what"] for each in told["timeline"])
    assert (run / "gameday.md").read_text().startswith("# After")
    assert processes.poll_until(lambda: "after-action report" in (tmp_path / "output.txt").read_text(), 5)
    with browsing.chromium() as browser, paging.file(browser, run / "gameday.html") as report:
        paging.photographed(report, screens, "report")
