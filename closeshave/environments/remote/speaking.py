"""The API that a platform's environment file names, and what follows from it for the platform's capabilities."""

from __future__ import annotations

from dataclasses import replace

from closeshave.api import known
from closeshave.api.profile import ApiProfile
from closeshave.api.spoken import SpokenApi, spoken
from closeshave.environments.remote.definition import Remote
from closeshave.operations import OPERATIONS, PAYING


def profile(name: str) -> ApiProfile:
    """The profile of this name. Raises :class:`closeshave.files.yamlfile.InvalidFile`."""
    return known.named(name)


def of(definition: Remote) -> SpokenApi:
    """The platform's API. Raises :class:`closeshave.files.yamlfile.InvalidFile`."""
    return spoken(profile(definition.api))


def within_its_api(definition: Remote) -> Remote:
    """The environment without the capabilities that need a request, a header or a parameter which its API does not have.

    Raises :class:`closeshave.files.yamlfile.InvalidFile`.
    """
    api, able = of(definition), definition.capabilities
    off = [name for name, each in OPERATIONS.items() if name in api.lacking and each.optional]
    if set(off) & set(PAYING):
        off += PAYING
    told = replace(
        able,
        steps_off=tuple(dict.fromkeys((*able.steps_off, *off))),
        franchises=able.franchises and api.uses("franchise"),
        forwarded_for=able.forwarded_for and api.uses("address"),
        keyed_bookings=able.keyed_bookings and api.uses("key", "book"),
        slots_by_barber=able.slots_by_barber and api.uses("barber", "slots"),
    )
    return definition if told == able else replace(definition, capabilities=told)
