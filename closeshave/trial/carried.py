"""The plan as a run carries it out: with its drawn faults, and with the rates and lengths that were recorded. Pure."""

from __future__ import annotations

from dataclasses import replace

from closeshave.history import Manifest
from closeshave.plan import Fault, Plan


class UnfitLengths(ValueError):
    """A manifest has lengths that the phases of the plan cannot have."""


def out(written: Plan, drawn: tuple[Fault, ...], manifest: Manifest) -> Plan:
    """The plan of this run, even if this version would calculate other rates and lengths. Raises :class:`UnfitLengths`."""
    scaled = written.scaled(manifest.rate_scale)
    try:
        lasting = scaled.lasting(manifest.lengths_s) if manifest.lengths_s else scaled
    except ValueError:
        raise UnfitLengths from None
    return replace(lasting, faults=(*written.faults, *drawn))
