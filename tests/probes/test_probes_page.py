"""The page of the probes says what the code says, and the targets name the probes that say they are evidence for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.files.shipped import available, locate
from closeshave.probes.catalogue import FAMILIES, PROBES, matching
from closeshave.probes.page import page
from closeshave.target import read_target

ROOT = Path(__file__).parents[2]
TARGETS = {name: read_target(locate("environments/targets", name)) for name in available("environments/targets")}


def test_the_page_is_up_to_date() -> None:
    """Made again it is the same: python -m closeshave.probes.page docs/probes.md."""
    assert (ROOT / "docs" / "probes.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_and_the_targets_agree(name: str) -> None:
    """What a probe says it is evidence for is what names it."""
    named = {claim.id for target in TARGETS.values() for claim in target.claims if name in matching(claim.probes)}
    assert set(PROBES[name].claims) == named


@pytest.mark.parametrize("target", TARGETS)
def test_every_promise_by_probe_names_probes_that_there_are(target: str) -> None:
    """But for those of launch checks, which are plans."""
    for claim in TARGETS[target].claims:
        assert all(matching([pattern]) for pattern in claim.probes)
        if "probe" in claim.how and claim.id not in {"B17", "B18"}:
            assert claim.probes, claim.id


def test_names_tell_family_and_fact() -> None:
    """Each family has a module of its own name, and its probes begin with it."""
    for family in FAMILIES.values():
        assert (ROOT / "closeshave" / "probes" / "families" / f"{family.name}.py").is_file()
        assert {probe.family for probe in family.probes} == {family.name}
        assert all(probe.asks.endswith((".", ".)")) for probe in family.probes)
