"""What a run says of each promise: verdicts by their objective, and passes that a run cannot be trusted for."""

from dataclasses import replace
from typing import Any

import pytest

from closeshave.judge.asked import NO_VERDICT
from closeshave.judge.verdict import Verdict
from closeshave.plan import Expected, Fault, Limits, Plan
from closeshave.readiness.evidence import OTHER, answers, drill_part, part_of, text_of
from closeshave.target import Claim, Measure, Objective
from tests.readiness.ledgers import BAD, GOOD, LATENCY, RECOVERY, TARGET, UNCLEAR, promising, verdict
from tests.report import judged

KINDS = {"kill": "shard.primary-killed", "gone": "region.lost"}
FAULTS = tuple(Fault(name, kind, "break", 1.0, 10.0, Expected.RECOVERS) for name, kind in KINDS.items())
PLAN = Plan("p", "e", "shop", 1, Limits(600, 10**6), (), FAULTS)
BY_REGION = Objective("latency", ("P1",), Measure.LATENCY, at_most=0.2, percentile=0.95, per="region")
REGIONS = Objective("recovery", ("P2",), Measure.RECOVERY, at_most=60.0, faults=("region.*",))
WHOLE = promising(*TARGET.claims, objectives=[LATENCY, BY_REGION, RECOVERY, REGIONS])


def said(*verdicts, target=WHOLE):
    """Part → the statuses of its verdicts."""
    found = answers(replace(judged.passed(), verdicts=verdicts), PLAN, target)
    return {(one.claim, one.part): [each.status for each in one.verdicts] for one in found}


def precondition(measure, status=UNCLEAR, scope="all", *, gates=True):
    """On the run itself."""
    return Verdict(measure, (), status, measure, scope, None, None, "count", reason="too late", gates=gates)


def test_a_verdict_belongs_to_the_objective_that_asked_for_it():
    """Objectives share an ID: their parts and their faults tell them apart."""
    found = said(
        verdict(LATENCY),
        verdict(BY_REGION, UNCLEAR, "eu", scope="region:eu"),
        verdict(RECOVERY, name="kill", scope="fault:kill"),
        verdict(REGIONS, BAD, "gone", scope="fault:gone"),
    )
    assert found == {
        ("P1", part_of(LATENCY)): [GOOD],
        ("P1", part_of(BY_REGION)): [UNCLEAR],
        ("P2", part_of(RECOVERY)): [GOOD],
        ("P2", part_of(REGIONS)): [BAD],
    }


def test_what_fits_no_objective_is_said_of_all_that_share_its_name():
    """As: there is no verdict."""
    found = said(verdict(LATENCY, UNCLEAR, NO_VERDICT, measure="latency", scope="nowhere"))
    assert found == {("P1", part_of(LATENCY)): [UNCLEAR], ("P1", part_of(BY_REGION)): [UNCLEAR]}


def test_a_drill_and_a_verdict_of_no_objective_have_parts_of_their_own():
    """So that neither is lost."""
    found = said(verdict(LATENCY, id="drill/x", scope="drill:x", measure="drill"), verdict(LATENCY, BAD, id="extension/x"))
    assert found == {("P1", drill_part("x")): [GOOD], ("P1", OTHER): [BAD]}


@pytest.mark.parametrize(("status", "expected"), [(GOOD, UNCLEAR), (UNCLEAR, UNCLEAR), (BAD, BAD)])
def test_a_run_that_cannot_be_trusted_keeps_no_promise(status, expected):
    """Its passes are inconclusive, with the reason; what it refutes stays refuted."""
    assert said(precondition("reconciliation"), verdict(LATENCY, status)) == {("P1", part_of(LATENCY)): [expected]}
    found = answers(replace(judged.passed(), verdicts=(precondition("reconciliation"), verdict(LATENCY))), PLAN, WHOLE)
    assert found[0].verdicts[0].reason == "the run cannot be trusted: reconciliation: too late"


@pytest.mark.parametrize("doubt", [precondition("reconciliation", GOOD), precondition("host", gates=False)])
def test_what_is_only_shown_takes_nothing_back(doubt):
    """Nor does a precondition that holds."""
    assert said(doubt, verdict(LATENCY)) == {("P1", part_of(LATENCY)): [GOOD]}


@pytest.mark.parametrize(
    ("told", "window", "expected"),
    [
        (verdict(LATENCY), "calm", GOOD),
        (verdict(LATENCY), "run", UNCLEAR),
        (verdict(RECOVERY, name="kill", scope="fault:kill"), "calm", UNCLEAR),
        (verdict(REGIONS, name="gone", scope="fault:gone"), "calm", GOOD),
    ],
)
def test_a_fault_that_is_not_proven_takes_back_what_rests_on_it(told, window, expected):
    """Not the calm phase, and no other fault."""
    target = promising(*TARGET.claims, objectives=[replace(LATENCY, window=window), RECOVERY, REGIONS])
    (found,) = said(precondition("observed", scope="fault:kill"), told, target=target).values()
    assert found == [expected]


def test_a_fault_that_no_plan_names_spoils_the_run():
    """It is another run than the plan's."""
    (found,) = said(precondition("fault", scope="fault:stranger"), verdict(LATENCY)).values()
    assert found == [UNCLEAR]


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "its words": ({"text": "answers"}, {}, True),
    "its ways": ({"how": ("load", "fault")}, {}, True),
    "the bound of its objective": ({}, {"at_most": 0.2}, True),
    "the confidence of its objective": ({}, {"confidence": 0.9}, True),
    "its owner": ({"owner": "Mara"}, {}, False),
    "whether the launch needs it": ({"must_have": False}, {}, False),
}


@pytest.mark.parametrize("case", CHANGES)
def test_the_text_of_a_promise_is_all_that_decides_it(case):
    """Neither who owns it nor what else the target promises."""
    of_claim, of_objective, other = CHANGES[case]
    changed = promising(replace(TARGET.claims[0], **of_claim), objectives=[replace(LATENCY, **of_objective)])
    assert (text_of(changed, "P1") != text_of(TARGET, "P1")) is other
    assert text_of(promising(Claim("P9", "more", ("load",))), "P1") is None
