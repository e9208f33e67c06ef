"""What the platform tells about itself in an answer's headers: who served it, from which cache, and how long database and cache took."""

from __future__ import annotations

import re

from closeshave.traffic.answers import Trace, timings

_TELLING = re.compile(rb"\r\n(x-region|x-cache|server-timing)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)

NOTHING = Trace(None, None, None, None)


def trace(raw: bytes) -> Trace:
    """The trace in a header block, searched once in C rather than parsed into a mapping."""
    found = {name.lower(): value.decode("latin-1") for name, value in _TELLING.findall(raw)}
    if not found:
        return NOTHING
    durations = timings(found.get(b"server-timing", ""))
    return Trace(found.get(b"x-region"), found.get(b"x-cache"), durations.get("db"), durations.get("cache"))
