"""What the exit codes mean, for ``--help``: as the codes themselves say."""

from __future__ import annotations

from closeshave.files.described import meanings
from closeshave.vocabulary import Exit

ALWAYS = (Exit.PASS, Exit.USAGE, Exit.BROKEN, Exit.INTERRUPTED)
"""Of every command."""


def told(*more: Exit) -> str:
    """The codes that a command ends with: :data:`ALWAYS` and ``more``. One line each, as the end of its help."""
    meant = meanings(Exit)
    lines = [f"  {code.value:>3}  {meant[code.name].replace('`', '')}" for code in sorted({*ALWAYS, *more})]
    return "\n".join(["Exit codes:", *lines])
