"""A picture as plain values for JSON, with what one role may see of it and nothing else. Pure.

What is hidden is left out here, on the server: a page that only did not show it would still have it in its network answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import orjson

from closeshave.files.plaintext import clean
from closeshave.live.classes import Floats
from closeshave.live.picture import Picture
from closeshave.live.series import IntervalStretch, LoadSeries, PlaceCurves
from closeshave.trial.figures import WINDOW_S

TEXT_MAX = 2_000
DIGITS = 4
"""More than a chart can show."""


@dataclass(frozen=True, slots=True)
class RoleSight:
    """What a role may see."""

    hidden: frozenset[str] = frozenset()
    """IDs of faults and drills that it must not know of."""
    inside: bool = True
    """Whether it may see what a watcher of the platform alone would not: its processes, and what the harness notes."""
    nothing_broken: bool = False
    """Whether it sees no fault at all, because it is not known which are hidden."""
    secret: re.Pattern[str] | None = None
    """The names of what is hidden: no sentence that holds one is shown."""

    def shows(self, fault: str) -> bool:
        """Whether it may know of this fault."""
        return not self.nothing_broken and fault not in self.hidden

    def tells(self, text: str) -> bool:
        """Whether it may read this sentence."""
        return self.secret is None or not self.secret.search(text)


EVERYTHING = RoleSight()


def picture(told: Picture, sight: RoleSight) -> dict[str, Any]:
    """The picture for one role."""
    made: dict[str, Any] = plain(told)
    made["disruptions"] = [plain(one) for one in told.disruptions if sight.shows(one.id)]
    made["told"] = [plain(one) for one in told.told if (sight.shows(one.fault) if one.fault else sight.inside) and sight.tells(one.text)]
    if not sight.inside:
        made["parts"], made["trouble"] = None, ""
        _unnamed(told, made)
    made["inside"], made["window_s"] = sight.inside, WINDOW_S
    return made


def _unnamed(told: Picture, made: dict[str, Any]) -> None:
    """Leave out the names that whoever wrote the plan gave to it and to its phases: one like ``us-west-2-lost`` says what is going to happen."""
    roles = {one.name: one.role for one in told.phases}
    made["phase"] = roles.get(told.phase, "")
    made["phases"] = [{**plain(one), "name": one.role} for one in told.phases]
    if told.about is not None:
        # The directory of a run has the name of its plan.
        made["about"] = {**plain(told.about), "plan": "game day", "run": ""}


def stretch(told: IntervalStretch, series: LoadSeries) -> dict[str, Any]:
    """Curves, with the names of their places."""
    names = ["", *(clean(one, TEXT_MAX) for one in series.regions), *(f"shard {one}" for one in series.shards)]
    sorts = ["all", *("region" for _ in series.regions), *("shard" for _ in series.shards)]
    return {
        "width_s": told.width_s,
        "first": told.first,
        "begins": told.begins,
        "offered": short(told.offered_per_s),
        "places": [
            {"name": name, "sort": sort, **{field.name: short(getattr(curves, field.name)) for field in fields(PlaceCurves)}}
            for name, sort, curves in zip(names, sorts, told.places, strict=True)
        ],
    }


def encoded(value: Mapping[str, Any]) -> bytes:
    """As JSON; what is not a number is null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def plain(value: Any) -> Any:
    """Dataclasses as objects, text without control characters, numbers that are none as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, str):
        return clean(value, TEXT_MAX)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return [plain(one) for one in value] if isinstance(value, tuple | list) else value


TINY = 1e-290


def short(values: Floats) -> Floats:
    """Rounded to :data:`DIGITS` significant digits."""
    # The scale of the smallest numbers that a float can hold would be infinite.
    known = np.isfinite(values) & (np.abs(values) > TINY)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(values, where=known, out=np.ones_like(values)))))
    return np.where(known, np.round(values * scale) / scale, values)
