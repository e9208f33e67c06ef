"""Closeshave: load and resilience testing for franchise booking platforms."""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "discover"]

__version__ = "0.1.0"


def discover(discover_system: bool = True) -> dict[str, Any]:
    """What Chaos Toolkit can do with this package: ``chaos discover --no-install closeshave`` calls it by this name.

    ``discover_system`` asks for the kinds of faults, too.
    """
    # Everybody imports this module, and nearly nobody asks.
    from closeshave.faults.discovery import found  # noqa: PLC0415

    return found(__version__, system=discover_system)
