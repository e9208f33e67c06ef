"""What holds for every history: order never matters, more failures never help, and less evidence never turns inconclusive or fail into a pass."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.judge.verdict import Status, worst
from closeshave.target import Measure, Objective
from tests.judge.clean import clean
from tests.judge.histories import AVAILABILITY, EIGHT, INTEGRITY, KILL, LOSS, RECOVERY, Run, ns
from tests.judge.test_assess import whole
from tests.judge.test_integrity import BREACHES

statuses = st.sampled_from(list(Status))
few = settings(max_examples=6, deadline=None)


@given(st.lists(statuses), st.lists(statuses), st.lists(statuses))
def test_merging_is_associative_and_its_order_does_not_matter(one: list[Status], two: list[Status], three: list[Status]) -> None:
    """Merging parts first gives the same as merging everything at once; an empty part is inconclusive, not a pass."""
    parts = [part for part in (one, two, three) if part]
    assert worst(worst(part) for part in parts) is worst(status for part in parts for status in part)
    assert worst([*one, *two]) is worst([*two, *one])
    assert worst([]) is Status.INCONCLUSIVE


OBJECTIVES = (
    AVAILABILITY,
    Objective("latency", ("C1",), Measure.LATENCY, at_most=0.1, percentile=0.9, per="region"),
    Objective("hottest", ("C1",), Measure.LATENCY, at_most=0.1, percentile=0.9, per="franchise_decile"),
    Objective("database", ("C1",), Measure.DATABASE_TIME, at_most=0.01, percentile=0.9),
    Objective("sliding", ("C1",), Measure.ERROR_RATE, at_most=0.1, sliding=20.0),
    Objective("burning", ("C1",), Measure.BURN_RATE, at_most=5.0, sliding=30.0),
    Objective("hits", ("C1",), Measure.CACHE_HIT_RATIO, at_least=0.5, warm=True),
    Objective("rate", ("C1",), Measure.THROUGHPUT, at_least=1.0),
    Objective("containment", ("C1",), Measure.LEAKAGE, at_most=0.25, faults=("shard.*",)),
    Objective("score", ("C1",), Measure.RESILIENCE, at_least=0.1),
    RECOVERY,
    LOSS,
    INTEGRITY,
)
"""One of every measure, so that every judge speaks."""


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Histories with an outage, losses, breaches and missing evidence, in any combination."""
    run = Run(OBJECTIVES, (KILL,))
    run.life(dead_ns=ns(120), observed=draw(st.sampled_from([120.5, None])), verified=draw(st.sampled_from([155, None])))
    for region, shard in (("east", 1), ("west", 2)):
        cache = draw(st.sampled_from(["hit", "miss", None]))
        run.steady(draw(st.integers(0, 200)), 10, 190, region=region, shard=shard, franchise=shard * 60, cache=cache, db_ms=5.0)
    for index in range(draw(st.integers(0, 5))):
        run.bad(20 + index)
    down = draw(st.lists(st.tuples(st.integers(118, 160), st.integers(1, 12)), max_size=2))
    run.probes(110, 190, per_s=5, down=tuple((start, start + length) for start, length in down))
    run.probes(110, 190, per_s=1, region="west", down=tuple((start, start + length) for start, length in down[:1]))
    for index in range(draw(st.integers(0, 12))):
        _customer(draw, run, 1000 + index, draw(st.integers(100, 150)))
    for franchise, behind in draw(st.lists(st.tuples(st.integers(1, 200), st.integers(-1, 1)), max_size=3)):
        run.entry(franchise, 2, now=2 + behind)
    if draw(st.booleans()):
        run.signal(draw(st.integers(119, 130)))
    return run


def _customer(draw: st.DrawFn, run: Run, booking: int, at: float) -> None:
    """A customer who searches, books, and may pay, read, change a shop or be refused another customer's booking."""
    slot = EIGHT + draw(st.integers(0, 6)) * 1200
    run.book(at, booking, final=draw(st.booleans()), starts_at=slot, session="s")
    may = draw(st.sets(st.sampled_from(["look", "pay", "read", "shop", "refused"])))
    if "look" in may:
        run.act("offer", at + 3, barber=1, read_values=f"[{slot}]", session="s")
    if "pay" in may:
        run.act("capture", at + 1, booking=booking)
    for _ in range(draw(st.integers(0, 2))):
        run.capture(booking, at=at + 1)
    if "read" in may:
        run.act("read", at + 2, booking=booking, session="s", version=draw(st.integers(0, 2)))
    if "shop" in may:
        run.act("change_shop", at - 60, version=2, session="s")
        run.act("read_shop", at - 58, version=draw(st.integers(1, 2)), session="s")
    if "refused" in may:
        run.op(at + 2, kind="profile", status=401, outcome="fail", good=False)


@few
@given(runs(), st.integers(0, 10**6))
def test_the_order_of_input_never_matters(run: Run, seed: int) -> None:
    """Rows and events in any order give the same assessment, witnesses included."""
    assert run.shuffled(seed).assess() == run.assess()


@few
@given(runs(), st.randoms(use_true_random=False))
def test_the_verdicts_of_a_run_merge_to_its_status_in_any_grouping(run: Run, random: Random) -> None:
    """Gating verdicts decide, in any order and in groups of any size; the others decide nothing."""
    assessment = run.assess()
    gating = [verdict.status for verdict in assessment.verdicts if verdict.gates]
    random.shuffle(gating)
    at = random.randint(1, len(gating) - 1)
    assert worst([worst(gating[:at]), worst(gating[at:])]) is assessment.status


@st.composite
def failures(draw: st.DrawFn) -> dict[str, Any]:
    """A request that was not answered well: of any customer, at any place and time, after any wait, for any reason."""
    why = draw(st.sampled_from([
        {"status": 503, "outcome": "info"}, {"status": 0, "outcome": "info", "error": "timeout"}, {"status": 200, "error": "wrong_body"},
        {"status": 401, "outcome": "fail"}, {"status": 500, "outcome": "info", "cache": "miss", "db_ms": 900.0},
    ]))  # fmt: skip
    shard = draw(st.integers(1, 2))
    return {
        "at": draw(st.integers(10_000, 189_000)) / 1000, "took": draw(st.sampled_from([0.001, 0.01, 5.0])), "shard": shard, "franchise": shard * 60,
        "source": draw(st.sampled_from(["customers", "canary"])), "region": draw(st.sampled_from(["east", "west"])),
        "kind": draw(st.sampled_from(["slots", "franchise", "profile", "read_booking"])), **why,
    }  # fmt: skip


@few
@given(runs(), failures())
def test_an_added_failure_never_improves_a_verdict(run: Run, failure: dict[str, Any]) -> None:
    """With one more request that is not good, no verdict gets better."""
    before = {verdict.id: verdict.status for verdict in run.assess().verdicts}
    run.bad(**failure)
    after = {verdict.id: verdict.status for verdict in run.assess().verdicts}
    # A failed answer passes an edge like any other: that more was counted is no failure's merit.
    # A request makes its franchise hotter, and so may move franchises to another tenth of the traffic: each tenth is then another one.
    improved = {name for name, status in after.items() if name in before and status.severity < before[name].severity}
    assert {name for name in improved if not name.startswith(("generator", "reconciled", "hottest"))} == set()


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
    "cache entries": lambda run: run.changes.update(manifest=replace(run.history.manifest, looked_inside=True), cache_entries=None),
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
    """Whatever its status, a run that lacks a kind of evidence that it had does not pass."""
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
