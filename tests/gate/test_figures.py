"""What a leg measured, from recorded runs: the figures of undisturbed requests, and what spoils a leg."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closeshave.conclusion import conclude
from closeshave.gate.design import Leg, Side
from closeshave.gate.figures import disturbed_share, endless, figures
from closeshave.gate.legs import judged
from closeshave.gate.rules import rules
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import spans
from closeshave.judge.verdict import Status
from closeshave.plan import Gate
from tests.judge import machines

RECORDED = Path(__file__).parents[1] / "recorded"
METRICS = ("p50/slots", "p95/book", "not-good", "cpu-per-request", "cache-misses")
RULES = rules(Gate(metrics=METRICS))
LEG = Leg(Side.CANDIDATE, 7)


@pytest.fixture(scope="module")
def calm():
    """A real run, as if nobody else had used its machine."""
    said = conclude(RECORDED / "calm-pass")
    return replace(said, recorded=replace(said.recorded, resources=during(said, machines.record(end=40))))


def during(said, record):
    """A record of a machine, moved to the calm phase of a run."""
    (phase,) = (each for each in said.recorded.manifest.phases if each.role == "calm")
    return record.assign(at_ns=record["at_ns"] + phase.started_ns - int(record["at_ns"].min()) - 10**9)


def evidence(said, **changes):
    """What its judges read."""
    return Evidence(replace(said.recorded, **changes), said.plan, said.target)


def test_figures_are_those_of_customers_in_calm(calm):
    """Counted again from the rows themselves."""
    found, rows = figures(evidence(calm), METRICS), calm.recorded.operations
    (phase,) = (each for each in calm.recorded.manifest.phases if each.role == "calm")
    mine = rows[(rows["source"] == "customers") & (rows["intended_ns"] >= phase.started_ns) & (rows["intended_ns"] < phase.ended_ns)]
    assert not evidence(calm).touched.any()
    assert found["not-good"].n == len(mine)
    assert found["not-good"].value == pytest.approx(1 - float(mine["good"].mean()))
    slots = mine[mine["kind"] == "slots"]
    took = np.sort((slots["ended_ns"] - slots["intended_ns"]).to_numpy())
    assert found["p50/slots"].value == pytest.approx(took[(len(took) + 1) // 2 - 1] / 1e9)
    assert found["p50/slots"].n == len(slots)
    assert 0 < found["cpu-per-request"].value < 0.1
    assert 0 <= found["cache-misses"].value < 0.5


@pytest.mark.parametrize("failed", [0, 1, 2, 3])
def test_a_percentile_that_does_not_exist_is_named(calm, failed):
    """Exactly where the figure is missing although there are requests enough; not where the machine was disturbed, or nothing failed."""
    rows = calm.recorded.operations.copy()
    slots = np.flatnonzero((rows["kind"] == "slots").to_numpy())
    bad = rows["good"].to_numpy().copy()
    bad[slots[: len(slots) * failed // 4]] = False
    seen = evidence(calm, operations=rows.assign(good=bad))
    assert (endless(seen, METRICS) == ("p50/slots",)) is ("p50/slots" not in figures(seen, METRICS))
    assert (failed == 3) is ("p50/slots" in endless(seen, METRICS))


def test_a_percentile_of_too_few_requests_is_no_figure(calm):
    """The p99 of a leg with two hundred bookings would be that of two of them."""
    found = figures(evidence(calm), ("p99/book", "p99/slots", "p95/reschedule"))
    assert "p99/book" not in found
    assert "p95/reschedule" not in found


def test_a_machine_that_was_disturbed_costs_response_times_and_no_processor_time(calm):
    """More than half of the leg: no request of it counts."""
    disturbed = evidence(calm, resources=during(calm, machines.record((range(200), {"others": 1.5, "delay": 0.8}), end=40)))
    assert disturbed_share(disturbed, spans(calm.recorded.manifest, "calm")) > 0.9
    assert set(figures(disturbed, METRICS)) == {"cpu-per-request"}


def test_a_sound_leg_has_figures_and_breaks_nothing(calm):
    """And nothing spoils it."""
    found = judged(LEG, calm, RULES)
    assert (found.side, found.seed, found.run, found.broken, found.spoilt) == (Side.CANDIDATE, 7, "calm-pass", (), "")
    assert set(found.figures) == set(METRICS)


def test_a_failed_verdict_of_a_leg_is_a_broken_promise(calm):
    """With its reason; a verdict that is only shown is none."""
    first, *rest = calm.assessment.verdicts
    lost = replace(first, id="integrity/lost", measure="lost", status=Status.FAIL, reason="1 booking is missing")
    shown = replace(first, id="latency/x", measure="latency", status=Status.FAIL, gates=False)
    failed = replace(calm, assessment=replace(calm.assessment, verdicts=(lost, shown, *rest)))
    (found,) = judged(LEG, failed, RULES).broken
    assert (found.verdict, found.reason, found.side) == ("integrity/lost", "1 booking is missing", Side.CANDIDATE)


def test_an_objective_that_fails_in_a_disturbed_leg_is_no_broken_promise(calm):
    """Its response times are no figures either. A lost booking is a lost booking."""
    first, *rest = calm.assessment.verdicts
    lost = replace(first, id="integrity/lost", measure="lost", status=Status.FAIL, reason="1 booking is missing")
    slow = replace(first, id="latency/all", measure="latency", status=Status.FAIL, reason="the p95 is 2 s")
    failed = replace(calm, assessment=replace(calm.assessment, verdicts=(lost, slow, *rest)))
    assert [each.verdict for each in judged(LEG, failed, RULES).broken] == ["integrity/lost", "latency/all"]
    noise = machines.record((range(200), {"others": 1.5, "delay": 0.8}), end=40)
    disturbed = replace(failed, recorded=replace(failed.recorded, resources=during(calm, noise)))
    assert [each.verdict for each in judged(LEG, disturbed, RULES).broken] == ["integrity/lost"]


def test_a_leg_whose_counts_do_not_agree_is_spoilt(calm):
    """As is one of an environment that failed, which has no figures."""
    verdicts = tuple(
        replace(each, status=Status.INCONCLUSIVE, reason="3 are missing") if each.measure == "reconciliation" else each
        for each in calm.assessment.verdicts
    )
    assert "3 are missing" in judged(LEG, replace(calm, assessment=replace(calm.assessment, verdicts=verdicts)), RULES).spoilt
    gone = judged(LEG, replace(calm, exit_code=4), RULES)
    assert gone.spoilt == "the environment or the harness failed"
    assert gone.figures == {}


def test_doubts_about_the_machine_alone_spoil_nothing(calm):
    """What they touch is left out already."""
    verdicts = tuple(
        replace(each, status=Status.INCONCLUSIVE, gates=True) if each.measure == "host" else each for each in calm.assessment.verdicts
    )
    assert judged(LEG, replace(calm, assessment=replace(calm.assessment, verdicts=verdicts)), RULES).spoilt == ""
