"""The page of drills agrees with the catalogue, and kinds keep the rules that their users rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.drills.catalogue import FAMILIES, KINDS, WAYS_BACK
from closeshave.drills.kind import USES, DrillKind
from closeshave.drills.page import page
from closeshave.faults.catalogue import KINDS as FAULTS

PUBLISHED = Path(__file__).parents[2] / "docs" / "drills.md"
ALL = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def test_the_published_page_is_up_to_date() -> None:
    """Made again it is the same: python -m closeshave.drills.page docs/drills.md."""
    assert PUBLISHED.read_text() == page()


@ALL
def test_a_kind_is_explained_and_named_after_its_family(kind: DrillKind) -> None:
    """Also one of a new family."""
    assert f"### {kind.name}\n" in page()
    assert kind.name.partition(".")[0] in FAMILIES
    assert len({step.name for step in kind.steps}) == len(kind.steps) >= 1
    assert set(kind.uses) <= set(USES)


@ALL
def test_the_janitor_can_put_every_kind_back(kind: DrillKind) -> None:
    """By what stands in the ledger, beside every fault; no name means both."""
    assert WAYS_BACK[kind.name].undo is kind.undo
    assert WAYS_BACK[kind.name].prove is kind.safe
    assert kind.name not in FAULTS
