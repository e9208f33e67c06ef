"""Finds plans, targets and environment files by name: in the working directory, in the checkout, or in the wheel."""

from __future__ import annotations

from pathlib import Path

from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem

PACKAGE = Path(__file__).parents[1]
SHIPPED = PACKAGE / "shipped"
"""The top-level folders, as a wheel carries them; absent in a checkout."""


def locate(folder: str, name: str, suffix: str = ".yaml") -> Path:
    """The file that a user means by ``name``: the given path, else a file below ``./folder``, the checkout's folder, or the wheel's.

    A name without a suffix gets ``suffix``. Raises :class:`InvalidFile` with a list of the available files.
    """
    given = Path(name)
    candidates = [given] if given.suffix else []
    bases = _bases(folder)
    stem = given if given.suffix else given.with_suffix(suffix)
    candidates += [base / stem for base in bases]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    there = available(folder, suffix)
    raise InvalidFile(
        Problem(name, 0, "", f"no such file in {folder}/{meant(given.stem, there)}; available: {', '.join(there) or 'nothing'}")
    )


def available(folder: str, suffix: str = ".yaml") -> list[str]:
    """The names of the files with this suffix that :func:`locate` finds in ``folder``, sorted."""
    return sorted({path.stem for base in _bases(folder) for path in base.glob(f"*{suffix}")})


def _bases(folder: str) -> tuple[Path, ...]:
    return (Path(folder), PACKAGE.parent / folder, SHIPPED / folder)
