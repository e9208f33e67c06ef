"""The page of faults agrees with the catalogue."""

from pathlib import Path

from closeshave.faults.catalogue import FAMILIES, OWN
from closeshave.faults.page import MEANINGS, page
from closeshave.plan import Expected

PUBLISHED = Path(__file__).parents[2] / "docs" / "faults.md"


def test_the_published_page_is_up_to_date():
    """Made again it is the same: python -m closeshave.faults.page docs/faults.md."""
    assert PUBLISHED.read_text() == page()


def test_every_kind_has_a_section():
    """Also a kind of a new family."""
    assert {kind.split(".")[0] for kind in OWN} == set(FAMILIES)
    assert all(f"### {kind}\n" in page() for kind in OWN)


def test_every_expectation_is_explained():
    """Every word of the table *expected* is defined on the page."""
    assert set(MEANINGS) == set(Expected)
