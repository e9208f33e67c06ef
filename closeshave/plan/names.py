"""Patterns of names, and bounds, that parts of a plan share."""

from __future__ import annotations

from closeshave.files.yamlfile import percentage_not

MOST_PARTS = 1000
"""Upper limit of a plan's phases and faults, drawn ones included: each is checked against every other."""
FAULT_ID = r"^[a-z0-9][a-z0-9-]*$"
ALERT = r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$"
FAULT_KIND = r"^[a-z]+\.[a-z0-9-]+$"
PROBE = r"^[a-z0-9-]{1,40}\.[a-z0-9*-]{1,60}$"
"""The name of a probe, or a pattern of names within a family."""
NOT_NONE = percentage_not(r"0+(\.0+)?")
NEITHER_FEW_NOR_ALL = percentage_not(r"0*[0-4]?\d(\.\d+)?", r"0*100(\.0+)?")
