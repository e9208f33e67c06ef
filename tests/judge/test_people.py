"""People: KILL is injected at second 120 by the inject *shard-dies*; customers of shard 1 fail from 122 on, and are served again at 130."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.history import InjectPassed, PersonMarked
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.incidents import Aid, Incident, effective
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdicts.people import judge
from closeshave.plan import Expected, Fault, Inject
from closeshave.target import Measure, Objective
from closeshave.vocabulary import HumanMark, IncidentSeverity
from tests.judge.histories import KILL, Run, ns, starving

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
DETECT = Objective("detect", ("B15",), Measure.TIME_TO_DETECT, at_most=30.0)
REPAIR = Objective("repair", ("B15",), Measure.TIME_TO_RESOLVE, at_most=60.0)
RESPOND = Objective("respond", ("B20",), Measure.TIME_TO_ACKNOWLEDGE, at_most=30.0)
UNAIDED = Objective("unaided", ("B16",), Measure.RESOLVED_UNAIDED, at_least=0.7)
INJECT = Inject("shard-dies", "A shard dies", 10.0, fault="kill")


def mark(
    word: str, at: float, *, said: float | None = None, inject: str | None = "shard-dies", corrects: int | None = None
) -> PersonMarked:
    """A mark of a person, pressed when it was so unless ``said`` says otherwise."""
    return PersonMarked(ns(at), ns(at if said is None else said), word, "Ada", inject, corrects)


def held(
    *people: PersonMarked, objectives: tuple[Objective, ...] = (DETECT, REPAIR, RESPOND, UNAIDED), down: tuple[float, float] | None = (122, 130),
    game_day: Literal["", "held", "rehearsed"] = "held", healed: float = 150,
) -> Run:  # fmt: skip
    """A game day with ten customers a second, those of shard 1 harmed in ``down``, and ten probes a second."""
    run = Run(objectives, (KILL,))
    run.life(healed=healed, verified=healed + 5)
    run.probes(100, 190, down=() if down is None else (down,))
    for index in range(1800):
        at = round(10 + index / 10, 6)
        shard = 1 + index % 2
        (run.bad if shard == 1 and down is not None and down[0] <= at < down[1] else run.op)(
            at, shard=shard, franchise=1 if shard == 1 else 101
        )
    run.changes["people"] = people
    run.changes["injects"] = (InjectPassed(ns(116), "shard-dies", "begun", "kill", "clock"),)
    run.changes["manifest"] = replace(run.history.manifest, game_day=game_day)
    return run


def incident(run: Run) -> Incident:
    """The only one."""
    (found,) = Analysis(run.evidence).incidents
    return found


def verdict(run: Run, name: str) -> Verdict:
    """On one objective. The plan of such a run has the inject, or nothing would be asked of people."""
    from closeshave.judge import assess  # noqa: PLC0415 - the plan of these histories has no inject of its own

    plan = replace(run.plan, inject=(INJECT,))
    return next(each for each in assess(run.history, plan, run.target).verdicts if each.id == name)


def test_time_counts_from_the_first_harmed_customer_and_not_from_the_injection() -> None:
    """Injected at 120, first harm at 122, noticed at 140: eighteen seconds, not twenty."""
    run = held(mark("noticed", 140))
    found = incident(run)
    assert (found.harmed_ns, found.last_harmed_ns, found.inject) == (ns(122), ns(129.8), "shard-dies")
    answer = verdict(run, "detect")
    assert (answer.status, answer.measured) == (PASS, 18.0)


def test_a_request_under_way_when_the_fault_came_counts_from_the_injection() -> None:
    """It was due before, and failed by the fault's doing."""
    run = held(down=None)
    run.bad(119.5, 10.0, shard=1)
    assert incident(run).harmed_ns == ns(120)


@pytest.mark.parametrize("noise", [(111.0,), (125.0, 160.0)])
def test_what_fails_in_calm_too_is_no_harm_by_the_fault(noise: tuple[float, ...]) -> None:
    """Single failures among as many as calm has; and what fails at another shard is not in the fault's scope."""
    run = held(down=None)
    for at in (*noise, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0):
        run.bad(at, shard=1)
    run.bad(125.0, shard=2, franchise=101)
    assert Analysis(run.evidence).incidents == ()
    assert "no incident harmed customers" in verdict(run, "detect").reason


@pytest.mark.parametrize(
    ("people", "expected", "measured"),
    [
        pytest.param((mark("noticed", 152),), PASS, 30.0, id="just in time"),
        pytest.param((mark("noticed", 152.5),), FAIL, 30.5, id="too late"),
        pytest.param((mark("noticed", 121),), PASS, 0.0, id="before anybody was harmed"),
        pytest.param((), INCONCLUSIVE, None, id="nobody marked anything"),
        pytest.param((mark("mitigated", 140),), PASS, None, id="nobody mitigates what nobody noticed: at most 18 s"),
        pytest.param((mark("mitigated", 160),), INCONCLUSIVE, None, id="somewhere in the 38 s before"),
        pytest.param((mark("noticed", 160), mark("noticed", 140, said=170, corrects=0)), PASS, 18.0, id="corrected to earlier"),
        pytest.param((mark("noticed", 140), mark("noticed", 160, said=170, corrects=0)), FAIL, 38.0, id="corrected to later"),
        pytest.param((mark("noticed", 140), mark("acknowledged", 140, said=170, corrects=0)), PASS, None, id="it was another mark"),
        pytest.param((mark("noticed", 140, inject="another"),), INCONCLUSIVE, None, id="of another inject"),
        pytest.param((mark("noticed", 140, inject=None),), PASS, 18.0, id="of no inject: the one in effect"),
        pytest.param((mark("bored", 140),), INCONCLUSIVE, None, id="a word that this version does not know"),
    ],
)
def test_a_missing_mark_is_unknown_and_a_correction_counts(
    people: tuple[PersonMarked, ...], expected: Status, measured: float | None
) -> None:
    """30 s are allowed from 122 on."""
    answer = verdict(held(*people), "detect")
    assert (answer.status, answer.measured) == (expected, measured)
    assert answer.reason


def test_a_mean_is_unknown_as_long_as_one_incident_is() -> None:
    """What is missing took at least no time: a bound that is broken all the same is broken."""
    unknown = incident(held())
    assert judge(DETECT, [incident(held(mark("noticed", 123))), unknown], 0).status is INCONCLUSIVE
    answer = judge(DETECT, [incident(held(mark("noticed", 200))), unknown], 0)
    assert (answer.status, answer.measured) == (FAIL, None)
    both = judge(DETECT, [incident(held(mark("noticed", 123))), incident(held(mark("noticed", 180)))], 0)
    assert (both.status, both.measured) == (PASS, 29.5)


def test_resolved_means_that_people_said_so_and_customers_are_served() -> None:
    """Called resolved at 125, five seconds before customers were served again: what counts is the later of the two."""
    answer = verdict(held(mark("resolved", 125)), "repair")
    assert answer.status is PASS
    assert answer.confidence is not None
    assert answer.confidence == pytest.approx((7.9, 8.01))
    assert "called resolved before customers were served again" in answer.reason
    late = verdict(held(mark("resolved", 180)), "repair")
    assert (late.status, late.measured) == (PASS, 58.0)
    assert verdict(held(mark("noticed", 140)), "repair").status is INCONCLUSIVE


@pytest.mark.parametrize(
    ("people", "game_day", "down", "healed", "aid"),
    [
        pytest.param((mark("mitigated", 140),), "held", (122, 130), 150, Aid.NOBODY_NEEDED, id="back before anybody acted"),
        pytest.param((mark("mitigated", 125),), "held", (122, 130), 150, Aid.UNKNOWN, id="back after somebody acted: perhaps without, too"),
        pytest.param((mark("noticed", 140),), "held", (122, 130), 150, Aid.UNKNOWN, id="nobody marked whether somebody acted"),
        pytest.param((), "", (122, 130), 150, Aid.NOBODY_NEEDED, id="a run without people"),
        pytest.param((mark("mitigated", 140),), "held", (122, 152), 150, Aid.HARNESS, id="back only after the harness healed it"),
    ],
)
def test_the_platforms_own_recovery_is_told_apart(
    people: tuple[PersonMarked, ...], game_day: Literal["", "held", "rehearsed"], down: tuple[float, float], healed: float, aid: Aid
) -> None:
    """What would have happened without people is unknown, and said so."""
    assert incident(held(*people, game_day=game_day, down=down, healed=healed)).aid is aid


def test_one_incident_cannot_show_a_share_but_can_refute_one() -> None:
    """One of one without people: at 95 % confidence at least 5 %. None of one: at most 95 %. Both leave 70 % open."""
    for aided, measured in ((mark("mitigated", 140), 1.0), (mark("mitigated", 125), None)):
        answer = verdict(held(aided), "unaided")
        assert (answer.status, answer.measured) == (INCONCLUSIVE, measured)
    strict = Objective("unaided", (), Measure.RESOLVED_UNAIDED, at_least=0.99)
    refuted = held(mark("mitigated", 140), down=(122, 152), objectives=(strict,))
    assert (verdict(refuted, "unaided").status, verdict(refuted, "unaided").measured) == (FAIL, 0.0)


def test_an_incident_of_another_severity_answers_nothing_and_is_only_shown() -> None:
    """Half of the requests in eight seconds of a minute: 6.6 % of the worst minute, which is high."""
    assert incident(held()).severity is IncidentSeverity.HIGH
    critical = replace(RESPOND, severity=IncidentSeverity.CRITICAL)
    answer = verdict(held(mark("acknowledged", 130), objectives=(critical,)), "respond")
    assert (answer.status, answer.gates) == (INCONCLUSIVE, False)
    high = replace(RESPOND, severity=IncidentSeverity.HIGH)
    assert verdict(held(mark("acknowledged", 130), objectives=(high,)), "respond").status is PASS


def test_what_other_programs_may_have_done_makes_no_harm_sure() -> None:
    """All of the outage lies in a doubtful stretch: no time is too long, and none is short enough."""
    run = held(mark("noticed", 180), mark("mitigated", 181))
    run.changes["resources"] = starving((118, 135))
    found = incident(run)
    assert (found.sure, found.severity, found.perhaps_ns) == (False, None, ns(122))
    assert found.until_s(HumanMark.NOTICED) == (0.0, 58.0)
    for name in ("detect", "unaided"):
        assert verdict(run, name).status is INCONCLUSIVE
    early = held(mark("noticed", 140))
    early.changes["resources"] = starving((118, 135))
    assert verdict(early, "detect").status is INCONCLUSIVE


def test_harm_that_is_sure_may_have_begun_before() -> None:
    """Doubtful until 130, sure at 140: what may have been before can only cost a pass."""
    run = held(mark("noticed", 153))
    for index in range(10):
        run.bad(140.05 + index / 100, shard=1)
    run.changes["resources"] = starving((118, 135))
    found = incident(run)
    assert (found.sure, found.perhaps_ns, found.harmed_ns) == (True, ns(122), ns(140.05))
    answer = verdict(run, "detect")
    assert answer.status is INCONCLUSIVE
    assert answer.confidence == pytest.approx((12.95, 31.0))


def test_nobody_can_mark_what_nobody_held() -> None:
    """The same plan without people: inconclusive, and it says why."""
    answer = verdict(held(game_day=""), "detect")
    assert (answer.status, answer.reason) == (INCONCLUSIVE, "nobody held the clock of this run, so nobody could mark anything")


def test_a_mark_that_names_no_inject_counts_for_none_of_two_in_effect() -> None:
    """It is unknown about which it is."""
    other = Fault("other", "service.killed", "break", 12, 30, Expected.TOLERATES, {"region": "east"})
    run = held(mark("noticed", 140, inject=None))
    run.faults = (KILL, other)
    run.life("other", injected=126, observed=126.5, healed=152, verified=155)
    found = {each.id: each for each in Analysis(run.evidence).incidents}
    assert (found["kill"].marks, found["kill"].ambiguous) == ({}, 1)


def test_nothing_of_a_rehearsal_counts() -> None:
    """Neither for the platform nor against it: the run says that it was one."""
    from closeshave.judge import assess  # noqa: PLC0415 - as above

    run = held(mark("noticed", 180), game_day="rehearsed")
    found = assess(run.history, replace(run.plan, inject=(INJECT,)), run.target)
    assert found.status is INCONCLUSIVE
    assert [each.id for each in found.verdicts if each.gates] == ["rehearsal"]
    assert FAIL not in {each.status for each in found.verdicts}


@given(
    st.lists(st.tuples(st.sampled_from([each.value for each in HumanMark]), st.integers(0, 100), st.none() | st.integers(0, 5)), max_size=8)
)
def test_corrections_never_lose_or_add_a_mark(told: list[tuple[str, int, int | None]]) -> None:
    """There are as many marks that count as there are marks that correct nothing; each is its last correction."""
    people = [mark(word, at, corrects=corrects) for word, at, corrects in told]
    counted = effective(people)
    assert len(counted) == sum(each.corrects is None for each in people)
    for index, each in enumerate(people):
        later: list[Any] = [one for one in people if one.corrects == index]
        if each.corrects is None:
            assert (later[-1] if later else each) in counted
