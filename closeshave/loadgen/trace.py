"""What the platform reports in an answer's headers: which part served it, from which cache, and how long database and cache took."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TELLING = re.compile(rb"\r\n(x-region|x-cache|server-timing)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Trace:
    """In the form of a row: unknown times are NaN, unknown texts ``None``."""

    served_by: str | None
    cache: str | None
    db_ms: float
    cache_ms: float


NOTHING = Trace(None, None, _NAN, _NAN)


def trace(raw: bytes) -> Trace:
    """The trace in a header block, searched once in C rather than parsed into a mapping."""
    found = {name.lower(): value.decode("latin-1") for name, value in _TELLING.findall(raw)}
    if not found:
        return NOTHING
    durations = timings(found.get(b"server-timing", ""))
    return Trace(found.get(b"x-region"), found.get(b"x-cache"), durations.get("db", _NAN), durations.get("cache", _NAN))


def timings(header: str) -> dict[str, float]:
    """Milliseconds by metric of a ``Server-Timing`` header (W3C Server Timing); metrics without a duration are left out."""
    found = {}
    for metric in header.split(","):
        name, *parameters = (part.strip() for part in metric.split(";"))
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "dur" and re.fullmatch(r'"?[0-9]{1,12}(\.[0-9]*)?"?', value.strip()):
                found[name] = float(value.strip().strip('"'))
    return found
