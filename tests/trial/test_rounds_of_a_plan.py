"""Rounds of probes in a plan: what is refused before anything starts, and the verdicts of what was seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from closeshave.conclusion import conclude
from closeshave.files.yamlfile import InvalidFile
from closeshave.judge.verdict import Status, Verdict
from closeshave.plan import read_plan
from closeshave.probes import record
from closeshave.readiness.evidence import answers
from closeshave.trial.preparation import prepare
from closeshave.vocabulary import ROUNDS, Exit
from tests import stored
from tests.probes import stored_rounds

ROUND = "rounds:\n  - {id: private, phase: PHASE, at: 5s, probes: [tenants.read-refused, health.alive]}\n"
CLAIMS = '  - {id: C2, text: bookings are private, how: [load, fault], probes: ["tenants.read-*"]}\n'


def run(place: Path, *lies: str, phase: str = "break", asked: bool = True) -> Path:
    """A good run whose plan has a round, asked of the small shop that tells these lies."""
    made = stored.made(place / "run")
    (made / "plan.yaml").write_text(stored.PLAN + ROUND.replace("PHASE", phase))
    text = (made / "target.yaml").read_text()
    (made / "target.yaml").write_text(
        text.replace("claims: [{id: C1, text: a promise, how: [load]}]", f"claims:\n  - {{id: C1, text: a promise, how: [load]}}\n{CLAIMS}")
    )
    if asked:
        seen = stored_rounds.made(place / "rounds", *lies, probes=("tenants.read-refused", "health.alive"))
        (made / ROUNDS).mkdir()
        shutil.move(seen, made / ROUNDS / "private")
    return made


def found(made: Path) -> dict[str, Verdict]:
    """The verdicts of its round."""
    return {one.id: one for one in conclude(made).assessment.verdicts if one.id.startswith("probe/")}


def test_each_probe_of_a_round_is_a_verdict(tmp_path: Path) -> None:
    """With the promises of the target that name it; the run passes with it."""
    made = run(tmp_path)
    told = found(made)
    assert {name: one.status for name, one in told.items()} == dict.fromkeys(
        ["probe/private/tenants.read-refused", "probe/private/health.alive"], Status.PASS
    )
    assert told["probe/private/tenants.read-refused"].claims == ("C2",)
    concluded = conclude(made)
    assert concluded.exit_code == Exit.PASS
    assert concluded.assessment.not_run == ()


def test_without_a_round_its_promise_is_not_run(tmp_path: Path) -> None:
    """And the report says what would ask it."""
    made = run(tmp_path, asked=False)
    (made / "plan.yaml").write_text(stored.PLAN)
    (only,) = conclude(made).assessment.not_run
    assert only.id == "C2"


def test_a_broken_probe_fails_the_run(tmp_path: Path) -> None:
    """With its sentence."""
    made = run(tmp_path, "leaks")
    assert found(made)["probe/private/tenants.read-refused"].status is Status.FAIL
    assert "somebody else" in found(made)["probe/private/tenants.read-refused"].reason
    assert conclude(made).exit_code == Exit.FAIL


@pytest.mark.parametrize("what", ["never asked", "not ended", "edited"])
def test_a_round_that_cannot_be_trusted_is_inconclusive(tmp_path: Path, what: str) -> None:
    """It holds nothing, and it never vanishes."""
    made = run(tmp_path, asked=what != "never asked")
    place = made / ROUNDS / "private"
    if what == "not ended":
        stored_rounds.edited(place, ended_at=None)
    elif what == "edited":
        with (place / record.OBSERVATIONS).open("a") as file:
            file.write("\n")
    told = found(made)
    assert {one.status for one in told.values()} == {Status.INCONCLUSIVE}
    assert set(told) == {"probe/private/tenants.read-refused", "probe/private/health.alive"}
    assert conclude(made).exit_code == Exit.INCONCLUSIVE


@pytest.mark.parametrize(("phase", "ways"), [("calm", {"probe", "load"}), ("break", {"probe", "load", "fault"})])
def test_a_round_in_a_fault_phase_was_tried_under_a_fault(tmp_path: Path, phase: str, ways: set[str]) -> None:
    """That is what the ledger counts."""
    concluded = conclude(run(tmp_path, phase=phase))
    parts = {one.part: one for one in answers(concluded.assessment, concluded.plan, concluded.target)}
    assert parts["probe tenants.read-refused"].ways == ways
    assert parts["probe tenants.read-refused"].claim == "C2"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{id: a, phase: clam, at: 5s, probes: [tenants.*]}", "did you mean calm"),
        ("{id: a, phase: calm, at: 9m, probes: [tenants.*]}", "past the end of its phase"),
        ("{id: A B, phase: calm, at: 5s, probes: [tenants.*]}", "small letters"),
        ("{id: a, phase: calm, at: 5s, probes: []}", "at least one probe"),
        ("{id: a, phase: calm, at: 5s, probes: [tenants]}", "family.name"),
    ],
)
def test_a_round_that_cannot_be_is_refused(tmp_path: Path, written: str, said: str) -> None:
    """With its key."""
    (tmp_path / "p.yaml").write_text(f"{stored.PLAN}rounds:\n  - {written}\n")
    with pytest.raises(InvalidFile, match=said):
        read_plan(tmp_path / "p.yaml")


@pytest.mark.parametrize(
    ("environment", "probes", "said"),
    [
        ("embedded", "tenants.raed-refused", "did you mean tenants.read-refused"),
        ("embedded", "hostile.*", "would disturb the load"),
        ("embedded", "health.*", "health.lost-dependency-told would disturb the load"),
        ("bookedbarber-staging", "tenants.*", "need an environment that the harness starts"),
    ],
)
def test_a_round_that_does_not_fit_is_refused_before_anything_starts(tmp_path: Path, environment: str, probes: str, said: str) -> None:
    """By validate and by run."""
    text = stored.PLAN.replace("environment: e", f"environment: {environment}").replace("target: t", "target: bookedbarber-smoke")
    (tmp_path / "p.yaml").write_text(f'{text}rounds:\n  - {{id: a, phase: calm, at: 5s, probes: ["{probes}"]}}\n')
    with pytest.raises(InvalidFile) as refused:
        prepare(str(tmp_path / "p.yaml"))
    assert said in str(refused.value)
