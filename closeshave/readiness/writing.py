"""The files of a ledger."""

from __future__ import annotations

import json
from pathlib import Path

from closeshave.files import write_atomically
from closeshave.readiness import page, telling
from closeshave.readiness.values import ReadinessLedger

JSON, CSV, MARKDOWN, PAGE = "readiness.json", "readiness.csv", "readiness.md", "readiness.html"


def write(found: ReadinessLedger, place: Path) -> Path:
    """All of them into a directory, which is made; the answer is the path of the page. Raises :class:`OSError`."""
    place.mkdir(parents=True, exist_ok=True)
    write_atomically(place / JSON, json.dumps(telling.told(found), indent=1) + "\n")
    write_atomically(place / CSV, telling.table(found))
    write_atomically(place / MARKDOWN, telling.markdown(found))
    write_atomically(place / PAGE, page.render(found, place.resolve()))
    return place / PAGE
