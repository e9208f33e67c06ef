"""A headless Chromium for tests that look at a page as a person does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
WAIT_MS = 120_000
"""Longest wait for something on a page: four browsers may share two slow processors with everything else."""
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser while the block runs. Where a person has none the test is skipped; CI has one, by ``.ci/run``."""
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    if CHROMIUM is None:
        missing("Chromium is not installed, so nobody can look at the page")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a person may have no browser to drive
    except ImportError:
        missing("Playwright is not installed: make installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET])
        yield browser
        browser.close()


def easy_to_read(page: Page, width: int) -> None:
    """No finding of axe with everything unfolded, nothing wider than the screen, no text too small to read."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - comes with Playwright

    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    found = Axe().run(page)
    wrong = [(one["id"], [(node["target"], node["failureSummary"]) for node in one["nodes"]][:3]) for one in found.response["violations"]]
    assert wrong == [], wrong
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate(
        """() => [...document.querySelectorAll('main *')].filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 &&
             node.textContent.trim()) && parseFloat(getComputedStyle(one).fontSize) < 11.5).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert small == []
