"""What importing and exporting say in the same way: names of OpenSLO, shares without rounding, durations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from closeshave.files.yamlfile import duration_text
from closeshave.target import MEASURES, SHARES, TIMES, Claim, Measure, Objective, Target

VERSION = "openslo/v1"
SOURCE = "closeshave"
"""The type of metric source whose ``spec`` is an objective of a target without its bound: OpenSLO leaves what a source's spec holds to the source."""
TARGET_ANNOTATION = "closeshave/target"
"""Annotation of the service: the target without its objectives, as JSON."""
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A name in OpenSLO: a DNS label (RFC 1123)."""
DESCRIPTION_MOST, DISPLAY_MOST = 1050, 63
EXPRESSIBLE = (SHARES | TIMES) - {Measure.BURN_RATE}
"""Measures that are shares of events, or a percentile of a time: the share of events within it."""
OF_BAD = frozenset({Measure.ERROR_RATE})
"""Measures that count the bad events."""
UNITS_S: Mapping[str, float] = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "M": 2592000.0, "Q": 7776000.0, "Y": 31536000.0}
"""Units of an OpenSLO duration, in seconds; a month has 30 days, a quarter 90, a year 365, as in OpenSLO's own SDK."""
BOUNDS = ("at_most", "at_least", "percentile")

OBJECTIVE: TypeAdapter[Objective] = TypeAdapter(Objective)
CLAIMS: TypeAdapter[tuple[Claim, ...]] = TypeAdapter(tuple[Claim, ...])
TARGET: TypeAdapter[Target] = TypeAdapter(Target)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was not taken over, or is understood by one side alone, and why."""

    where: str
    """The file with its line, or the objective."""
    what: str
    """The key or the part."""
    why: str
    """The reason."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.why}"


def rest(share: float) -> float:
    """``1 - share``, without binary rounding: 0.01 → 0.99."""
    return float(1 - Decimal(repr(share)))


def of_percent(percent: float) -> float:
    """99.9 → 0.999, without binary rounding."""
    return float(Decimal(repr(percent)).scaleb(-2))


def window_s(text: object) -> float | None:
    """Seconds of an OpenSLO duration such as ``28d``; ``None`` for anything else."""
    match = re.fullmatch(r"(\d{1,6})([mhdwMQY])", str(text))
    return int(match[1]) * UNITS_S[match[2]] if match and int(match[1]) else None


def objective_keys(objective: Objective) -> dict[str, Any]:
    """The keys of an objective in a target file: a time has its unit."""
    keys = dict(plain(OBJECTIVE, objective))
    if MEASURES[objective.measure].figure == "time" and objective.at_most is not None:
        keys["at_most"] = duration_text(objective.at_most)
    return {key: keys[key] for key in sorted(keys, key=[each.name for each in fields(objective)].index)}


def target_keys(target: Target) -> dict[str, Any]:
    """The keys of a target file."""
    return {**plain(TARGET, replace(target, objectives=())), "objectives": [objective_keys(each) for each in target.objectives]}


def plain(adapter: TypeAdapter[Any], value: Any) -> Any:
    """A value in the form of a file, without what has its default."""
    return adapter.dump_python(value, mode="json", exclude_defaults=True)
