"""Drill hooks for the scripted operator in ``procedure.py``, as an environment file has them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PROCEDURE = Path(__file__).with_name("procedure.py")


def call(state: Path, *action: str, **more: Any) -> dict[str, Any]:
    """A command of the scripted operator. Its interpreter imports nothing that it does not need: it is asked often."""
    return {"command": [sys.executable, "-S", "-E", str(PROCEDURE), str(state), *action], **more}


def drill_hook(state: Path, **changes: Any) -> dict[str, Any]:
    """All six calls; ``...`` leaves one out."""
    whole = {
        "kind": "move.to-new-home",
        "start": call(state, "start"),
        "status": call(state, "status"),
        "finish": call(state, "finish"),
        "verify": call(state, "is", "after"),
        "abort": call(state, "abort"),
        "heal_check": call(state, "is-safe"),
        "verified_within": "1s",
        "healed_within": "20s",
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def calls(state: Path) -> list[str]:
    """What was called, each stretch of equal calls once."""
    found: list[str] = []
    told = state.with_suffix(".calls")
    for line in told.read_text().splitlines() if told.exists() else []:
        if found[-1:] != [line]:
            found.append(line)
    return found
