"""The after-action report as a person reads it, in a headless Chromium."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.gameday import page
from closeshave.gameday.account import AfterAction
from tests import browsing
from tests.gameday.test_after_action import told
from tests.judge.test_people import mark

pytestmark = pytest.mark.browser

SIZES = [
    pytest.param(width, scheme, marks=() if (width, scheme) == (390, "light") else pytest.mark.thorough)
    for width in (1440, 1024, 390)
    for scheme in ("light", "dark")
]


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium."""
    with browsing.chromium() as browser:
        yield browser


def report(place: Path) -> AfterAction:
    """A game day with three marks near each other, one of them corrected."""
    people = (mark("noticed", 140), mark("acknowledged", 141), replace(mark("noticed", 139), corrects=0), mark("mitigated", 150))
    return told(place, *people, note="A word that is long: " + "x" * 200)


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_nothing_is_hard_to_reach_or_to_read(chromium, tmp_path: Path, width: int, scheme: str) -> None:
    """No finding of axe with everything unfolded, nothing wider than the screen, no text too small to read; and what counts comes first."""
    (tmp_path / "run").mkdir()
    file = tmp_path / "gameday.html"
    file.write_text(page.render(report(tmp_path / "run")))
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        opened = context.new_page()
        opened.set_default_timeout(browsing.WAIT_MS)
        opened.goto(file.as_uri())
        assert opened.locator(".figures div").count() == 7
        assert opened.locator(".figures").bounding_box()["y"] < 900
        assert opened.locator("text.mark").all_text_contents() == ["1", "2", "4"]
        browsing.easy_to_read(opened, width)
        opened.screenshot(path=tmp_path / "report.png", full_page=True)
    finally:
        context.close()
