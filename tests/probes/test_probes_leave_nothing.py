"""What a probe changed is put back, also where its answer was lost; what may be left is said."""

from __future__ import annotations

import pytest

from closeshave.probes.asking import ask_all
from closeshave.probes.catalogue import PROBES
from closeshave.probes.values import Observation
from tests.probes.rounds import scene
from tests.probes.shop import Shop

RENAMES = ["invalidation.everywhere", "invalidation.alone"]


def left_by(name: str, shop: Shop) -> tuple[str, ...]:
    """What a probe says that it left in this shop."""
    seen: list[Observation] = []
    with scene(shop) as there:
        return ask_all([PROBES[name]], there, seen.append, lambda _probe: None, lambda _error: None)


@pytest.mark.parametrize("name", RENAMES)
def test_a_name_whose_change_was_carried_out_too_late_is_put_back(name: str) -> None:
    """The change answers 504, and the shop has its new name all the same."""
    shop = Shop("renames-late")
    assert left_by(name, shop) == ()
    assert shop.names
    assert not [told for told in shop.names.values() if told.startswith("Closeshave")]


@pytest.mark.parametrize("name", RENAMES)
def test_a_name_that_cannot_be_put_back_is_said(name: str) -> None:
    """With the shop and its name, so that a person can do it."""
    shop = Shop("keeps-names")
    left = left_by(name, shop)
    renamed = [where for where, told in shop.names.items() if told.startswith("Closeshave")]
    assert renamed
    assert len(left) == len(renamed)
    assert all(f"the shop of franchise {where} may not have its name" in said for where, said in zip(renamed, left, strict=True))


def test_a_booking_whose_answer_was_lost_is_said() -> None:
    """It stands, and nobody knows its ID."""
    shop = Shop("loses-answers")
    left = left_by("bookings.made-read-cancelled", shop)
    standing = [one for one in shop.bookings.values() if one["status"] == "scheduled"]
    assert len(left) == len(standing) > 0
    assert f"perhaps a booking at franchise {standing[0]['franchise_id']}, {standing[0]['date']} {standing[0]['time']}" in left[0]
