"""Where links lead: anchors, and moments on the timeline."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.history import Operation
from closeshave.judge.witnesses import KeyWitness, OperationWitness, OtherWitness
from closeshave.report.anchors import anchors
from closeshave.report.axis import axis
from closeshave.report.moments import Moment, instant, moment
from tests.report import hostile, judged, synthetic

HISTORY = synthetic.history(rate_per_s=20)
WHEN = axis(HISTORY, judged.passed())
BY_ID = {one.id: one for one in judged.failed().verdicts}


@given(st.lists(st.one_of(st.text(), st.sampled_from(hostile.STRINGS)), max_size=30))
def test_anchors_are_plain_and_different(ids):
    """Whatever an ID is made of."""
    found = anchors("verdict", ids)
    assert set(found) == set(ids)
    assert len(set(found.values())) == len(found)
    assert all(name.isascii() and name.replace("-", "").replace(".", "").isalnum() for name in found.values())


def test_an_anchor_can_be_read():
    """It stands in the address that people send each other."""
    assert anchors("verdict", ["response-p95/us-east-1", "integrity/double_booked"]) == {
        "response-p95/us-east-1": "verdict-response-p95-us-east-1",
        "integrity/double_booked": "verdict-integrity-double-booked",
    }


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("recovery/us-west-2-lost", (180.0, 222.1)),  # its fault, until the healing was proven
        ("response-p95/us-east-1", (20.0, 90.0)),  # the calm phase, in which it holds
        ("response-p95/ap-southeast-1", (41.218, 44.0)),  # its witnesses
        ("integrity/lost", None),
        ("complete", None),
    ],
)
def test_a_verdict_leads_to_what_it_is_about(id, expected):
    """Its fault, else its witnesses, else its phases; one on the run as a whole leads nowhere."""
    found = moment(BY_ID[id], synthetic.TARGET, WHEN)
    assert (found and (found.start_s, found.end_s)) == (pytest.approx(expected) if expected else None)


def test_a_degraded_promise_leads_to_the_fault_in_its_name():
    """Its scope is a region; the fault stands in its ID. Another fault whose name begins alike is another."""
    verdict = replace(BY_ID["availability/all"], id="stale/cache-tier-lost/us-east-1", scope="region:us-east-1")
    found = moment(verdict, None, WHEN)
    assert found is not None
    assert found.start_s == 140.0
    assert moment(replace(verdict, id="stale/cache-tier-lost-2/us-east-1"), None, WHEN) is None


PROBE = Operation(
    1, "customers", "book", "book", "us-east-1", 1, 7, synthetic.ns(41), synthetic.ns(41), synthetic.ns(42), "ok", good=True, status=201
)


@pytest.mark.parametrize(
    "witness",
    [
        OtherWitness("", {}),
        OtherWitness("", {"intended_ns": "soon"}),
        KeyWitness("", "key", (1, 2)),
        OperationWitness("", replace(PROBE, intended_ns=synthetic.ns(-1))),
        OperationWitness("", replace(PROBE, intended_ns=synthetic.ns(10**6))),
    ],
)
def test_a_witness_without_a_time_in_the_run_leads_nowhere(witness):
    """Text in place of a number is data of a platform."""
    assert instant(witness, WHEN) is None


@pytest.mark.parametrize(("ended_ns", "end_s"), [(None, 41.0), (synthetic.ns(42), 42.0)])
def test_a_witness_that_was_never_answered_is_an_instant(ended_ns, end_s):
    """There is nothing after it to look at."""
    assert instant(OperationWitness("", replace(PROBE, ended_ns=ended_ns)), WHEN) == Moment(41.0, end_s)
