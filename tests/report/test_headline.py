"""The verdict in one sentence."""

from dataclasses import replace

import pytest

from closeshave.judge.verdict import Status
from closeshave.report.headline import headline, meaning
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
