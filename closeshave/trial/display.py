"""The progress of a trial on the terminal: one line for each milestone, and a bar for the remaining time.

Text from a platform or a file is never read as markup. Nothing here raises: a line that cannot be shown (the terminal is gone, its pipe is closed,
its disk is full) must not stop a trial or its clean-up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from closeshave.files.plaintext import clean

_WHATEVER = (Exception, SystemExit)
"""Rich ends the process when it meets a broken pipe; that and any other error is suppressed here. An operator's signal passes."""


class Display:
    """Milestones with the seconds since the start; on a terminal a progress bar below them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()

    def say(self, text: str, heading: str = "", style: str = "") -> None:
        """Show one milestone; ``heading`` is printed before it, in ``style``."""
        with suppress(*_WHATEVER):
            line = Text(f"{time.monotonic() - self._began:6.1f} s", style="dim").append("  ", style="not dim")
            if heading:
                line.append(clean(heading), style=f"not dim {style}").append(": ", style="not dim")
            self.console.print(line.append(clean(text), style="not dim"), highlight=False)

    @contextmanager
    def bar(self, total_s: float) -> Iterator[Bar]:
        """A bar over ``total_s`` seconds; it shows nothing if the output is not a terminal."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
            TimeRemainingColumn(),
        )
        progress = Progress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True)
        task = progress.add_task("starting", total=total_s)
        with suppress(*_WHATEVER):
            progress.start()
        try:
            yield Bar(progress, task)
        finally:
            with suppress(*_WHATEVER):
                progress.stop()


class Bar:
    """The bar of a running trial."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, elapsed_s: float, what: str) -> None:
        """Move to ``elapsed_s`` seconds and show what is going on."""
        with suppress(*_WHATEVER):
            self._progress.update(self._task, completed=elapsed_s, description=clean(what))
