"""Deficiencies that people write down after a game day, each a line of a file in its run directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from closeshave.comparison.retests import Deficiency
from closeshave.files import append_line, read_lines
from closeshave.files.jsonfile import Damaged
from closeshave.files.plaintext import clean
from closeshave.vocabulary import GAME_DAY

FILE = "deficiencies.jsonl"
LONGEST, MOST = 500, 1000
_CODEC = TypeAdapter(Deficiency)


def of(run: Path) -> tuple[Deficiency, ...]:
    """Those of one run. Raises :class:`closeshave.files.jsonfile.Damaged`, which is a :class:`ValueError`, and :class:`OSError`."""
    path = run / GAME_DAY / FILE
    try:
        return tuple(_CODEC.validate_python(line) for line in read_lines(path))
    except ValidationError as error:
        raise Damaged(f"{path} is damaged: {error.error_count()} values are wrong") from None
    except ValueError as error:
        raise Damaged(f"{path} is damaged: {error}") from None


def below(runs: Path) -> tuple[Deficiency, ...]:
    """Those of all runs in a directory. Raises as :func:`of` does."""
    return tuple(each for path in sorted(runs.glob(f"*/{GAME_DAY}/{FILE}")) for each in of(path.parent.parent))


def add(run: Path, what: str, owner: str, due: date, retest: str, now: datetime, finding: str = "") -> Deficiency:
    """Write one down. Raises :class:`ValueError` for text that is empty or too long, :class:`OSError`."""
    before = of(run)
    for name, text in (("what", what), ("owner", owner), ("retest", retest)):
        if not text.strip() or len(text) > LONGEST:
            raise ValueError(f"{name} is text of 1 to {LONGEST} characters")
    if len(before) >= MOST:
        raise ValueError(f"there are {MOST} already")
    made = Deficiency(f"D{len(before) + 1}", run.name, _line(what), _line(owner), due, retest, now.isoformat(timespec="seconds"), finding)
    append_line(run / GAME_DAY / FILE, asdict(made), durable=True)
    return made


def unrecorded(findings: Iterable[str], known: Iterable[Deficiency]) -> list[str]:
    """The IDs of verdicts that failed and of which no deficiency has been written down."""
    recorded = {each.finding for each in known}
    return [each for each in findings if each not in recorded]


def _line(text: str) -> str:
    return " ".join(clean(text).split())
