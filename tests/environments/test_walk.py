"""What a walk through an application says in the words of an environment's file; the walk itself is in ``tests/cli/test_init_walks.py``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.deployment import Capabilities, Edge
from closeshave.environments import walk
from closeshave.environments.application_proposal import REGION, Described, text
from closeshave.environments.definition import read_embedded
from closeshave.environments.remote import proposal
from closeshave.environments.remote.doctor import Remark
from closeshave.environments.remote.examination import Examined
from closeshave.environments.remote.proposal import Proposal
from tests.faults import toys
from truth.plain.running import Plain, plain

FILE = text("shop", Described(command=("python3", "server.py")))


@pytest.mark.parametrize(
    ("advice", "ours"),
    [
        ("capabilities.zone: Europe/Madrid", "application.capabilities.zone: Europe/Madrid"),
        ("capabilities.steps_off: [refresh]", "application.capabilities.steps_off: [refresh]"),
        ("read_back.sql: {1: NAME_OF_VARIABLE}", "application.read_back: {query: SELECT …}"),
        ("ids: any, in the API profile", "ids: any, in the API profile"),
        ("", ""),
    ],
)
def test_advice_names_the_keys_of_the_section(advice: str, ours: str) -> None:
    """Not those of a platform's file."""
    assert walk.as_ours(Remark("what", "missing", "seen", advice)) == Remark("what", "missing", "seen", ours)


def test_what_was_seen_stands_in_the_section_and_every_other_line_stays(tmp_path: Path) -> None:
    """With its comment; the file is valid before and after."""
    path, made = tmp_path / "shop.yaml", tmp_path / "made.yaml"
    path.write_text(FILE)
    seen = Proposal({"capabilities": {"franchises": False, "zone": "Europe/Madrid", "steps_off": ("refresh",)}}, {"zone": "learnt"})
    proposal.write(made, proposal.edited(path, seen, walk.SECTION))
    able = read_embedded(made).application.capabilities
    assert (able.franchises, able.zone, able.steps_off) == (False, "Europe/Madrid", ("refresh",))
    assert "zone: Europe/Madrid  # learnt" in made.read_text()
    assert [line for line in FILE.splitlines() if line.lstrip().startswith("#") and line not in made.read_text()] == []
    assert read_embedded(path).application.capabilities.zone is None


@pytest.mark.parametrize(("stated", "seen", "written"), [(False, {}, False), (True, {}, None), (True, {"franchises": False}, False)])
def test_that_there_are_no_franchises_is_a_decision_of_the_file(stated: bool, seen: dict[str, Any], written: bool | None) -> None:
    """Answers that tell of a cache do not change it; other sections of a platform's file are left out."""
    found = Proposal({"capabilities": {"zone": "UTC", **seen}, "fingerprint": {"path": "/health"}}, {"zone": "learnt"})
    kept = walk.of_section(Capabilities(franchises=stated), found)
    assert kept.capabilities == {"zone": "UTC"} | ({} if written is None else {"franchises": written})
    assert (set(kept.sections), kept.remarks) == ({"capabilities"}, {"zone": "learnt"})


@pytest.fixture(scope="module")
def platform() -> Iterator[Plain]:
    """A platform that shares no code with the harness, in the place of the edge."""
    with plain("--limits", "20") as running:
        yield running


def walked(place: Path, platform: Plain, *, books: bool = True, **described: Any) -> Examined:
    """What an examination of it finds for the file of an application."""
    path = place / "shop.yaml"
    path.write_text(text("shop", Described(command=("python3", "server.py"), **described)))
    edge = Edge(REGION, platform.url, "", "")
    return walk.examine(read_embedded(path), replace(toys.deployment(place / "root"), edges=(edge,)), books=books)


def test_only_the_section_of_the_application_is_proposed(tmp_path: Path, platform: Plain) -> None:
    """Nothing about the fingerprint or the operators of a platform; what the file says of franchises stays."""
    found = walked(tmp_path, platform)
    assert set(found.proposed.sections) == {"capabilities"}
    assert (found.proposal["franchises"], found.proposal["zone"]) == (False, "America/New_York")
    told = {one.what: one for one in found.findings}
    assert told["book"].level == "ok"
    assert told["login"].level == "ok"
    assert not {"hooks", "monitoring", "read-back"} & set(told)
    assert not [one.advice for one in found.findings if one.advice.startswith("capabilities")]
    assert found.section == "application"


def test_of_a_locust_file_of_ones_own_nothing_is_booked_and_nothing_proposed(tmp_path: Path, platform: Plain) -> None:
    """Then nobody said what a booking is, and what the file says stays as it is."""
    before = platform.ask("state")
    found = walked(tmp_path, platform, books=False)
    assert not found.proposal
    assert platform.ask("state") == before
