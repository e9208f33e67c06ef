"""The pages of a game day, in a headless Chromium: a facilitator, a responder and an observer look at one short day."""

from __future__ import annotations

import json
import signal
import time

import pytest

from closeshave import private
from closeshave.clock import now_ns
from closeshave.gameday import presses
from closeshave.live import access, settings
from closeshave.live.launching import LiveView
from closeshave.live.pulse import CATCH_UP_S, STILL_S
from closeshave.probes import corpus
from closeshave.vocabulary import PersonRole
from tests import browsing
from tests.live.day import SECRET, holding
from tests.live.made import Scripted, Served, serving
from tests.live.test_server import HOSTILE, asked

pytestmark = pytest.mark.browser

SIZES = [
    pytest.param(width, scheme, marks=() if (width, scheme) == (390, "light") else pytest.mark.thorough)
    for width in (1440, 1024, 390)
    for scheme in ("light", "dark")
]
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium."""
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def day(tmp_path):
    """A game day that goes on, and its pages."""
    with holding(Scripted(tmp_path)) as held, serving(held.run.path, tokens=access.tokens(PersonRole)) as served:
        yield held, served


@pytest.fixture
def visit(chromium):
    """Open a page of a role; what the browser complained of is kept and must be nothing, and so is all that it got."""
    contexts, complaints = [], []

    def opened(served, role, width=1440, scheme="light", name="Ada"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(browsing.WAIT_MS)
        got = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("response", lambda answer: got.append(answer))  # noqa: PLW0108 - the library marks what it is given, and a method of a list cannot be marked
        page.goto(served.link(role))
        page.wait_for_selector('#gameday:not([hidden]) #day-clock:has-text("running")')
        if page.locator("#person").is_visible():
            page.locator("#person").fill(name)
            page.locator("h1").click()
        return page, got

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def until(true, what):
    """Wait for a condition of this process."""
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def card(page, name):
    """The card of an inject."""
    return page.locator(f'.card[data-inject="{name}"]')


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_nothing_is_hard_to_reach_or_to_read(visit, day, width, scheme):
    """No finding of axe with everything unfolded and lists longer than their place, nothing wider than the screen, no text too small to read."""
    held, served = day
    for number in range(20):
        presses.write(held.run.path, presses.made(now_ns(), "scribe", "Chi", "note", None, {"text": f"note {number}"}))
    page, _ = visit(served, "facilitator", width, scheme)
    page.wait_for_function("() => document.getElementById('noted').tabIndex === 0")
    page.keyboard.press("g")
    until(lambda: "shard-dies" in held.begun, "it begins")
    page.keyboard.press("1")
    page.wait_for_selector("#marked li")
    held.heals = True
    # What is over stands back, and can be read all the same.
    page.wait_for_selector("#disruptions .past")
    browsing.easy_to_read(page, width)


@pytest.mark.thorough
def test_a_short_day_with_three_pages(visit, day):
    """Every button once, by who may press it; the hidden inject is in no answer to the others until it is revealed."""
    held, served = day
    facilitator, _ = visit(served, "facilitator", name="Fay")
    responder, got = visit(served, "responder", name="Rob")
    observer, seen = visit(served, "observer")
    assert observer.locator("#acting").is_hidden()
    assert observer.locator(".card button:visible").count() == 0
    assert card(responder, "owner-calls").inner_text().count("Three of her customers") == 1
    assert "Three of her customers" not in card(observer, "owner-calls").inner_text()
    assert "A salon owner calls: Three of her customers" in responder.locator("#newest").inner_text()
    assert observer.locator("#newest").is_hidden()
    assert facilitator.locator("#newest").is_hidden()
    assert card(facilitator, SECRET).count() == 1

    card(facilitator, "shard-dies").get_by_role("button", name="Go").click()
    until(lambda: held.begun[-1] == "shard-dies", "go begins it")
    facilitator.wait_for_selector('#answer:has-text("Go: done")')
    responder.wait_for_selector('.card[data-inject="shard-dies"][data-status="started"]')
    responder.keyboard.press("1")
    responder.get_by_role("button", name="Cause found").click()
    responder.wait_for_selector('#answer:has-text("Cause found: done")')
    until(lambda: [one.mark for one in held.clock.marks] == ["noticed", "cause-found"], "two marks")
    responder.get_by_role("button", name="Correct mark 1, Noticed").click()
    responder.locator("#correct-at").fill("7")
    responder.locator("#correction").get_by_role("button", name="Correct").click()
    until(lambda: len(held.clock.marks) == 3, "a correction is a mark more")
    assert (held.clock.marks[2].corrects, held.clock.marks[0].mark) == (0, "noticed")
    card(responder, "shard-dies").locator(".runbook summary").click()
    responder.get_by_role("checkbox", name="See which member leads").click()
    until(lambda: 0 in held.clock.fates["shard-dies"].ticked_ns, "a step is ticked")
    responder.locator("#note").fill("the salons are told")
    responder.locator("#photo").fill("board.jpg")
    responder.get_by_role("button", name="Add the note").click()
    observer.wait_for_selector('#noted:has-text("the salons are told")')
    assert "photo: board.jpg" in observer.locator("#noted").inner_text()

    facilitator.get_by_role("button", name="Hold", exact=False).first.click()
    facilitator.wait_for_selector('#day-clock:has-text("held")')
    held.heals = True
    until(lambda: not held.unhealed, "it is healed")
    facilitator.reload()
    facilitator.wait_for_selector('#day-clock:has-text("held")')
    card(facilitator, SECRET).get_by_role("button", name="Go").click()
    facilitator.wait_for_selector('#answer:has-text("not taken")')
    held.heals = False
    card(facilitator, SECRET).get_by_role("button", name="Now").click()
    until(lambda: held.begun[-1] == SECRET, "now begins it in a hold")
    facilitator.keyboard.press("h")
    facilitator.wait_for_selector('#day-clock:has-text("running")')
    responder.wait_for_timeout(700)
    for answers in (got, seen):
        assert all(SECRET not in answer.text() for answer in answers if "/live" in answer.url)
    assert card(responder, SECRET).count() == 0
    card(facilitator, SECRET).get_by_role("button", name="Reveal").click()
    responder.wait_for_selector(f'.card[data-inject="{SECRET}"]')
    card(facilitator, "last-one").get_by_role("button", name="Skip").click()
    facilitator.wait_for_selector('.card[data-inject="last-one"][data-status="skipped"]')

    stop = facilitator.locator("#stop-and-heal")
    stop.click()
    assert "again" in stop.inner_text()
    stop.click()
    observer.wait_for_selector('#day-clock:has-text("ended")')
    assert held.begun == ["owner-calls", "shard-dies", SECRET]
    assert held.unhealed == set()


def test_the_keyboard_alone_suffices(visit, day):
    """From the top of the page to a decision, a mark and a note, with focus that can be seen."""
    held, served = day
    page, _ = visit(served, "facilitator")
    page.locator("#hold").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector('#day-clock:has-text("held")')
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Now: The primary of shard 1 dies":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Space")
    until(lambda: "shard-dies" in held.begun, "now, by keyboard")
    page.locator("#keys").uncheck()
    page.locator("h1").click()
    page.keyboard.press("2")
    page.wait_for_timeout(500)
    assert not held.clock.marks
    page.locator("#keys").check()
    page.locator("h1").click()
    page.keyboard.press("2")
    until(lambda: len(held.clock.marks) == 1, "a mark by its key")


@pytest.mark.thorough
def test_two_facilitators_at_once_begin_it_once(visit, day):
    """And each is told what became of their own press."""
    held, served = day
    pages = [visit(served, "facilitator", name=name)[0] for name in ("Fay", "Flo")]
    for page in pages:
        page.evaluate("document.querySelector('.card[data-inject=shard-dies] button[data-action=go]').click()")
    for page in pages:
        page.wait_for_function("() => /done|not taken/.test(document.getElementById('answer').textContent)")
    assert held.begun.count("shard-dies") == 1
    assert sorted("not taken" in page.locator("#answer").inner_text() for page in pages) == [False, True]


def test_a_mark_made_while_another_press_is_under_way_is_kept(visit, day):
    """The stopwatch of people loses nothing because an answer is slow; the same press twice is still one."""
    held, served = day
    page, _ = visit(served, "facilitator")
    # How long the page waits for an answer is not tested here: on a busy machine the third press may come after that.
    page.evaluate("AbortSignal.timeout = () => new AbortController().signal")
    waiting = []
    page.route("**/press", lambda route: waiting.append(route))  # noqa: PLW0108 - the library marks what it is given, and a method of a list cannot be marked
    for key in "g112":
        page.keyboard.press(key)
    deadline = time.monotonic() + WITHIN_S
    while len(waiting) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    for route in waiting:
        route.continue_()
    until(lambda: len(held.clock.marks) == 2 and "shard-dies" in held.begun, "all three arrive")
    assert sorted(one.mark for one in held.clock.marks) == ["acknowledged", "noticed"]


@pytest.mark.thorough
def test_a_server_that_is_killed_in_the_middle_loses_nothing(visit, day, tmp_path):
    """What was pressed has been pressed; the next server at the same place goes on, and nothing begins twice."""
    held, first = day
    with serving(held.run.path, tokens=first.tokens) as lost:
        page, _ = visit(lost, "facilitator")
        page.keyboard.press("g")
        until(lambda: "shard-dies" in held.begun, "it has begun")
    page.wait_for_selector('main[data-stage="lost"]')
    page.keyboard.press("h")
    page.wait_for_selector('#answer:has-text("Nobody answers")')
    assert not held.clock.held
    with serving(held.run.path, tokens=first.tokens, place=settings.read("127.0.0.1", lost.port, None, None)):
        page.wait_for_selector('main[data-stage="loaded"]')
        page.keyboard.press("h")
        until(lambda: held.clock.held, "it is held")
    assert held.begun.count("shard-dies") == 1


@pytest.mark.thorough
@pytest.mark.usefixtures("runtime")
def test_a_server_that_sleeps_does_nothing_late_and_shows_what_happened_meanwhile(visit, tmp_path):
    """Its own process, by SIGSTOP: who presses is told that nobody answers, a terminal goes on, and after SIGCONT the page is right again."""
    with holding(Scripted(tmp_path / "run")) as held:
        view = LiveView(settings.read("127.0.0.1", 0, None, None))
        tokens = access.tokens(PersonRole)
        url = view.begin(held.run.path, tokens)["facilitator"].partition("#")[0]
        assert view.process is not None
        try:
            page, _ = visit(Served(url, tokens, int(url.rstrip("/").rpartition(":")[2]), None), "facilitator")  # type: ignore[arg-type]
            view.process.send_signal(signal.SIGSTOP)
            stands_since_s = time.monotonic()
            for key in "h1":
                page.keyboard.press(key)
            page.wait_for_selector('#answer:has-text("Nobody answers")')
            page.wait_for_selector('main[data-stage="lost"]')
            assert "The trial goes on without this page" in page.locator("#news").inner_text()
            presses.write(held.run.path, presses.made(now_ns(), "facilitator", "Ada", "go", "shard-dies"))
            until(lambda: "shard-dies" in held.begun, "a terminal begins it")
            page.wait_for_timeout(max(0.0, STILL_S + 1 - (time.monotonic() - stands_since_s)) * 1000)
            view.process.send_signal(signal.SIGCONT)
            page.wait_for_selector('main[data-stage="loaded"]')
            page.wait_for_selector('.card[data-inject="shard-dies"][data-status="started"]')
            page.wait_for_timeout(CATCH_UP_S * 1000)
            assert (held.clock.held, held.clock.marks) == (False, [])
            page.keyboard.press("1")
            until(lambda: [one.mark for one in held.clock.marks] == ["noticed"], "what is pressed now counts")
        finally:
            view.process.send_signal(signal.SIGCONT)
            view.process.kill()
            view.process.wait()
            private.forget(held.run.path)
    assert held.begun == ["owner-calls", "shard-dies"]


@pytest.mark.thorough
def test_hostile_notes_and_names_are_text(visit, day):
    """A hundred of them: shown as they are, by every page, and nothing happens."""
    held, served = day
    for text in HOSTILE:
        body = json.dumps({"name": (text.strip() or "x")[:60], "action": "note", "value": {"text": text[:2000]}}).encode()
        headers = {"origin": served.url.rstrip("/"), "content-type": "application/json"}
        assert asked(served, "/press", "POST", body=body, given=served.tokens["scribe"], headers=headers)[0] in {202, 400}
    until(lambda: len(held.clock.notes) > 60, "notes")
    page, _ = visit(served, "observer", 390)
    page.wait_for_function("() => document.querySelectorAll('#noted li').length > 60")
    assert page.locator("script").count() == 3
    assert page.locator("img, iframe, object, svg, base").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert len(corpus.cases()) >= 100
