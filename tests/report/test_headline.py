"""The verdict in one sentence."""

from dataclasses import replace

import pytest

from closeshave.judge.verdict import Status
from closeshave.report.headline import headline, meaning, notices
from tests.report import judged


def test_a_pass_says_what_was_survived_and_what_it_cost():
    """The slowest recovery and the writes lost inside the allowed windows are told even when all is well."""
    said = headline(judged.passed(), "rehearsed", 0)
    assert said.text == (
        "Pass (rehearsed): All 26 checks passed; all 3 faults were survived, the slowest recovery took 22.9 s; "
        "of 2,218 acknowledged bookings none was lost outside the allowed loss windows (2 inside), "
        "and in 412 contests for a slot no slot was booked twice."
    )


def test_a_failure_names_the_worst_breach_first():
    """A slot sold twice speaks before an answer that came late."""
    said = headline(judged.failed(), "rehearsed", 1)
    assert said.sentence.startswith("2 of 26 checks failed. Double bookings: barber 120418 was sold twice")


def test_inconclusive_never_sounds_like_a_pass():
    """It says so, and why: first what made the run impossible to believe."""
    said = headline(judged.inconclusive(), "rehearsed", 3)
    assert "none failed, but this is not a pass" in said.sentence
    assert "never observed by a probe" in said.sentence


@pytest.mark.parametrize(
    ("exit_code", "beginning"), [(130, "Interrupted"), (5, "Stopped for safety"), (4, "The environment or the harness failed")]
)
def test_a_run_that_ended_early_says_so_first(exit_code, beginning):
    """Whatever was judged of it."""
    assert headline(judged.inconclusive(), "rehearsed", exit_code).sentence.startswith(beginning)


def test_nothing_is_claimed_of_bookings_that_could_not_be_counted():
    """Unknown never becomes success."""
    uncounted = replace(judged.passed(), integrity=judged.counted(lost=None))
    assert "acknowledged" not in headline(uncounted, "measured", 0).sentence


def test_nothing_is_claimed_of_contests_that_never_were():
    """A count of zero among zero chances is not shown as a result."""
    alone = tuple(replace(one, exposure=None) for one in judged.verdicts())
    assert "booked twice" not in headline(replace(judged.passed(), verdicts=alone), "measured", 0).sentence


def test_without_verdicts_the_reason_of_the_run_is_told():
    """A run that was interrupted at once has reasons and no verdict."""
    bare = replace(judged.inconclusive(), verdicts=(), reasons=("nothing was judged",))
    assert bare.status is Status.INCONCLUSIVE
    assert "nothing was judged." in headline(bare, "rehearsed", 130).sentence


def test_rehearsed_says_that_it_proves_nothing_about_the_platform():
    """Evidence from the stand-in must not be read as more."""
    assert "nothing about the platform" in meaning("rehearsed")


def test_a_single_fault_has_one_recovery():
    """Not the slowest of one."""
    single = replace(judged.passed(), faults=judged.FAULTS[:1])
    assert "the only fault was survived, recovery took 3.4 s" in headline(single, "rehearsed", 0).sentence


HOST = replace(
    judged.verdict("host", "host", "all", 0.9, 0.0, "ratio"),
    status=Status.INCONCLUSIVE,
    gates=False,
    reason="other programs disturbed the machine for 200 s of 220 s: a build took the processors",
)


def undecided(id: str, reason: str):
    """The verdict of this ID, inconclusive for this reason."""
    return replace(next(one for one in judged.verdicts() if one.id == id), status=Status.INCONCLUSIVE, reason=reason)


def of(*wrong, exit_code: int = 3):
    """The headline of a run in which these verdicts are not a pass."""
    others = tuple(one for one in judged.verdicts() if one.id not in {each.id for each in wrong})
    return headline(replace(judged.inconclusive(), verdicts=(*others, *wrong)), "rehearsed", exit_code).sentence


CAUSES = (
    undecided("complete", "the run ended early: a signal"),
    undecided("reconciled/edges", "12 requests are missing"),
    undecided("generator/customers", "the sender of customers could not keep its schedule in 9 windows"),
    undecided("healed/us-west-2-lost", "it is not proven that us-west-2-lost was healed"),
    undecided("integrity/lost", "the final state is missing"),
    undecided("response-p95/us-east-1", "too few requests"),
)
"""Each explains those after it."""


@pytest.mark.parametrize("first", range(len(CAUSES)))
def test_the_worst_cause_speaks_first(first):
    """A figure comes after what explains it, whatever the order of the judges."""
    assert CAUSES[first].reason.casefold() in of(*reversed(CAUSES[first:])).casefold()


def test_what_a_run_lacks_is_told_by_its_reason_alone():
    """The title of a precondition says what should be: *Run complete: the run ended early* contradicts itself."""
    assert of(CAUSES[0]).startswith("The run ended early: a signal. ")
    assert of(replace(CAUSES[0], reason="")).startswith("Run complete: ")


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("so no load was sent. " * 11 + "More processors would help", "so no load was sent. "),
        (f"{'long ' * 40}clause; {'more ' * 40}", "long clause. "),
        (f"{'word ' * 80}", "word… "),
        (f"short; {'word ' * 80}", "word… "),
        ("x" * 400, f"{'x' * 238}… "),
    ],
)
def test_a_reason_that_is_too_long_ends_with_a_whole_sentence_clause_or_word(reason, end):
    """Half a word looks like a fault of the page."""
    told = of(undecided("complete", reason)).partition("25 of ")[0]
    assert told.endswith(end)
    assert len(told) <= 242


@pytest.mark.parametrize(
    ("share", "reason", "named"),
    [
        (0.9, "too few requests", True),  # most of the run was disturbed
        (0.1, "too few requests", False),  # a moment of noise explains nothing
        (0.1, "other programs disturbed 60% of these requests and may have caused the breach", True),
    ],
)
def test_a_starved_machine_is_named_before_a_figure_that_it_may_explain(share, reason, named):
    """And only then."""
    said = of(replace(HOST, measured=share), undecided("response-p95/us-east-1", reason))
    assert said.startswith("Other programs disturbed the machine for 200 s of 220 s") is named
    assert reason in said


def test_a_starved_machine_does_not_explain_what_is_missing():
    """Integrity does not depend on how busy the machine was."""
    assert of(HOST, undecided("integrity/lost", "the final state is missing")).startswith("Lost bookings: the final state is missing")


def test_a_failure_is_told_first_and_the_trouble_of_the_run_after_it():
    """It is proven; what is inconclusive beside it may not be."""
    verdicts = (*(one for one in judged.failed().verdicts if one.id != CAUSES[2].id), CAUSES[2])
    said = headline(replace(judged.failed(), verdicts=verdicts), "rehearsed", 1).sentence
    assert said.startswith("2 of 26 checks failed. Double bookings")
    assert said.index("The run itself has trouble too. The sender of customers could not keep its schedule") > 0


def test_what_changes_no_verdict_is_noted():
    """A pass on a disturbed machine says so beside the verdict."""
    assert notices(replace(judged.passed(), verdicts=(*judged.verdicts(), HOST)))[0].startswith("Other programs disturbed")
    assert notices(judged.passed()) == ()


@pytest.mark.parametrize(
    ("grade", "words", "begins"),
    [
        ("rehearsed", "rehearsed", "Rehearsed: "),
        ("measured", "measured in our environment", "Measured in our environment: "),
        ("verified", "verified", "Verified: "),
    ],
)
def test_each_grade_of_evidence_has_its_words_everywhere(grade, words, begins):
    """What a run can show is said in the same words in every report, and explained in one sentence."""
    assert f"Pass ({words}): " in headline(judged.passed(), grade, 0).text
    assert meaning(grade).startswith(begins)
