"""What holds of every history: order never matters, more failures never help, and less evidence never turns doubt or failure into a pass."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.judge.verdict import Status, worst
from closeshave.plan import Measure, Objective
from tests.judge.clean import clean
from tests.judge.histories import AVAILABILITY, INTEGRITY, KILL, LOSS, RECOVERY, Run, ns
from tests.judge.test_assess import whole
from tests.judge.test_integrity import BREACHES

statuses = st.sampled_from(list(Status))
LATENCY = Objective("latency", ("C1",), Measure.LATENCY, at_most=0.1, percentile=0.9)
SLIDING = Objective("sliding", ("C1",), Measure.ERROR_RATE, at_most=0.1, sliding=20.0)
few = settings(max_examples=6, deadline=None)


@given(st.lists(statuses), st.lists(statuses), st.lists(statuses))
def test_merging_is_associative_and_its_order_does_not_matter(one: list[Status], two: list[Status], three: list[Status]) -> None:
    """Merging parts and then the whole is merging everything; an empty part is a doubt, not a pass."""
    parts = [part for part in (one, two, three) if part]
    assert worst(worst(part) for part in parts) is worst(status for part in parts for status in part)
    assert worst([*one, *two]) is worst([*two, *one])
    assert worst([]) is Status.INCONCLUSIVE


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Histories with an outage, losses, breaches and missing evidence, in any combination."""
    run = Run((AVAILABILITY, LATENCY, SLIDING, RECOVERY, LOSS, INTEGRITY), (KILL,))
    run.life(dead_ns=ns(120), observed=draw(st.sampled_from([120.5, None])), verified=draw(st.sampled_from([155, None])))
    run.steady(draw(st.integers(0, 400)))
    for index in range(draw(st.integers(0, 5))):
        run.bad(20 + index)
    down = draw(st.lists(st.tuples(st.integers(118, 160), st.integers(1, 12)), max_size=2))
    run.probes(110, 190, per_s=5, down=tuple((start, start + length) for start, length in down))
    run.probes(110, 190, per_s=1, region="west", down=tuple((start, start + length) for start, length in down[:1]))
    for index in range(draw(st.integers(0, 12))):
        at = draw(st.integers(100, 150))
        slot = draw(st.integers(0, 6)) * 1200
        run.book(at, 1000 + index, final=draw(st.booleans()), starts_at=1_900_000_800 + slot, session="s")
        if draw(st.booleans()):
            run.act("capture", at + 1, booking=1000 + index)
        for _ in range(draw(st.integers(0, 2))):
            run.capture(1000 + index, at=at + 1)
        if draw(st.booleans()):
            run.act("read", at + 2, booking=1000 + index, session="s", version=draw(st.integers(0, 2)))
    if draw(st.booleans()):
        run.signal(draw(st.integers(119, 130)))
    return run


@few
@given(runs(), st.integers(0, 10**6))
def test_the_order_of_input_never_matters(run: Run, seed: int) -> None:
    """Rows and events in any order give the same assessment, witnesses included."""
    assert run.shuffled(seed).assess() == run.assess()


@few
@given(runs(), st.floats(10, 189, allow_nan=False), st.sampled_from(["customers", "canary"]))
def test_an_added_failure_never_improves_a_verdict(run: Run, at: float, source: str) -> None:
    """One more request that was not answered well, of a customer or of a canary: no verdict gets better."""
    before = {verdict.id: verdict.status for verdict in run.assess().verdicts}
    run.bad(round(at, 3), source=source, kind="slots")
    after = {verdict.id: verdict.status for verdict in run.assess().verdicts}
    # A failed answer passes an edge like any other: that more was counted is no failure's merit.
    improved = {name for name, status in after.items() if name in before and status.severity < before[name].severity}
    assert {name for name in improved if not name.startswith(("generator", "reconciled"))} == set()


REMOVALS: dict[str, Callable[[Run], None]] = {
    "bookings": lambda run: setattr(run, "bookings", None),
    "captures": lambda run: setattr(run, "captures", None),
    "events": lambda run: setattr(run, "events", []),
    "observations": lambda run: setattr(run, "events", [event for event in run.events if event.edge != "observed"]),
    "heals": lambda run: setattr(run, "events", [event for event in run.events if not event.edge.endswith("healed")]),
    "operations": lambda run: run.changes.update(operations=run.history.operations.iloc[:0]),
    "half the operations": lambda run: run.changes.update(sent=run.sent(), operations=run.history.operations.iloc[::2]),
    "failed operations": lambda run: run.changes.update(sent=run.sent(), operations=run.history.operations[run.history.operations["good"]]),
    "canaries": lambda run: run.changes.update(operations=run.history.operations[run.history.operations["source"] != "canary"]),
    "effects": lambda run: run.changes.update(effects=run.history.effects.iloc[:0]),
    "senders": lambda run: run.changes.update(sent=()),
    "edges": lambda run: run.changes.update(edges=None),
    "phases": lambda run: run.changes.update(manifest=replace(run.history.manifest, phases=())),
}  # fmt: skip


@few
@given(st.sampled_from(sorted(BREACHES, key=lambda plant: plant.__name__)), st.sampled_from(sorted(REMOVALS)))
def test_removing_evidence_never_turns_a_breach_into_a_pass(plant: Callable[[Run], None], removal: str) -> None:
    """A run with one breach, of which some evidence is taken away, is no pass."""
    run = clean()
    plant(run)
    REMOVALS[removal](run)
    assert run.assess().status is not Status.PASS


@few
@given(runs(), st.sampled_from(sorted(REMOVALS)))
def test_removing_evidence_never_turns_a_run_into_a_pass(run: Run, removal: str) -> None:
    """Whatever the run was, without a kind of evidence that it had it is no pass."""
    if run.assess().status is Status.PASS:
        return
    REMOVALS[removal](run)
    assert run.assess().status is not Status.PASS


def test_a_good_run_without_any_kind_of_evidence_is_no_pass() -> None:
    """Each kind of evidence is needed: taking any away from a run that passes makes it inconclusive."""
    for removal in REMOVALS.values():
        run = whole()
        removal(run)
        assert run.assess().status is not Status.PASS
