"""The business time zones of the platform's regions."""

from __future__ import annotations

from zoneinfo import ZoneInfo

_ZONES = {
    "us-east-1": "America/New_York",
    "us-west-2": "America/Los_Angeles",
    "eu-west-1": "Europe/Dublin",
    "ap-southeast-1": "Asia/Singapore",
    "sa-east-1": "America/Argentina/Buenos_Aires",
}


def zone_name(region: str) -> str:
    """The time zone of the shops of ``region``; New York's for unknown regions, as on the real platform."""
    return _ZONES.get(region, "America/New_York")


def zone(region: str) -> ZoneInfo:
    """:func:`zone_name` as a zone; :class:`ZoneInfo` caches them itself."""
    return ZoneInfo(zone_name(region))
