"""A verdict without observations proves nothing: every invariant with no chance to break, with few, with enough, and broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.history import Effect, Mark
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.target import Objective
from tests.judge.clean import REFUSED, clean
from tests.judge.histories import AVAILABILITY, EIGHT, INTEGRITY, KILL, LATENCY, LOSS, RECOVERY, START_NS, Run
from tests.judge.test_assess import whole
from tests.tiers import examples

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


@given(st.integers(1, 10**9))
def test_a_pass_states_the_share_of_breaches_that_95_of_100_runs_would_show(chances: int) -> None:
    """A defect in exactly this share of the chances shows at least once in 95 of 100 runs; it is about 3/n, and never more."""
    missed = Exposure(chances, "chances").missed_share_at_most
    assert (1 - missed) ** chances == pytest.approx(0.05, rel=1e-3)
    assert missed <= 3 / chances
    assert Exposure(0, "chances").missed_share_at_most == 1


def exposing(chances: int, least: int | None, status: Status) -> Verdict:
    """What is made of a verdict with so many chances."""
    verdict = Verdict("integrity/lost", (), status, "lost", "all", 0, 0, "count", reason="" if status is PASS else "why")
    return enough(verdict, Exposure(chances, "contests for a slot"), least)


@pytest.mark.parametrize(
    ("chances", "least", "status", "expected", "said"),
    [
        (0, None, PASS, INCONCLUSIVE, "there were no contests for a slot"),
        (1, None, PASS, PASS, ""),
        (41, 300, PASS, INCONCLUSIVE, "too little was tested: 41 contests for a slot, and the objective needs at least 300"),
        (300, 300, PASS, PASS, ""),
        (0, 300, FAIL, FAIL, "why"),
        (0, None, INCONCLUSIVE, INCONCLUSIVE, "why"),
    ],
)
def test_a_pass_needs_enough_exposure_and_a_breach_fails_with_any(
    chances: int, least: int | None, status: Status, expected: Status, said: str
) -> None:
    """Every verdict states the number of chances."""
    found = exposing(chances, least, status)
    assert found.status is expected
    assert said in found.reason
    assert bool(found.reason) == bool(said)
    assert found.exposure == Exposure(chances, "contests for a slot")


# -- every invariant --------------------------------------------------------------------------------------------------------------------------


def full() -> Run:
    """The clean history, with evidence for every invariant: lists, a shop's page, a resident region's rows."""
    run = clean()
    for index in range(3):
        run.act("offer", 50 + index, kind="slots", barber=1, session="s1", read_values=json.dumps([EIGHT]))
        run.act("change_shop", 51 + index, version=index + 1, session="s1")
        run.act("read_shop", 51.5 + index, version=index + 1, session="s1")
    return run


def without(*actions: str, late: bool = False) -> Callable[[Run], None]:
    """Take the operations of these actions out, with their effects; with ``late`` only those sent again."""

    def take(run: Run) -> None:
        gone = {effect.operation for effect in run.effects if effect.action in actions}
        if late:
            gone &= {operation.id for operation in run.operations if operation.attempt > 1}
        drop(run, gone)

    return take


def drop(run: Run, gone: set[int]) -> None:
    """Without these operations; the senders' counts are made from what is left."""
    run.operations = [each for each in run.operations if each.id not in gone]
    run.effects = [each for each in run.effects if each.operation not in gone]


def without_contests(run: Run) -> None:
    """The refused customer sent no request."""
    drop(run, {each.id for each in run.operations if each.status == 409})


def without_payments(run: Run) -> None:
    """No payment, and no charge."""
    without("capture")(run)
    run.captures = []


def without_reads(run: Run) -> None:
    """No read of a booking."""
    without("read")(run)


def without_telling(run: Run) -> None:
    """Reads that state neither the booking nor its owner."""
    run.effects = [replace(each, read_values='{"version": 1}') if each.action == "read" else each for each in run.effects]


def without_versions(run: Run) -> None:
    """A platform that states none."""
    run.effects = [replace(each, version=None, read_values=None) for each in run.effects]


def without_bookings(run: Run) -> None:
    """Nothing was booked, and nothing is there."""
    without("create", "capture", "read")(run)
    run.bookings, run.captures = [], []


def without_entries(run: Run) -> None:
    """Caches that hold nothing."""
    run.entries = []


def without_lists_that_could_be_wrong(run: Run) -> None:
    """All of them are empty."""
    run.effects = [replace(each, read_values="[]") if each.action == "offer" else each for each in run.effects]


def without_answers(run: Run) -> None:
    """Whatever needs a session got no answer."""
    run.operations = [replace(each, status=0, outcome="info") if each.kind != "slots" else each for each in run.operations]


REMOVALS: tuple[tuple[str, Callable[[Run], None]], ...] = (
    ("double_booked", without_contests), ("double_booked", without_bookings), ("idempotency", without("create", late=True)),
    ("idempotency", without_bookings), ("lost", without_bookings), ("phantom", without_bookings), ("misplaced", without_bookings),
    ("refused_though_free", without_bookings), ("duplicate_payments", without_payments), ("missing_payments", without("capture")),
    ("orphan_payments", lambda run: setattr(run, "captures", [])), ("stale_sessions", without_reads), ("stale_sessions", without_versions),
    ("leaked", without_reads), ("leaked", without_telling), ("stale_offers", without("offer")),
    ("stale_offers", without_lists_that_could_be_wrong), ("stale_pages", without("change_shop")), ("stale_pages", without("read_shop")),
    ("stale_cache", without_entries), ("lost_sessions", without_answers),
)  # fmt: skip


def found(run: Run, name: str) -> Verdict | None:
    """The verdict of this name; ``None`` if there is none."""
    return next((verdict for verdict in run.assess(breaches={name}).verdicts if verdict.id == f"integrity/{name}"), None)


@pytest.mark.parametrize("name", sorted({name for name, _ in REMOVALS}))
def test_with_chances_and_without_a_breach_an_invariant_passes(name: str) -> None:
    """Otherwise the next test could not fail."""
    verdict = found(full(), name)
    assert verdict is not None
    assert verdict.exposure is not None
    assert (verdict.status, verdict.exposure.chances > 0) == (PASS, True), verdict.reason


@pytest.mark.parametrize(("name", "removal"), REMOVALS, ids=lambda value: getattr(value, "__name__", value))
def test_without_any_chance_no_invariant_passes(name: str, removal: Callable[[Run], None]) -> None:
    """An invariant that the target names is inconclusive, with the reason. Another one is that, or is listed as not judged with the reason; none
    disappears.
    """
    run = full()
    removal(run)
    verdict, silent = found(run, name), {each.id: each.why for each in run.assess(breaches={name}).not_asked}
    assert (verdict is None) == (name in silent)
    assert silent.get(name, "asked")
    assert verdict is None or (verdict.status is INCONCLUSIVE and verdict.reason)
    run.objectives = (replace(INTEGRITY, invariants=(name,)),)
    named = found(run, name)
    assert named is not None
    assert named.status is INCONCLUSIVE
    assert named.reason


@settings(max_examples=examples(12), deadline=None)
@given(st.sampled_from(REMOVALS), st.integers(1, 30), st.booleans())
def test_no_history_without_a_chance_passes(chosen: tuple[str, Callable[[Run], None]], more: int, canaries: bool) -> None:
    """Also with many other operations: bookings of different barbers, by customers or canaries."""
    name, removal = chosen
    run = full()
    for number in range(more):
        source = "canary" if canaries else "customers"
        run.book(70 + number / 10, 100 + number, session=f"more{number}", source=source)
    removal(run)
    verdict = found(run, name)
    assert verdict is None or verdict.status is not PASS


@pytest.mark.parametrize("name", sorted({name for name, _ in REMOVALS}))
def test_fewer_chances_than_the_target_demands_are_too_few(name: str) -> None:
    """The reason states both numbers."""
    run = full()
    run.objectives = (replace(INTEGRITY, invariants=(name,), at_least_chances=1000),)
    verdict = found(run, name)
    assert verdict is not None
    assert verdict.status is INCONCLUSIVE
    assert verdict.exposure is not None
    assert f": {verdict.exposure.chances:,} {verdict.exposure.of}, " in verdict.reason
    assert verdict.reason.endswith("at least 1,000")


# -- contests ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "contests"),
    [
        pytest.param({}, 1, id="held by somebody else"),
        pytest.param({"starts_at": EIGHT - 1200}, 1, id="overlapping"),
        pytest.param({"starts_at": EIGHT + 1800}, 0, id="its neighbour"),
        pytest.param({"barber": 2}, 0, id="another barber"),
        pytest.param({"franchise": 2}, 0, id="another franchise"),
        pytest.param({"session": "first"}, 0, id="the same customer"),
        pytest.param({"key": "first"}, 0, id="the same key"),
        pytest.param({"status": 429}, 0, id="turned away by a rate limit"),
        pytest.param({"status": 0, "error": "refused"}, 0, id="never sent"),
        pytest.param({"status": 0, "outcome": "info"}, 0, id="never answered"),
    ],
)
def test_a_contest_is_an_answered_request_for_a_slot_that_another_session_holds(fields: dict[str, Any], contests: int) -> None:
    """A request that was answered, for a slot that another session holds."""
    run = Run((INTEGRITY,))
    run.book(20, 1, starts_at=EIGHT, session="first", key="first")
    run.book(30, None, final=False, **{"starts_at": EIGHT, "session": "second", "key": "second", **REFUSED, **fields})
    exposure = run.verdict("integrity/double_booked").exposure
    assert exposure is not None
    assert exposure.chances == contests


def test_two_requests_at_once_are_one_contest_and_one_after_a_cancel_is_none() -> None:
    """The later of two requests may double the slot; a request after the cancel cannot."""
    run = Run((INTEGRITY,))
    run.book(20, 1, took=0.5, starts_at=EIGHT, session="a")
    run.book(20.1, None, final=False, starts_at=EIGHT, session="b", key="b", **REFUSED)
    run.act("cancel", 30, booking=1, session="a")
    run.book(40, 2, starts_at=EIGHT, session="c")
    exposure = run.verdict("integrity/double_booked").exposure
    assert exposure is not None
    assert exposure.chances == 1


def test_customers_who_never_book_are_reported() -> None:
    """The reason is that lists are always empty; canaries with their own barbers do not hide it."""
    run = Run((INTEGRITY,))
    for number in range(5):
        run.book(20 + number, number, source="canary", session=f"c{number}")
        operation = run.op(20 + number)
        run.effects.append(Effect(operation.id, "offer", 1, 1, barber=1, session="s", read_values="[]"))
    verdict = run.verdict("integrity/double_booked")
    assert verdict.status is INCONCLUSIVE
    assert "customers booked nothing, and all 5 lists of free times were empty" in verdict.reason
    assert run.assess().integrity.customers_acknowledged == 0


# -- the other measures -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [AVAILABILITY, LATENCY, RECOVERY, LOSS], ids=lambda objective: objective.id)
def test_every_promise_states_its_exposure_and_may_demand_more(objective: Objective) -> None:
    """Requests, probes, writes within the RPO."""
    run = whole()
    run.objectives = (objective,)
    name = f"{objective.id}/{'kill' if objective.faults else 'all'}"
    verdict = run.verdict(name)
    assert verdict.exposure is not None
    assert verdict.status is PASS
    run.objectives = (replace(objective, at_least_chances=verdict.exposure.chances + 1),)
    assert run.verdict(name).status is INCONCLUSIVE


# -- a final state that was read in part, or twice -----------------------------------------------------------------------------------------------


def test_rows_that_were_read_twice_count_once() -> None:
    """A platform may list one booking in several answers: no phantom, no double booking, no key with two bookings."""
    run = clean()
    assert run.bookings is not None
    run.bookings += [*run.bookings, *run.bookings]
    assert {verdict.id: (verdict.status, verdict.n) for verdict in run.assess().verdicts} == {
        verdict.id: (verdict.status, verdict.n) for verdict in clean().assess().verdicts
    }


OF_SHARD_2 = {"franchise": 150, "shard": 2}


def in_part(run: Run, what: str = "shard 2") -> Run:
    """The same run, of which this could not be read back."""
    run.book(30, 500, final=False, session="x", client="7", **OF_SHARD_2)
    run.marks.append(Mark(START_NS, "part-missing", f"final state of {what}: it does not answer"))
    return run


@pytest.mark.parametrize("what", ["shard 2", "client 7"])
def test_a_partly_read_final_state_cannot_pass_and_names_what_is_missing(what: str) -> None:
    """Bookings of the unread part are not lost, and what is proven without a final state still counts."""
    verdicts = {verdict.id: verdict for verdict in in_part(clean(), what).assess().verdicts}
    lost = verdicts["integrity/lost"]
    assert (lost.status, f"{what}: it does not answer" in lost.reason) == (INCONCLUSIVE, True)
    assert verdicts["integrity/leaked"].status is PASS


def test_a_partly_read_final_state_fails_for_what_was_seen() -> None:
    """A booking of the other shard is lost anyway."""
    run = in_part(clean())
    run.book(31, 600, final=False, session="y")
    verdict = run.verdict("integrity/lost")
    assert (verdict.status, verdict.measured) == (FAIL, 1)


def test_what_a_fault_cost_is_unknown_where_its_shard_was_not_read() -> None:
    """Neither nothing nor all of it: inconclusive, with the reason."""
    run = Run((LOSS,), (KILL,))
    run.life(dead_ns=START_NS + 120 * 10**9)
    for number in range(20):
        run.book(115 + number, number, final=number < 4)
    run.signal(121)
    run.marks.append(Mark(START_NS, "part-missing", "final state of shard 1: it does not answer"))
    for name in ("loss/kill", "split-brain/kill"):
        verdict = run.verdict(name)
        assert (verdict.status, "shard 1: it does not answer" in verdict.reason) == (INCONCLUSIVE, True)
    (told,) = run.assess().faults
    assert (told.lost_writes, told.loss_window_s, told.split_brain_writes) == (None, None, None)


@pytest.mark.parametrize("name", ["lost", "double_booked", "phantom", "refused_though_free"])
def test_where_booking_is_off_invariants_of_bookings_do_not_pass(name: str) -> None:
    """A verdict states why: what no customer could do proves nothing."""
    run = full()
    without_bookings(run)
    run.marks.append(Mark(START_NS, "part-missing", "book: switched off in the environment file"))
    verdict = found(run, name)
    assert verdict is not None
    assert verdict.status is Status.INCONCLUSIVE
