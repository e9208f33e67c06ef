"""When a fault first showed in the operations of customers and canaries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.judge.evidence.timeline import lives
from closeshave.plan import Expected, Fault
from proving.effects import shown_ns
from tests.judge.histories import KILL, Run, ns

WITHIN_S = 10.0


def run(*, bad=(), slow=(), **fields) -> Run:
    """A request to shard 1 every 50 ms from the calm phase on; those due in ``bad`` get no answer, those in ``slow`` wait a second."""
    made = Run(faults=(KILL,))
    made.life()
    for index in range(20 * 140):
        at = round(10 + index / 20, 6)
        if any(low <= at < high for low, high in bad):
            made.bad(at, **fields)
        else:
            # A little jitter from one to the next, so that a hundredth of calm is slower than the rest and not exactly as slow.
            made.op(at, took=1.0 if any(low <= at < high for low, high in slow) else 0.01 + (index * 37 % 100) / 10_000, **fields)
    return made


def shown_s(of: Run, within_s: float = WITHIN_S) -> float | None:
    """Seconds from the injection to the effect."""
    (life,) = lives(of.evidence)
    found = shown_ns(of.evidence, life, within_s)
    return None if found is None else found / 1e9


def test_errors_in_scope_show_a_fault_within_some_operations():
    """An outage that begins with the injection is found as soon as chance cannot explain it."""
    assert shown_s(run(bad=[(120, 140)])) == pytest.approx(0.1, abs=0.11)


def test_slow_answers_show_a_fault_too():
    """Latency counts as well as errors: slower than 99 of 100 in calm."""
    assert shown_s(run(slow=[(120, 140)])) == pytest.approx(0.2, abs=0.21)


def test_a_late_effect_is_dated_when_it_comes():
    """Sliding windows find an outage that begins seconds after the injection."""
    assert shown_s(run(bad=[(125, 126)])) == pytest.approx(5.1, abs=0.2)


@pytest.mark.parametrize(
    "quiet",
    [
        pytest.param({}, id="all as in calm"),
        pytest.param({"bad": [(131, 140)]}, id="only after the deadline"),
        pytest.param({"bad": [(110, 119)]}, id="only before the injection"),
        pytest.param({"bad": [(115, 140)]}, id="already before the injection"),
        pytest.param({"bad": [(121, 121.05)]}, id="a single one"),
        pytest.param({"bad": [(120, 140)], "shard": 2, "region": "west"}, id="elsewhere"),
    ],
)
def test_failures_with_another_cause_are_not_taken_for_an_effect(quiet):
    """Failures before the fault, too late, single ones or ones out of scope are no effect."""
    assert shown_s(run(**quiet)) is None


def test_a_rare_operation_is_not_hidden_by_the_others():
    """Failing payments show the fault of the provider, although all other operations succeed."""
    fault = Fault("down", "dependency.payments-down", "break", 10, 30, Expected.DEGRADES)
    made = run()
    made.faults, made.events = (fault,), []
    made.life("down")
    made.steady(100, kind="pay_confirm")
    for at in (121, 122, 123, 124, 125):
        made.bad(at, kind="pay_confirm")
    assert shown_s(made) == pytest.approx(4, abs=1.1)


def test_a_fault_that_was_never_injected_shows_nothing():
    """No injection, no effect of it."""
    made = run(bad=[(120, 140)])
    made.events = []
    assert shown_s(made) is None


def test_normal_is_the_last_minute_and_not_the_calm_phase():
    """A machine that was busy in calm does not hide what a fault does in a quiet minute later."""
    made = run(bad=[(20, 40)], slow=[(121, 123)])
    assert shown_s(made) == pytest.approx(1.2, abs=0.21)


def test_reads_past_the_cache_show_the_loss_of_a_cache():
    """As fast as before and all good, but none of them is a hit any more."""
    made = run(cache="hit")
    made.operations = [
        replace(op, cache="bypass") if ns(120) <= op.intended_ns < ns(130) and op.source == "customers" else op for op in made.operations
    ]
    assert shown_s(made) == pytest.approx(0.1, abs=0.11)
