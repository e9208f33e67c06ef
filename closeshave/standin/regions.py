"""What the platform knows of its regions: the business time zone of the franchises there."""

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
    """The time zone in which shops of ``region`` keep their hours; elsewhere New York's, as on the real platform."""
    return _ZONES.get(region, "America/New_York")


def zone(region: str) -> ZoneInfo:
    """:func:`zone_name` as a zone; :class:`ZoneInfo` keeps them in its own cache."""
    return ZoneInfo(zone_name(region))
