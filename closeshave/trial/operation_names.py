"""Operations that an environment file names and that the API does not have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from closeshave.deployment import Capabilities
from closeshave.files.closest import meant
from closeshave.files.yamlfile import Problem, document, line_of
from closeshave.traffic.conventions import OPERATIONS


def problems(able: Capabilities, path: Path) -> list[Problem]:
    """Steps that are switched off, and limits, of operations that there are not."""
    where = place(path)
    steps, limits = enumerate(able.steps_off), ((name, name) for name in able.limits)
    return [*_unknown(path, (*where, "steps_off"), steps), *_unknown(path, (*where, "limits"), limits)]


def place(path: Path) -> tuple[str, ...]:
    """Where an environment file states capabilities: a platform's stand by themselves, those of an application in its section."""
    return ("capabilities",) if "capabilities" in document(path) else ("application", "capabilities")


def _unknown(path: Path, where: tuple[str, ...], named: Iterable[tuple[str | int, str]]) -> list[Problem]:
    raw = document(path)
    return [
        Problem(
            str(path),
            line_of(raw, (*where, key)),
            ".".join(map(str, (*where, key))),
            f"{name!r} is not an operation{meant(name, OPERATIONS)}; available: {', '.join(sorted(OPERATIONS))}",
        )
        for key, name in named
        if name not in OPERATIONS
    ]
