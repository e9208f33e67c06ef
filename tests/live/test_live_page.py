"""The page as a person sees it, in a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from closeshave.control.processes import identify
from closeshave.history import FaultEdge
from closeshave.live import server
from closeshave.loadgen.records import FLUSH_INTERVAL_S
from closeshave.vocabulary import MarkKind
from tests import browsing
from tests.live.made import FAULT, Scripted, serving
from tests.live.test_server import HOSTILE

pytestmark = pytest.mark.browser

SIZES = [
    pytest.param(width, scheme, marks=() if (width, scheme) == (1440, "light") else pytest.mark.thorough)
    for width in (1440, 1024, 390)
    for scheme in ("light", "dark")
]


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium."""
    with browsing.chromium() as browser:
        yield browser


def run(place: Path, began_s: float = 20.0) -> Scripted:
    """A run with a fault in effect."""
    made = Scripted(place, began_s)
    made.manifest()
    made.ordinary(min(began_s, 20.0))
    made.fault(*list(FaultEdge)[:3])
    made.signal(12.5, "Primary crashed. Failing over.")
    made.signal(13.5)
    return made


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Its page."""
    with serving(run(tmp_path_factory.mktemp("run")).path) as page:
        yield page


@pytest.fixture
def visit(chromium):
    """Open a page; what the browser complained of, or asked of anybody else, is kept and must be nothing."""
    contexts, complaints = [], []

    def opened(link, width=1440, scheme="light", lost=False):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(browsing.WAIT_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        # A page may outlive its server at the end of a test.
        page.on(
            "console",
            lambda message: (
                None
                if lost or message.type not in {"error", "warning"} or "ERR_CONNECTION" in message.text
                else complaints.append(message.text)
            ),
        )
        page.on(
            "request", lambda request: None if request.url.startswith((link.partition("#")[0], "data:")) else complaints.append(request.url)
        )
        page.goto(link)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def live(page):
    """Wait until figures are there."""
    page.wait_for_selector('main[data-stage="loaded"]')
    page.wait_for_selector("#chart-compared-bad canvas")
    return page


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_nothing_is_hard_to_reach_or_to_read(visit, served, width, scheme):
    """No finding of axe with everything unfolded, nothing wider than the screen, no text too small to read."""
    page = live(visit(served.link(), width, scheme))
    browsing.easy_to_read(page, width)


def test_the_page_shows_what_the_run_does(visit, served):
    """Figures, faults, signals, parts, what is not known; the token is out of the address, and a reload goes on."""
    page = live(visit(served.link()))
    assert page.locator("#title").inner_text() == "smoke"
    assert page.evaluate("location.hash") == ""
    assert page.locator("#figures div").count() == 8
    assert page.locator(f"#fault-{FAULT}").inner_text().startswith(FAULT)
    assert page.locator("#signalled li").count() == 2
    assert "gone" in page.locator("#parts-down").inner_text()
    assert "not known yet" in page.locator("#unknown-title").inner_text().lower()
    assert page.locator("#by-place tr").count() == 5
    page.reload()
    live(page)
    assert page.locator("#by-place tr").count() == 5


def test_a_place_and_a_stretch_can_be_chosen_by_keyboard(visit, served):
    """The charts follow; a stretch that is dragged stays until another is chosen."""
    page = live(visit(served.link()))
    page.locator("#place").focus()
    page.keyboard.type("shard 2")
    assert page.locator("#shown").inner_text() == "shard 2"
    page.locator("#span").select_option("60")
    page.wait_for_timeout(100)
    plot = page.locator("#chart-rate .u-over")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=4)
    page.mouse.up()
    assert "held" in page.locator("#shown").inner_text()
    assert page.locator("#span").input_value() == "held"
    page.locator("#span").select_option("plan")
    assert "held" not in page.locator("#shown").inner_text()


def test_a_running_load_is_shown_at_most_a_second_late(visit, tmp_path):
    """From the record of a sender to the figure on the page. What of it this machine adds when it is busy says nothing of the page."""
    assert FLUSH_INTERVAL_S + server.LOOK_EVERY_S < 1
    made = run(tmp_path)
    with serving(made.path) as served:
        page = live(visit(served.link(), lost=True))
        before = page.locator("#figures div", has_text="bookings").locator("b").inner_text()
        made.requests(np.full(5, 19.9), 5.0)
        page.wait_for_function(
            "(before) => [...document.querySelectorAll('#figures div')].find((one) => one.textContent.includes('bookings')).firstChild.textContent"
            " !== before",
            arg=before,
        )


def test_hostile_text_is_shown_and_does_nothing(visit, tmp_path):
    """No dialog, no element, no request: ``visit`` notes them. It is on the page as the text that it is."""
    made = run(tmp_path)
    made.manifest(id="<img src=x onerror=alert(1)>", plan="</script><script>alert(2)</script>")
    for text in HOSTILE:
        made.mark(MarkKind.NOTE, text)
        made.signal(13.0, f"promoted self to leader {text}".replace("\n", " "))
    with serving(made.path) as served:
        page = live(visit(served.link(), 390))
        assert page.locator("#title").inner_text() == "</script><script>alert(2)</script>"
        assert page.locator("script").count() == 3
        assert page.locator("img, iframe, object, svg, base, link[rel=stylesheet]").count() == 0
        assert page.locator("#told li").count() > 60
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.thorough
def test_an_open_page_keeps_the_last_state_and_says_that_it_has_ended(visit, tmp_path, monkeypatch):
    """Also when its server is gone."""
    monkeypatch.setattr(server, "LINGER_S", 1.0)
    made = run(tmp_path)
    (made.path / "summary.json").write_text('{"status": "inconclusive"}')
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    with serving(made.path, identify(child.pid)) as served:
        page = live(visit(served.link()))
        child.kill()
        child.wait()
        page.wait_for_selector('main[data-stage="over"]')
    page.wait_for_timeout(300)
    assert page.locator("#stage").inner_text().endswith("ended")
    assert page.locator("#news").inner_text().startswith("The trial is over: inconclusive. This is its last state")
    assert page.locator("#by-place tr").count() == 5


@pytest.mark.thorough
def test_a_server_that_is_lost_is_said_and_found_again(visit, tmp_path):
    """The trial may go on; the same link leads to the next server at the same port, and the page goes on by itself."""
    from closeshave.live import settings  # noqa: PLC0415

    made = run(tmp_path)
    with serving(made.path) as first:
        page = live(visit(first.link(), lost=True))
    page.wait_for_selector('main[data-stage="lost"]')
    assert "The trial goes on without this page" in page.locator("#news").inner_text()
    with serving(made.path, tokens=first.tokens, place=settings.read("127.0.0.1", first.port, None, None)):
        live(page)


def test_a_wrong_link_says_so(visit, served):
    """And asks no second time."""
    page = visit(f"{served.url}#wrong", lost=True)
    page.wait_for_selector('main[data-stage="refused"]')
    assert "no longer valid" in page.locator("#news").inner_text()


@pytest.mark.thorough
def test_a_day_of_four_million_requests_is_rendered(visit, tmp_path):
    """From opening the page to its last chart, once the server has caught up. Five times as many are a benchmark (``live_day``)."""
    made = Scripted(tmp_path, 86_400.0)
    made.manifest()
    random = np.random.default_rng(1)
    for hour in range(24):
        due_s = np.sort(random.uniform(hour * 3600, min((hour + 1) * 3600, 86_390), 166_667))
        half = len(due_s) // 2
        made.requests(due_s[:half], random.lognormal(2.5, 0.6, half), region=3, shard=1)
        made.requests(due_s[half:], random.lognormal(2.7, 0.6, len(due_s) - half), region=4, shard=2)
    made.standing()
    try:
        with serving(made.path) as served:
            begun = time.monotonic()
            while served.watcher.catching_up or served.watcher.series is None or served.watcher.series.counted < 4_000_000:
                time.sleep(0.1)
                assert time.monotonic() - begun < browsing.WAIT_MS / 1e3
            visit(served.link()).wait_for_selector("#chart-compared-bad canvas")
    finally:
        shutil.rmtree(made.path)
