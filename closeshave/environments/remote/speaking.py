"""The API that a platform's environment file names, and what follows from it for the platform's capabilities."""

from __future__ import annotations

from dataclasses import replace

from closeshave.api import known
from closeshave.api.profile import ApiProfile
from closeshave.api.spoken import SpokenApi, spoken
from closeshave.deployment import Capabilities
from closeshave.operations import OPERATIONS, PAYING


def profile(name: str) -> ApiProfile:
    """The profile of this name. Raises :class:`closeshave.files.yamlfile.InvalidFile`."""
    return known.shipped() if name == known.SHIPPED else known.named(name)


def of(name: str) -> SpokenApi:
    """The API of this profile. Raises :class:`closeshave.files.yamlfile.InvalidFile`."""
    return spoken(profile(name))


def within(able: Capabilities, name: str) -> Capabilities:
    """The capabilities without those that need a request, a header or a parameter which the API of this profile does not have.

    Raises :class:`closeshave.files.yamlfile.InvalidFile`.
    """
    api = of(name)
    off = [operation for operation, each in OPERATIONS.items() if operation in api.lacking and each.optional]
    if set(off) & set(PAYING):
        off += PAYING
    return replace(
        able,
        steps_off=tuple(dict.fromkeys((*able.steps_off, *off))),
        franchises=able.franchises and api.uses("franchise"),
        forwarded_for=able.forwarded_for and api.uses("address"),
        keyed_bookings=able.keyed_bookings and api.uses("key", "book"),
        slots_by_barber=able.slots_by_barber and api.uses("barber", "slots"),
    )
