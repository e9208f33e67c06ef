"""The directory of a round: what was seen can be judged again from it, and what was changed since is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from closeshave.files.jsonfile import Damaged
from closeshave.probes import carrying, record, telling
from closeshave.probes.result import ProbeResult
from closeshave.probes.values import Observation, ProbeOutcome
from closeshave.reference.schemas import schemas
from tests.probes import stored_rounds


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A round in which everything holds."""
    return stored_rounds.made(tmp_path_factory.mktemp("rounds"))


def outcomes(found: ProbeResult) -> dict[str, ProbeOutcome]:
    """Probe → outcome."""
    return {row.name: row.outcome for row in found.probes}


def test_a_round_is_judged_again_from_its_directory(kept: Path) -> None:
    """Every outcome, with the promises of the target; it fits its schema."""
    found = carrying.read(kept)
    assert set(outcomes(found).values()) == {ProbeOutcome.HOLDS}
    assert (found.exit_code, found.counts[ProbeOutcome.HOLDS]) == (0, 4)
    assert found.probes[0].claims == ("R1",)
    told = json.loads((kept / carrying.RESULT).read_text())
    jsonschema.validate(told, schemas()["probes"])
    assert told == json.loads(json.dumps(telling.told(found)))
    assert record.changed(kept, record.facts(kept)) == ""


def test_a_result_that_was_edited_is_not_believed(tmp_path: Path) -> None:
    """It is made again from the observations."""
    run = stored_rounds.made(tmp_path, "wrong-first")
    assert carrying.read(run).exit_code == 1
    (run / carrying.RESULT).write_text(json.dumps({"exit_code": 0, "probes": []}))
    found = carrying.read(run)
    assert outcomes(found)["routing.first-of-each-range"] is ProbeOutcome.BROKEN
    assert json.loads((run / carrying.RESULT).read_text())["exit_code"] == 1


@pytest.mark.parametrize("name", [record.OBSERVATIONS, "target.yaml", "environment.yaml", "environment.json"])
def test_a_file_that_was_changed_or_lost_is_noticed(tmp_path: Path, name: str) -> None:
    """By its digest."""
    run = stored_rounds.made(tmp_path, probes=("health.alive",))
    (run / name).write_bytes((run / name).read_bytes() + b"\n")
    assert record.changed(run, record.facts(run)) == f"{name} is not as the round left it"
    if name != "target.yaml":
        (run / name).unlink()
        assert record.changed(run, record.facts(run)) == f"{name} is missing"


def test_an_interrupted_round_is_no_success(tmp_path: Path) -> None:
    """Though every probe that was asked holds."""
    run = stored_rounds.made(tmp_path, ended=False)
    found = carrying.read(run)
    assert set(outcomes(found).values()) == {ProbeOutcome.HOLDS}
    assert (found.exit_code, found.ended_at) == (3, None)
    assert "did not come to its end" in found.sentence


def test_what_could_not_be_removed_is_told(tmp_path: Path) -> None:
    """And is no success either."""
    run = stored_rounds.made(tmp_path, probes=("health.alive",))
    stored_rounds.edited(run, left=["booking 7 at franchise 3"])
    assert carrying.read(run).exit_code == 4


@pytest.mark.parametrize("line", ['{"probe": 7}\n', "[]\n", "nonsense\n"])
def test_damaged_observations_are_one_error(tmp_path: Path, line: str) -> None:
    """That names the file."""
    run = stored_rounds.made(tmp_path, probes=("health.alive",))
    with (run / record.OBSERVATIONS).open("a") as file:
        file.write(line)
    with pytest.raises(Damaged, match=record.OBSERVATIONS):
        carrying.read(run)


def test_a_probe_that_this_version_does_not_have_is_unknown(tmp_path: Path) -> None:
    """A round of another version may have asked it."""
    run = stored_rounds.made(tmp_path, probes=("health.alive",))
    stored_rounds.edited(run, asked=["health.alive", "health.of-the-future"])
    assert outcomes(carrying.read(run))["health.of-the-future"] is ProbeOutcome.UNKNOWN


def test_what_platforms_say_is_text(tmp_path: Path) -> None:
    """Neither markup nor control characters reach a terminal, a page or a file for programs."""
    run = stored_rounds.made(tmp_path, probes=("health.alive",))
    hostile = Observation("health.alive", "us-east-1", "<b>|`[x](y)", {"status": 500, "body": "\x1b[2J<script>|"})
    record.note(run, hostile)
    found = carrying.read(run)
    assert outcomes(found)["health.alive"] is ProbeOutcome.BROKEN
    assert "\x1b" not in json.dumps(telling.told(found), ensure_ascii=False)
    shown = telling.markdown(found)
    assert "<script>" not in shown
    assert "\x1b" not in shown
