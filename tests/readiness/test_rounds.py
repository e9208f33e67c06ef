"""Rounds of probes in a ledger: what they are evidence for, and what counts for nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closeshave import __version__
from closeshave.probes import record
from closeshave.readiness import gathering, plans
from closeshave.readiness.deciding import ledger
from closeshave.readiness.standing import Policy
from closeshave.readiness.values import LedgerRow, PromiseOutcome, ReadinessLedger
from closeshave.target import read_target
from tests.probes import stored_rounds
from tests.probes.stored_rounds import NOW, TARGET, made, target

VERIFIED, REFUTED, INCONCLUSIVE = PromiseOutcome.VERIFIED, PromiseOutcome.REFUTED, PromiseOutcome.INCONCLUSIVE
EXPIRED, NOT_RUN, ATTESTED = PromiseOutcome.EXPIRED, PromiseOutcome.NOT_RUN, PromiseOutcome.ATTESTED


def judged(place: Path, text: str = TARGET, version: str = __version__) -> ReadinessLedger:
    """The ledger of the rounds in a directory."""
    promised = read_target(target(place, text))
    policy = Policy(version)
    runs = gathering.gather(gathering.directories([place]), promised, NOW, policy, lambda _said: None)
    return ledger(promised, runs, NOW, policy)


def row(found: ReadinessLedger, name: str) -> LedgerRow:
    """One of its rows."""
    return next(one for one in found.rows if one.id == name)


def outcomes(found: ReadinessLedger) -> list[PromiseOutcome]:
    """Of R1, R2 and R3."""
    return [one.outcome for one in found.rows]


def test_a_promise_whose_probes_all_hold_is_verified(tmp_path: Path) -> None:
    """With its probe as evidence, the build, the age, and the scale."""
    made(tmp_path / "rounds")
    found = judged(tmp_path / "rounds")
    assert outcomes(found) == [VERIFIED, VERIFIED, ATTESTED]
    first = row(found, "R1")
    assert [one.verdict for one in first.evidence] == [
        "probe/routing.first-of-each-range", "probe/routing.last-of-each-range", "probe/routing.outside-refused",
    ]  # fmt: skip
    assert first.build.startswith("release 7, environment file ")
    assert first.age == "24 h"
    assert first.measured == "routing.first-of-each-range: 4 answers, 0 not as promised"
    assert first.scale == "routing.first-of-each-range asked once, on 2 regions and 2 shards, 46 processes, without load"
    assert found.go


@pytest.mark.parametrize(("evidence", "expected"), [("rehearsed", PromiseOutcome.REHEARSED), ("measured", PromiseOutcome.MEASURED)])
def test_a_stand_in_verifies_nothing(tmp_path: Path, evidence: str, expected: PromiseOutcome) -> None:
    """A round has the grade of what was asked."""
    made(tmp_path / "rounds", evidence=evidence)
    found = judged(tmp_path / "rounds")
    assert outcomes(found)[0] is expected
    assert not found.go


def test_a_broken_probe_refutes_its_promise_and_no_other(tmp_path: Path) -> None:
    """With the sentence of its finding."""
    made(tmp_path / "rounds", "wrong-first")
    found = judged(tmp_path / "rounds")
    assert outcomes(found) == [REFUTED, VERIFIED, ATTESTED]
    assert "answered by shard 1; shard 3 owns it" in row(found, "R1").why
    assert found.exit_code == 1


def test_of_two_rounds_the_worse_one_counts(tmp_path: Path) -> None:
    """However much evidence of the other sort there is."""
    made(tmp_path / "rounds", name="good", days=1)
    made(tmp_path / "rounds", "leaks", name="bad", days=2)
    assert outcomes(judged(tmp_path / "rounds"))[1] is REFUTED


def test_every_probe_that_a_promise_names_is_needed(tmp_path: Path) -> None:
    """One that was not asked leaves it inconclusive; another round that asked it makes up for that."""
    made(tmp_path / "rounds", probes=("routing.first-of-each-range", "routing.last-of-each-range"))
    found = judged(tmp_path / "rounds")
    assert outcomes(found)[0] is INCONCLUSIVE
    assert "probe routing.outside-refused" in row(found, "R1").why
    made(tmp_path / "rounds", name="r2", probes=("routing.outside-refused",))
    assert outcomes(judged(tmp_path / "rounds"))[0] is VERIFIED


def test_a_probe_that_is_unknown_decides_nothing(tmp_path: Path) -> None:
    """Its promise is inconclusive, and the row says why."""
    run = made(tmp_path / "rounds", probes=("tenants.read-refused",))
    (run / record.OBSERVATIONS).write_text("")
    stored_rounds.edited(run, digests=record.finish(run, record.facts(run), ()).digests, ended_at=NOW.isoformat())
    found = judged(tmp_path / "rounds")
    assert outcomes(found)[1] is INCONCLUSIVE
    assert "not asked" in row(found, "R2").why


def test_a_pattern_that_no_probe_has_is_never_kept(tmp_path: Path) -> None:
    """A misspelt name must not make a promise easier to keep."""
    text = TARGET.replace("[tenants.read-refused]", "[tenants.read-refused, tenants.raed-refused]")
    made(tmp_path / "rounds", text=text)
    assert outcomes(judged(tmp_path / "rounds", text))[1] is INCONCLUSIVE


@pytest.mark.parametrize(
    ("damage", "expected", "why"),
    [
        ("observations edited", NOT_RUN, "observations.jsonl is not as the round left it"),
        ("observations lost", NOT_RUN, "observations.jsonl is missing"),
        ("interrupted", NOT_RUN, "did not run to its end"),
        ("another target", NOT_RUN, "it is a run of the target other"),
        ("unreadable", NOT_RUN, "is damaged"),
        ("another judge", EXPIRED, "another"),
        ("too old", EXPIRED, "days old"),
        ("another text", EXPIRED, "another text"),
        ("other figures", EXPIRED, "another text"),
    ],
)
def test_what_counts_for_nothing_says_why(tmp_path: Path, damage: str, expected: PromiseOutcome, why: str) -> None:
    """No row is verified by accident."""
    place = tmp_path / "rounds"
    run = made(place, days=40 if damage == "too old" else 1)
    text, version = TARGET, __version__
    observed = run / record.OBSERVATIONS
    if damage == "observations edited":
        observed.write_text(observed.read_text().replace('"x-shard":"3"', '"x-shard":"3 "'))
    elif damage == "observations lost":
        observed.unlink()
    elif damage == "interrupted":
        stored_rounds.edited(run, ended_at=None)
    elif damage == "another target":
        stored_rounds.edited(run, target="other")
    elif damage == "unreadable":
        (run / record.ROUND).write_text("{")
    elif damage == "another judge":
        version, why = "9.9.9", "recorded for the judge of Closeshave"
    elif damage == "another text":
        text = TARGET.replace("leads to its shard", "leads to its own shard")
    elif damage == "other figures":
        text = TARGET.replace("routing.outside-refused]}", "routing.outside-refused], says: [{shards: 2}]}")
    found = judged(place, text, version)
    assert row(found, "R1").outcome is expected
    assert why in f"{row(found, 'R1').why} {[one.why for one in found.runs]}"


def test_a_result_edited_by_hand_counts_for_nothing(tmp_path: Path) -> None:
    """Neither does one without its round."""
    run = made(tmp_path / "rounds", "leaks")
    (run / "result.json").write_text(json.dumps({"schema": "closeshave.probes/1", "status": "pass", "exit_code": 0}))
    assert outcomes(judged(tmp_path / "rounds"))[1] is REFUTED
    for path in (run / record.ROUND, run / record.OBSERVATIONS):
        path.unlink()
    assert outcomes(judged(tmp_path / "rounds"))[1] is NOT_RUN


def test_without_any_round_the_row_names_the_command(tmp_path: Path) -> None:
    """What would make it better."""
    promised = read_target(target(tmp_path))
    found = ledger(promised, (), NOW, Policy(__version__), plans.testing(promised, "shop.yaml", "staging"))
    better = row(found, "R2").better
    assert better.startswith("Run 'closeshave probe --target shop.yaml --environment staging' or 'closeshave run appointments "), better
