"""The sample ledger in the repository: of a real round, and without a trace of the machine that made it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from closeshave.files.shipped import locate
from closeshave.readiness import writing
from closeshave.readiness.telling import _CODEC
from closeshave.readiness.values import PromiseOutcome
from closeshave.target import read_target

SAMPLE = Path(__file__).parents[2] / "reports" / "readiness" / "bookedbarber-single-region"
FILES = (writing.JSON, writing.CSV, writing.MARKDOWN, writing.PAGE)
PATHS = re.compile(r"(?<![\w:/])/(?:root|home|tmp|work|var|opt|usr|mnt|srv)/[\w.-]+")


def test_it_is_a_ledger_of_its_target() -> None:
    """It has promises to practise on: kept, undecided, attested and not run; nothing of the stand-in is verified."""
    found = _CODEC.validate_json((SAMPLE / writing.JSON).read_bytes())
    assert [row.id for row in found.rows] == [claim.id for claim in read_target(locate("environments/targets", found.target)).claims]
    outcomes = {row.outcome for row in found.rows}
    assert outcomes >= {PromiseOutcome.REHEARSED, PromiseOutcome.INCONCLUSIVE, PromiseOutcome.ATTESTED, PromiseOutcome.NOT_RUN}
    assert PromiseOutcome.VERIFIED not in outcomes


@pytest.mark.parametrize("name", FILES)
def test_it_shows_no_path_of_its_machine_and_all_of_its_files_tell_the_same(name: str) -> None:
    """The sentence stands in each that has one."""
    text = (SAMPLE / name).read_text(encoding="utf-8")
    assert PATHS.findall(text) == []
    sentence = json.loads((SAMPLE / writing.JSON).read_text(encoding="utf-8"))["sentence"]
    assert name == writing.CSV or sentence in text


def test_the_page_about_reading_ledgers_names_it() -> None:
    """With what is in it."""
    page = (SAMPLE.parents[2] / "docs" / "how-to" / "read-a-readiness-ledger.md").read_text(encoding="utf-8")
    assert f"reports/readiness/{SAMPLE.name}/" in page
