"""What a person sees while a trial runs: one line a milestone, and a bar for the time that is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Display:
    """Milestones with the seconds since the start; on a terminal a progress bar below them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One milestone."""
        self.console.print(f"[dim]{time.monotonic() - self._began:6.1f} s[/]  {text}", highlight=False)

    @contextmanager
    def bar(self, total_s: float) -> Iterator[Bar]:
        """A bar over ``total_s`` seconds; silent where the output is no terminal."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True) as progress:
            yield Bar(progress, total_s)


class Bar:
    """The bar of a running trial."""

    def __init__(self, progress: Progress, total_s: float) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=total_s)

    def show(self, elapsed_s: float, what: str) -> None:
        """Move to ``elapsed_s`` seconds and say what is going on."""
        self._progress.update(self._task, completed=elapsed_s, description=what)
