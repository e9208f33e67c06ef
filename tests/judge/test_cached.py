"""Cache equals database after quiesce: what an entry holds, whether the caches could be read, and which loss explains an entry newer than the
database.
"""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.judge.integrity.cached import differences
from closeshave.judge.verdict import Status
from closeshave.target import Objective
from tests.judge.histories import INTEGRITY, KILL, LOSS, Run, ns

VERDICT = "integrity/stale_cache"


def run(*objectives: Objective) -> Run:
    """Two entries that equal the database, in a run whose caches can be read."""
    made = Run(objectives or (INTEGRITY,), (KILL,))
    made.life(dead_ns=ns(120))
    made.entry(1)
    made.entry(101, 3, region="west", store="cache-west")
    return made


def test_entries_that_equal_the_database_pass() -> None:
    """The order of the fields does not matter."""
    made = run()
    made.entry(2, cached='{"a": 1, "b": 2}', stored='{"b":2,"a":1}')
    verdict = made.verdict(VERDICT)
    assert (verdict.status, verdict.n, verdict.measured) == (Status.PASS, 3, 0)


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({"version": 1, "now": 2}, {"franchise.name", "franchise.version"}),  # never invalidated
        ({"version": 2, "now": 1}, {"franchise.name", "franchise.version"}),  # newer, and no fault to excuse it
        ({"cached": '{"a": 1}', "stored": '{"a": 1, "b": null, "c": 0}'}, {"c"}),
        ({"cached": '{"a": [1, 2]}', "stored": '{"a": [2, 1]}'}, {"a"}),
        ({"cached": "torn {", "stored": "{}"}, {""}),
        ({"cached": "null", "stored": "{}"}, {""}),
    ],
)  # fmt: skip
def test_an_entry_that_differs_from_the_database_is_a_breach(fields: dict[str, object], differs: set[str]) -> None:
    """Also when it would soon expire; the witness states the key, the content of the cache and the content of the database."""
    made = run()
    entry = made.entry(7, **fields)  # type: ignore[arg-type]
    verdict = made.verdict(VERDICT)
    assert (verdict.status, verdict.measured, verdict.n) == (Status.FAIL, 1, 3)
    (witness,) = verdict.witnesses
    assert (witness.facts()["key"], witness.facts()["store"], witness.facts()["franchise"]) == (entry.key, "cache-east", 7)
    assert {each["field"] for each in witness.facts()["differs"]} == differs
    assert all(each["cached"] != each["stored"] for each in witness.facts()["differs"])


def test_the_first_and_the_one_furthest_behind_are_shown() -> None:
    """By franchise, and by versions."""
    made = run()
    for franchise, behind in ((9, 1), (8, 1), (10, 5), (11, 2)):
        made.entry(franchise, 1, now=1 + behind)
    assert [witness.facts()["franchise"] for witness in made.verdict(VERDICT).witnesses] == [8, 10]
    assert made.shuffled(3).verdict(VERDICT) == made.verdict(VERDICT)


def test_an_entry_of_which_only_the_key_was_read_is_not_compared() -> None:
    """It is not part of the sample, and an empty cache proves nothing."""
    made = Run((INTEGRITY,))
    made.entry(7, None)
    assert made.verdict(VERDICT).status is Status.INCONCLUSIVE
    made.entries = []
    assert made.verdict(VERDICT).status is Status.INCONCLUSIVE
    assert made.verdict(VERDICT).gates


@pytest.mark.parametrize(
    ("objectives", "franchise", "versions", "expected"),
    [
        ((INTEGRITY, LOSS), 7, (2, 1), Status.PASS),  # its change was confirmed and lost with the primary
        ((INTEGRITY, LOSS), 7, (1, 2), Status.FAIL),  # older than what was kept: no loss makes that
        ((INTEGRITY, LOSS), 107, (2, 1), Status.FAIL),  # another shard, which lost nothing
        ((INTEGRITY,), 7, (2, 1), Status.FAIL),  # nobody answers for the loss
    ],
)
def test_a_change_that_was_lost_by_a_fault_may_still_be_cached(
    objectives: tuple[Objective, ...], franchise: int, versions: tuple[int, int], expected: Status
) -> None:
    """The loss objective judges it, so it is not counted twice."""
    made = run(*objectives)
    made.entry(franchise, versions[0], now=versions[1])
    assert made.verdict(VERDICT).status is expected


def test_where_caches_cannot_be_read_the_invariant_is_listed_as_not_judged() -> None:
    """The caches of a remote platform cannot be read: the invariant is listed, and the run waits for it only if the target demands it."""
    made = run()
    made.entries = None
    assert "caches" in {each.id: each.why for each in made.assess().not_asked}["stale_cache"]
    assert VERDICT not in {each.id for each in made.assess().verdicts}
    made.objectives = (replace(INTEGRITY, invariants=("stale_cache",)),)
    verdict = made.verdict(VERDICT)
    assert (verdict.status, verdict.gates, verdict.measured) == (Status.INCONCLUSIVE, True, None)
    assert "caches" in verdict.reason


def test_caches_that_should_have_been_read_and_were_not_are_inconclusive() -> None:
    """The file is missing from a run that should have it."""
    made = run()
    made.changes["cache_entries"] = None
    verdict = made.verdict(VERDICT)
    assert (verdict.status, verdict.gates) == (Status.INCONCLUSIVE, True)


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(values, values)
@settings(deadline=None)
def test_a_page_differs_from_another_and_never_from_itself(one: object, two: object) -> None:
    """With any content; a field that is null equals a field that is absent."""
    assert differences(json.dumps(one), json.dumps(one, indent=1)) == ()
    assert bool(differences(json.dumps(one), json.dumps(two))) == (_bare(one) != _bare(two))


def _bare(value: object) -> object:
    """Without fields that are null."""
    if not isinstance(value, dict):
        return value
    return {name: _bare(inner) for name, inner in value.items() if inner is not None}
