"""The chart library that the page carries: uPlot, as its maker published it, with its licence. ``origin.json`` says where each file comes from.

Nothing in these files was changed. A newer version is a new download, with new checksums in ``origin.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIBRARY, STYLE, LICENCE, ORIGIN = "uPlot.iife.min.js", "uPlot.min.css", "LICENSE", "origin.json"


def script() -> str:
    """The library, which defines ``uPlot``."""
    return _read(LIBRARY)


def style() -> str:
    """Its style sheet, below a line that names it and its licence."""
    origin: dict[str, Any] = json.loads(_read(ORIGIN))
    return f"/* {origin['name']} {origin['version']}, {origin['licence']} licence: {origin['home']} */\n{_read(STYLE)}\n"


def licence() -> str:
    """Its licence, which every copy must carry."""
    origin: dict[str, Any] = json.loads(_read(ORIGIN))
    return f"{origin['name']} {origin['version']}, {origin['home']}\n\n{_read(LICENCE)}"


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
