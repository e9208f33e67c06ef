"""The sample ledgers in the repository, one for each target system: of real runs, and without a trace of the machine that made them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from closeshave.files.shipped import locate
from closeshave.readiness import writing
from closeshave.readiness.telling import _CODEC
from closeshave.readiness.values import PromiseOutcome, ReadinessLedger
from closeshave.target import read_target

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "reports" / "readiness"
SYSTEMS = ("bookedbarber-enterprise", "bookedbarber-single-region", "bookedbarber-terraform", "appointment-booking", "barberpro-argentina")
FILES = (writing.JSON, writing.CSV, writing.MARKDOWN, writing.PAGE)
PATHS = re.compile(r"(?<![\w:/])/(?:root|home|tmp|work|var|opt|usr|mnt|srv)/[\w.-]+")


def ledger(system: str) -> ReadinessLedger:
    """The sample of a target."""
    return _CODEC.validate_json((SAMPLES / system / writing.JSON).read_bytes())


def test_there_is_one_for_each_system() -> None:
    """And nothing beside its files."""
    assert {path.name for path in SAMPLES.iterdir()} == set(SYSTEMS)
    assert all({path.name for path in (SAMPLES / system).iterdir()} == set(FILES) for system in SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_is_a_ledger_of_its_target(system: str) -> None:
    """It has promises to practise on: kept, undecided and not run; nothing of the stand-in is verified, and nothing is refuted."""
    found = ledger(system)
    assert found.target == system
    assert [(row.id, row.text) for row in found.rows] == [
        (claim.id, claim.text) for claim in read_target(locate("environments/targets", system)).claims
    ]
    outcomes = {row.outcome for row in found.rows}
    assert outcomes >= {PromiseOutcome.REHEARSED, PromiseOutcome.INCONCLUSIVE, PromiseOutcome.NOT_RUN}
    assert not outcomes & {PromiseOutcome.VERIFIED, PromiseOutcome.REFUTED}
    assert any(run.counts for run in found.runs)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", FILES)
def test_it_shows_no_path_of_its_machine_and_all_of_its_files_tell_the_same(system: str, name: str) -> None:
    """The sentence stands in each that has one."""
    text = (SAMPLES / system / name).read_text(encoding="utf-8")
    assert PATHS.findall(text) == []
    assert name == writing.CSV or ledger(system).sentence in text


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_page_about_reading_ledgers_names_it(system: str) -> None:
    """With what was carried out for it."""
    page = (ROOT / "docs" / "how-to" / "read-a-readiness-ledger.md").read_text(encoding="utf-8")
    assert f"`{system}`" in page
