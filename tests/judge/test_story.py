"""``closeshave explain``: the operations behind a verdict, in time order, each line with its place in the history."""

from rich.console import Console

from closeshave.judge.explanation.line import Line
from closeshave.judge.explanation.story import tell
from closeshave.judge.measures.analysis import Analysis
from closeshave.report import story
from tests.judge.histories import Run
from tests.judge.test_assess import whole


def lines(run: Run, verdict: str) -> tuple[Line, ...]:
    """The story of one verdict."""
    return tell(Analysis(run.evidence), run.verdict(verdict))


def lost_after_a_fail_over() -> Run:
    """A booking in calm that is missing, paid for, and read once by its customer."""
    run = whole()
    run.book(60, 5000, final=False, session="s9")
    run.act("capture", 60.5, booking=5000, session="s9")
    run.capture(5000, at=60.5)
    run.act("read", 61, booking=5000, session="s9", version=1)
    return run


def test_a_story_follows_the_booking_to_its_end() -> None:
    """Requested, acknowledged, paid, read, and missing in the end: in this order, with the witness marked."""
    told = lines(lost_after_a_fail_over(), "integrity/lost")
    assert [line.kind for line in told] == ["sent", "answered", "sent", "answered", "sent", "answered", "end", "end"]
    assert [line.at_ns for line in told[:6]] == sorted(line.at_ns for line in told[:6] if line.at_ns is not None)
    assert [line.accused for line in told[:4]] == [True, True, False, False]
    assert "missing" in told[6].what
    assert "charged 30.00" in told[7].what
    assert all(line.source for line in told)


def test_the_faults_edges_and_the_platforms_signals_are_listed_in_order() -> None:
    """The lines for a recovery include its fault's edges and the promotion."""
    told = lines(whole(), "recovery/kill")
    assert [line.what.rpartition(": ")[2] for line in told if line.kind == "fault"] == ["injected", "observed", "healed", "verified-healed"]
    assert [line.what for line in told if line.kind == "signal"] == ["suspected", "promoted"]


def test_both_customers_of_a_double_booking_are_listed() -> None:
    """The witness has two rows, and the lines follow each."""
    run = whole()
    for booking in (5000, 5001):
        run.book(60 + booking - 5000, booking, starts_at=1_950_000_000, session=f"s{booking}")
    told = lines(run, "integrity/double_booked")
    assert {line.what.split()[2] for line in told if line.kind == "end" and "holds" in line.what} == {"5000", "5001"}


def test_text_of_a_history_is_printed_as_data() -> None:
    """Markup and control characters from a history reach no terminal."""
    run = lost_after_a_fail_over()
    run.book(70, 5001, final=False, key="[red]\x1b[31mkey")
    console = Console(record=True, width=200)
    assessment = run.assess()
    story.show(story.of(story.choose(assessment, "integrity/lost"), run.history, run.plan, run.target), console)
    printed = console.export_text()
    assert "\x1b" not in printed
    assert "[red]" in printed
    assert "◀ witness" in printed


def test_without_a_name_every_verdict_except_a_pass_is_explained() -> None:
    """The worst first; for a good run there is nothing to explain."""
    chosen = story.choose(lost_after_a_fail_over().assess(), "")
    assert chosen[0].id in {"integrity/lost", "integrity/orphan_payments"}
    assert story.choose(whole().assess(), "") == ()


def test_a_stale_entry_is_explained_by_the_changes_of_its_shop() -> None:
    """Who changed it and who read it, and the final contents of the cache and the database."""
    run = whole()
    run.act("change_shop", 60, version=2, franchise=7)
    run.act("change_shop", 61, version=2, franchise=8)
    run.act("read_shop", 62, version=1, franchise=7)
    run.entry(7, 1, now=2)
    told = lines(run, "integrity/stale_cache")
    assert [line.kind for line in told] == ["sent", "answered", "sent", "answered", "end"]
    assert all("franchise 7" in line.what for line in told if line.kind == "sent")
    assert (told[-1].who, told[-1].what) == ("cache-east", "holds version 1 under franchise:7; the database has version 2")
