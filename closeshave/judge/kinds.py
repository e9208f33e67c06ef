"""Patterns of kinds of faults against the names that there are. Pure: which kinds there were, the run's manifest says."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection


def matches_nothing(pattern: str, names: Collection[str]) -> bool:
    """Whether a pattern matches none of the names."""
    return not any(fnmatch.fnmatch(name, pattern) for name in names)


def suggestion(pattern: str, names: Collection[str]) -> str:
    """``(did you mean shard.*?)``: the name closest to a pattern that matches nothing; empty where none is close."""
    families = {f"{name.split('.')[0]}.*" for name in names if "." in name}
    close = difflib.get_close_matches(pattern, sorted({*names, *families}), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""
