"""What the exit codes mean, for ``--help``: as the codes themselves say."""

from __future__ import annotations

import textwrap

from closeshave.files.described import meanings
from closeshave.vocabulary import Exit

ALWAYS = (Exit.PASS, Exit.USAGE, Exit.BROKEN, Exit.INTERRUPTED)
"""Of every command."""
AS_IT_STANDS = "\b"
"""Before a paragraph whose lines Typer must not join."""
WIDTH = 76
"""Of a small terminal, less what the help is indented by."""


def told(*more: Exit) -> str:
    """The codes that a command ends with: :data:`ALWAYS` and ``more``. Lines of the end of its help, each begins with its code."""
    meant = meanings(Exit)
    lines = [
        textwrap.fill(meant[code.name].replace("`", ""), WIDTH, initial_indent=f"  {code.value:>3}  ", subsequent_indent=" " * 7)
        for code in sorted({*ALWAYS, *more})
    ]
    return "\n".join([AS_IT_STANDS, "Exit codes:", *lines])
