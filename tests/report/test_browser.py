"""The page as a person uses it, in a headless Chromium: at three widths, light and dark, on paper, and without scripts.

A page costs seconds of processor time, so the plain tests open each at one width; ``make test-thorough`` opens it at the others too.
"""

from dataclasses import replace

import pytest

from closeshave.report import html
from closeshave.report.curves import curves
from closeshave.report.doubts import Doubtful, DoubtKind
from closeshave.report.findings import Findings
from closeshave.report.machine import MachineUse
from tests import browsing
from tests.report import hostile, judged, synthetic
from tests.report.test_page import ATTACHED

pytestmark = pytest.mark.browser

WIDTHS = (1440, *(pytest.param(width, marks=pytest.mark.thorough) for width in (1024, 390)))
WAYS = ((1440, "light"), (390, "dark"))
"""The widths and colours in which the plain tests look at the whole page."""
HISTORY = synthetic.history(rate_per_s=30, roaming=0.4)
DOUBTS = (Doubtful(DoubtKind.OTHERS, 50.0, 62.0, "other programs delayed the platform"), Doubtful(DoubtKind.LATE, 90.0, 100.0, "late"))


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium."""
    with browsing.chromium() as browser:
        yield browser


def page_of(variant: str) -> str:
    """The page of a made-up run, with doubtful stretches and the use of the machine."""
    if variant == "hostile":
        found = Findings(hostile.poisoned(HISTORY), synthetic.PLAN, synthetic.TARGET, hostile.assessment(), 1, attachments=ATTACHED)
    else:
        found = Findings(HISTORY, synthetic.PLAN, synthetic.TARGET, judged.failed() if variant == "fail" else judged.passed(), 0)
    drawn = curves(found)
    at_s = drawn.series.starts_s + 0.5
    machine = MachineUse(at_s, *(share + 0 * at_s for share in (0.6, 0.3, 0.1, 0.05, 0.15)))
    return html.render(found, replace(drawn, axis=replace(drawn.axis, doubts=DOUBTS), machine=machine))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Pages as files, by variant."""
    root = tmp_path_factory.mktemp("pages")
    found = {}
    for variant in ("fail", "hostile"):
        found[variant] = root / f"{variant}.html"
        found[variant].write_bytes(page_of(variant).encode(errors="replace"))
    return found


@pytest.fixture
def visit(chromium, written):
    """Open a page at a width; what the browser complained of or asked for is kept, and must be nothing."""
    contexts, complaints = [], []

    def opened(variant="fail", width=1440, scheme="light", place="", **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
        page.goto(f"{written[variant].as_uri()}{place}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def drawing(page, chart):
    """What a chart shows, as its pixels. Drawing is done before the next frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate("(id) => document.querySelector(`#${id} canvas`).toDataURL()", chart)


def told(page):
    """What the timeline says that it shows."""
    return page.locator("#shown").inner_text()


def cells(page, column):
    """A column of the table of requests, from the top."""
    return page.locator(f"#by-operation tbody td:nth-child({column})").all_inner_texts()


def numbers(page, column):
    """The same as whole numbers."""
    return [int(text.replace(",", "")) for text in cells(page, column)]


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        pytest.param(width, scheme, marks=() if (width, scheme) == WAYS[0] else pytest.mark.thorough)
        for width in (1440, 1024, 390)
        for scheme in ("light", "dark")
    ],
)
def test_nothing_is_hard_to_reach_or_to_read(visit, width, scheme):
    """No finding of axe with everything unfolded, nothing wider than the screen, no text too small to read."""
    page = visit(width=width, scheme=scheme)
    browsing.easy_to_read(page, width)
    charts = page.locator(".uplot").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().width)")
    assert len(charts) == 7
    assert all(200 <= one <= width for one in charts)


@pytest.mark.thorough
def test_on_a_narrow_screen_no_label_stands_without_its_figure(visit):
    """A row is a card there, and each cell has its column's name before it."""
    page = visit(width=390)
    assert page.locator(".cards td[data-label]:visible").count() > 50
    assert page.locator(".cards td[data-label]:empty").count() > 0
    assert page.locator(".cards td[data-label]:empty:visible").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_the_filters_redraw_the_timeline_and_narrow_the_table(visit, width):
    """Region and shard, from either place; all of them again brings everything back."""
    page = visit(width=width)
    whole = drawing(page, "chart-response")
    page.locator("#time select[data-filter=region]").select_option(label="us-west-2")
    region = drawing(page, "chart-response")
    assert region != whole
    assert told(page) == "us-west-2"
    assert set(cells(page, 2)) == {"us-west-2"}
    page.locator("#requests select[data-filter=shard]").select_option(label="3")
    assert drawing(page, "chart-response") not in {whole, region}
    assert told(page) == "us-west-2, shard 3"
    assert set(cells(page, 3)) == {"3"}
    for name in ("region", "shard"):
        page.locator(f"#time select[data-filter={name}]").select_option("-1")
    assert drawing(page, "chart-response") == whole
    assert told(page) == ""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.thorough
def test_charts_are_enlarged_together_by_buttons_by_dragging_and_back(visit, width):
    """Every chart over time shows the same stretch."""
    page = visit(width=width)
    whole = {chart: drawing(page, chart) for chart in ("chart-rate", "chart-machine", "chart-compared-bad")}
    page.get_by_role("button", name="Zoom in").click()
    assert told(page) == "60 s to 180 s"
    assert all(drawing(page, chart) != before for chart, before in whole.items())
    page.get_by_role("button", name="Earlier").click()
    assert told(page) == "30 s to 150 s"
    page.get_by_role("button", name="Whole run").click()
    assert {chart: drawing(page, chart) for chart in whole} == whole
    plot = page.locator("#chart-rate .u-over")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=4)
    page.mouse.up()
    start, end = (float(part.removesuffix(" s")) for part in told(page).split(" to "))
    assert [start, end] == pytest.approx([60, 120], abs=3)
    assert all(drawing(page, chart) != before for chart, before in whole.items())
    plot.dblclick()
    assert told(page) == ""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.thorough
def test_a_legend_entry_switches_its_curve_off_and_on(visit, width):
    """By mouse and by keyboard."""
    page = visit(width=width)
    before = drawing(page, "chart-response")
    entry = page.locator("#chart-response .keys button", has_text="p99")
    entry.click()
    assert entry.get_attribute("aria-pressed") == "false"
    assert drawing(page, "chart-response") != before
    entry.press("Enter")
    assert entry.get_attribute("aria-pressed") == "true"
    assert drawing(page, "chart-response") == before


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.thorough
def test_the_figures_of_a_moment_are_shown_to_mouse_and_keyboard(visit, width):
    """In the legends of all charts at once."""
    page = visit(width=width)
    page.locator("#chart-rate .canvas").focus()
    for key in ("ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    for chart in ("chart-rate", "chart-response", "chart-machine"):
        assert page.locator(f"#{chart} .keys b").first.inner_text().endswith(("/s", "ms", "%"))
    page.keyboard.press("Escape")
    assert page.locator("#chart-rate .keys b").first.inner_text() == ""
    page.locator("#chart-rate .u-over").hover()
    assert page.locator("#chart-response .keys b").first.inner_text().endswith(("ms", " s"))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_sorts_by_any_column_and_splits_and_searches(visit, width):
    """Both ways; what is not split is summed."""
    page = visit(width=width)
    head = page.locator("#by-operation th")
    assert numbers(page, 5) == sorted(numbers(page, 5), reverse=True)
    sort = page.locator("#by-operation th button")
    for column in (4, 5):
        sort.nth(column - 1).click()
        assert head.nth(column - 1).get_attribute("aria-sort") == "descending"
        assert numbers(page, column) == sorted(numbers(page, column), reverse=True)
        sort.nth(column - 1).click()
        assert head.nth(column - 1).get_attribute("aria-sort") == "ascending"
        assert numbers(page, column) == sorted(numbers(page, column))
    sort.first.click()
    assert cells(page, 1) == sorted(cells(page, 1))
    for name in ("region", "shard"):
        page.locator(f"input[data-split={name}]").uncheck()
    assert cells(page, 1) == sorted(synthetic.KINDS)
    assert set(cells(page, 2)) == set(cells(page, 3)) == {"all"}
    total = sum(numbers(page, 4))
    page.locator("input[data-split=operation]").uncheck()
    assert numbers(page, 4) == [total]
    page.locator("input[data-split=operation]").check()
    page.locator("#search").fill("cancel")
    assert cells(page, 1) == ["cancel"]
    page.locator("#search").fill("nothing like it")
    assert page.locator("#rows").inner_text() == "No request fits."


@pytest.mark.thorough
def test_all_rows_of_the_table_can_be_shown(visit):
    """A person sees the worst first; a search for a row must find it."""
    page = visit()
    assert len(cells(page, 1)) == 20
    page.get_by_role("button", name="Show all rows").click()
    assert page.locator("#rows").inner_text() == f"{len(cells(page, 1))} of {len(cells(page, 1))} rows."
    assert len(cells(page, 1)) > 60


@pytest.mark.parametrize("width", WIDTHS)
def test_a_verdict_leads_to_its_row_its_moment_and_its_witnesses(visit, width):
    """From the first screen on; what lies folded is unfolded."""
    page = visit(width=width)
    page.locator("section.verdict a[href='#verdict-response-p95-ap-southeast-1']").click()
    row = page.locator("#verdict-response-p95-ap-southeast-1")
    assert row.evaluate("(one) => one.matches(':target')")
    row.get_by_role("link", name="witnesses").click()
    witnesses = page.locator("#verdict-response-p95-ap-southeast-1-witnesses")
    assert witnesses.evaluate("(one) => one.open")
    assert "slots" in witnesses.inner_text()
    before = drawing(page, "chart-response")
    witnesses.get_by_role("link", name="on the timeline").first.click()
    start, end = (float(part.removesuffix(" s")) for part in told(page).split(" to "))
    assert start < 41.218
    assert 41.902 < end < 60
    assert drawing(page, "chart-response") != before


@pytest.mark.thorough
def test_an_address_with_a_witness_unfolds_it(visit):
    """A link in a chat leads to what its sender saw."""
    page = visit(place="#verdict-integrity-double-booked-witnesses")
    assert page.locator("#verdict-integrity-double-booked-witnesses").evaluate("(one) => one.open")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_fault_leads_to_its_requests_and_the_timeline_to_the_fault(visit, width):
    """And to its stretch of the timeline."""
    page = visit(width=width)
    page.locator("#strip a", has_text="us-west-2-lost").click()
    card = page.locator("#fault-us-west-2-lost")
    assert card.evaluate("(one) => one.matches(':target')")
    card.locator("a[href='#requests']").click()
    assert page.locator("#during").evaluate("(one) => one.selectedOptions[0].text") == "us-west-2-lost"
    assert sum(numbers(page, 5)) > 0
    card.get_by_role("link", name="timeline").click()
    start, end = (float(part.removesuffix(" s")) for part in told(page).split(" to "))
    assert (start < 180, end > 220) == (True, True)


@pytest.mark.thorough
def test_doubtful_stretches_are_hatched(visit):
    """On the strip, on every chart over time, and in a list that says why."""
    page = visit()
    assert page.locator("#strip .doubt").count() == 2
    hatched = drawing(page, "chart-machine")
    page.evaluate("document.documentElement.style.setProperty('--doubt', 'transparent')")
    page.get_by_role("button", name="Whole run").click()
    assert drawing(page, "chart-machine") != hatched
    page.get_by_text("2 doubtful stretches").click()
    assert page.get_by_text("other programs delayed the platform", exact=True).is_visible()


@pytest.mark.thorough
def test_parts_are_compared_by_shard_or_by_region(visit):
    """A curve each."""
    page = visit()
    entries = page.locator("#chart-compared-response .keys button")
    assert [one.strip() for one in entries.all_inner_texts()] == ["shard 1", "shard 2", "shard 3", "shard 4"]
    before = drawing(page, "chart-compared-response")
    page.locator("#compare").select_option("region")
    assert [one.strip() for one in entries.all_inner_texts()] == sorted(synthetic.REGIONS)
    assert drawing(page, "chart-compared-response") != before


@pytest.mark.thorough
def test_a_change_to_the_dark_redraws_the_charts(visit):
    """Their colours are those of the page."""
    page = visit()
    light = drawing(page, "chart-rate")
    page.emulate_media(color_scheme="dark")
    assert drawing(page, "chart-rate") != light
    page.emulate_media(color_scheme="light")
    assert drawing(page, "chart-rate") == light


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.thorough), "dark"])
def test_on_paper_everything_is_unfolded_and_light(visit, scheme):
    """Nothing can be clicked there; afterwards all is as it was."""
    page = visit(scheme=scheme)
    folded = page.locator("details:not([open])").count()
    assert folded > 3
    page.emulate_media(media="print")
    page.wait_for_selector("html.printing")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("#time .controls").is_hidden()
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()") == "#ffffff"
    breaks = page.locator("h2, h3").evaluate_all("(all) => all.filter((one) => getComputedStyle(one).breakAfter !== 'avoid').length")
    assert breaks == 0
    page.emulate_media(media="screen")
    page.wait_for_selector("html:not(.printing)")
    assert page.locator("details:not([open])").count() == folded


@pytest.mark.thorough
def test_the_page_can_be_printed(visit):
    """As a document of several sheets."""
    document = visit().pdf(format="A4")
    assert document.startswith(b"%PDF")
    assert document.count(b"/Type /Page\n") + document.count(b"/Type /Page ") >= 3


@pytest.mark.parametrize("width", [pytest.param(1440, marks=pytest.mark.thorough), 390])
def test_hostile_text_is_shown_and_does_nothing(visit, width):
    """No dialog, no element, no request: ``visit`` notes them. It is on the page as the text that it is."""
    page = visit("hostile", width=width)
    assert page.locator("script").count() == 3
    assert page.locator("img, iframe, object").count() == 0
    assert "<img src=x onerror=alert(2)>" in page.locator("#objectives").inner_text()
    page.locator("#during").select_option(index=2)
    page.locator("#compare").select_option("region")
    page.locator("#strip .track").first.hover()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_the_verdicts_are_there(visit):
    """A viewer that forbids them, as some CI systems do, shows everything but charts, and says where those are."""
    page = visit(java_script_enabled=False)
    assert page.get_by_text("need scripts").is_visible()
    assert page.locator("#time .controls").is_hidden()
    assert page.get_by_text("2 of 26 checks failed").is_visible()
