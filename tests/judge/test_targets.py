"""The target files: every promise is listed once, and every objective can be distinguished from all others."""

from pathlib import Path
from typing import Any

import pytest

from closeshave.files.yamlfile import InvalidFile
from closeshave.target import FROM_BELOW, PER_FAULT, Measure, Objective, read_target

FOLDER = Path(__file__).parents[2] / "environments" / "targets"
PROMISES = {
    "bookedbarber-enterprise": ("E", 33),
    "bookedbarber-single-region": ("P", 16),
    "bookedbarber-terraform": ("T", 13),
    "appointment-booking": ("A", 17),
    "barberpro-argentina": ("B", 23),
}
"""By target: the letter of its claims, and how many there are."""
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize(("name", "letter", "count"), [(name, *rest) for name, rest in PROMISES.items()])
def test_every_promise_has_its_claim(name: str, letter: str, count: int) -> None:
    """Numbered without a gap: a promise that no objective tests is listed too."""
    claims = [claim.id for claim in read_target(FOLDER / f"{name}.yaml").claims]
    assert claims == [f"{letter}{number:02}" for number in range(1, count + 1)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_target_is_named_after_its_file(path: Path) -> None:
    """A plan names its target by the file's name."""
    assert read_target(path).name == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_attested_has_an_owner(path: Path) -> None:
    """A person must be responsible for what no harness can measure."""
    assert [claim.id for claim in read_target(path).claims if "attest" in claim.how and not claim.owner] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_two_objectives_give_the_same_verdict(path: Path) -> None:
    """An ID may be used again for other parts or other faults, but never twice for the same ones."""
    objectives = read_target(path).objectives
    keys = [(each.id, each.per, pattern) for each in objectives for pattern in (each.faults or ("",))]
    assert len(keys) == len(set(keys))


TWINS = (
    ("{id: a, claims: [], measure: availability, at_least: 99%}", "{id: a, claims: [], measure: latency, percentile: 95%, at_most: 1s}", True),
    ("{id: a, claims: [], measure: availability, at_least: 99%}", "{id: a, claims: [], measure: availability, at_least: 9%, per: region}", False),
    ("{id: a, claims: [], measure: recovery, at_most: 1s, faults: [shard.*]}", "{id: a, claims: [], measure: loss, at_most: 1s, faults: [shard.frozen]}", True),  # noqa: E501
    ("{id: a, claims: [], measure: recovery, at_most: 1s, faults: [shard.*]}", "{id: a, claims: [], measure: loss, at_most: 1s, faults: [cache.*]}", False),  # noqa: E501
)  # fmt: skip


@pytest.mark.parametrize(("one", "other", "refused"), TWINS)
def test_objectives_that_could_give_one_verdict_twice_are_refused(tmp_path: Path, one: str, other: str, refused: bool) -> None:
    """With file, line and key; the same ID for other parts or other faults is allowed."""
    path = tmp_path / "t.yaml"
    path.write_text(f"name: t\ntitle: T\nclaims: []\nobjectives:\n  - {one}\n  - {other}\n")
    if not refused:
        assert len(read_target(path).objectives) == 2
        return
    with pytest.raises(InvalidFile) as raised:
        read_target(path)
    assert [(problem.line, problem.key) for problem in raised.value.problems] == [(6, "objectives.1.id")]


WRONG = (
    "measure: availability, at_least: 99%, window: degraded", "measure: throughput, at_least: 9, sliding: 10s", "measure: burn_rate, at_most: 5",
    "measure: recovery, at_least: 5, faults: [shard.*]", "measure: latency, at_most: 1s, percentile: 95%, invariants: [lost]",
)  # fmt: skip


@pytest.mark.parametrize("fields", WRONG)
def test_an_objective_that_makes_no_sense_is_refused(tmp_path: Path, fields: str) -> None:
    """Its meaning is not guessed."""
    path = tmp_path / "t.yaml"
    path.write_text(f"name: t\ntitle: T\nclaims: []\nobjectives:\n  - {{id: a, claims: [], {fields}}}\n")
    with pytest.raises(InvalidFile):
        read_target(path)


MISFITS = (
    ("measure: latency, percentile: 95%, at_least: 1s", "at_least", "latency needs an upper bound: at_most"),
    ("measure: availability, at_most: 99%", "at_most", "availability needs a lower bound: at_least"),
    ("measure: recovery, at_least: 5s, faults: [shard.*]", "at_least", "needs an upper bound"),
    ("measure: throughput, at_most: 9", "at_most", "needs a lower bound"),
    ("measure: latency, percentile: 95, at_most: 1s", "percentile", "95"),
    ("measure: latency, percentile: 100%, at_most: 1s", "percentile", "between 0% and 100%"),
    ("measure: latency, percentile: 0%, at_most: 1s", "percentile", "between 0% and 100%"),
    ("measure: availability, at_least: 99%, confidence: 50%", "confidence", "between 50% and 100%"),
    ("measure: latency, percentile: 95%, at_most: 100", "at_most", "write 100ms or 100s"),
    ("measure: availability, at_least: 99.9", "at_least", "99.9"),
)


@pytest.mark.parametrize(("fields", "key", "told"), MISFITS, ids=[fields for fields, *_ in MISFITS])
def test_a_quantity_that_does_not_belong_to_its_measure_is_refused_at_its_key(tmp_path: Path, fields: str, key: str, told: str) -> None:
    """When the file is read, with what would be right: after the trial it is too late. The message appears once."""
    path = tmp_path / "t.yaml"
    path.write_text(f"name: t\ntitle: T\nclaims: []\nobjectives:\n  - {{id: a, claims: [], {fields}}}\n")
    with pytest.raises(InvalidFile) as raised:
        read_target(path)
    assert [(problem.line, problem.key) for problem in raised.value.problems] == [(5, f"objectives.0.{key}")]
    assert told in raised.value.problems[0].message


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"measure": Measure.LATENCY, "percentile": 0.95, "at_least": 1.0}, "needs an upper bound"),
        ({"measure": Measure.AVAILABILITY, "at_most": 0.9}, "needs a lower bound"),
        ({"measure": Measure.LATENCY, "percentile": 1.0, "at_most": 1.0}, "between 0% and 100%"),
        ({"measure": Measure.LATENCY, "percentile": 0.0, "at_most": 1.0}, "between 0% and 100%"),
    ],
)
def test_an_objective_that_code_made_is_refused_too(fields: dict[str, Any], told: str) -> None:
    """The objective itself checks this."""
    with pytest.raises(ValueError, match=told):
        Objective("a", (), **fields)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recovery_and_loss_name_their_faults(path: Path) -> None:
    """An objective of recovery that covers no fault would never be judged."""
    assert [each.id for each in read_target(path).objectives if (each.measure in PER_FAULT) != bool(each.faults)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_bounds_point_the_right_way(path: Path) -> None:
    """Ratios and throughput have a lower bound, times an upper bound."""
    wrong = [
        each.id
        for each in read_target(path).objectives
        if each.measure is not Measure.INTEGRITY and (each.measure in FROM_BELOW) != (each.at_least is not None)
    ]
    assert wrong == []
