"""The pages of a game day that really runs, in a headless Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from closeshave.control import processes
from tests import browsing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

LINK = re.compile(r"live view, (\w+): (http://\S+)")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCREENS = [(width, scheme) for width in (1440, 1024, 390) for scheme in SCHEMES]
NARROWEST = (390, "dark")


def links(output: Path) -> Mapping[str, str]:
    """Role → link, as the command has printed them; waits for them."""
    assert processes.poll_until(lambda: len(LINK.findall(output.read_text())) == 4, 120, 0.1), output.read_text()
    return dict(LINK.findall(output.read_text()))


@contextmanager
def opened(browser: Browser, link: str, name: str) -> Iterator[Page]:
    """A page of its own; when the block ends it has been closed, and has complained of nothing."""
    context, complaints = browser.new_context(viewport={"width": 1440, "height": 900}), []
    page = context.new_page()
    page.set_default_timeout(browsing.WAIT_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(link)
    page.locator("#person").fill(name)
    yield page
    context.close()
    assert complaints == []


def begun(page: Page) -> Page:
    """Wait until the exercise has begun."""
    page.set_default_timeout(400_000)
    page.wait_for_selector('#gameday:not([hidden]) #day-clock:has-text("running")')
    page.set_default_timeout(browsing.WAIT_MS)
    if page.locator("#person").is_visible():
        # Not in the field of the name: single keys are for the rest of the page.
        page.locator("h1").click()
    return page


def hearing(page: Page) -> Callable[[], str]:
    """What the server answers this page from now on: each call returns all that came since the one before. It ends with a reload."""
    heard: list[Response] = []

    def answers(response: Response) -> None:
        if "/live" in response.url:
            heard.append(response)

    def told() -> str:
        # The newest one may be under way.
        page.wait_for_timeout(1200)
        came, heard[:] = heard[:], []
        assert came, "nothing was answered"
        return "".join(one.text() for one in came)

    page.on("response", answers)
    return told


def card(page: Page, inject: str, action: str) -> None:
    """Press a button of an inject's card, and wait until the trial has taken it."""
    page.locator(f'.card[data-inject="{inject}"]').get_by_role("button", name=action, exact=False).first.click()
    answered(page, f"{action}: done")


def answered(page: Page, text: str) -> None:
    """Wait for what the trial says of a press."""
    page.wait_for_function("(text) => document.getElementById('answer').textContent.startsWith(text)", arg=text)


def photographed(page: Page, place: Path, name: str) -> None:
    """The page at every width, light and dark: easy to read, and kept for whoever wants to look."""
    place.mkdir(exist_ok=True)
    for width, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(400)
        page.screenshot(path=place / f"{name}-{width}-{scheme}.png", full_page=True)
        if (width, scheme) == NARROWEST:
            # The other sizes are looked at without a trial: tests/live and tests/gameday.
            browsing.easy_to_read(page, width)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


@contextmanager
def file(browser: Browser, path: Path) -> Iterator[Page]:
    """A report on disk."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    yield page
    context.close()
