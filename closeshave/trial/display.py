"""What a person sees while a trial runs: a line for each thing that happens, and how the load is doing.

On a terminal a table below these lines shows the state; anywhere else (a pipe, the log of a CI job) it is one line every ten seconds, and no silence
is longer than that. Text is data: what a platform or a file says is never read as markup. Nothing here raises: a line that cannot be shown (the
terminal is gone, its pipe is closed, its disk is full) is no reason to stop a trial, and less so to leave a clean-up undone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from closeshave.files.plaintext import clean
from closeshave.trial import board
from closeshave.trial.board import State

_WHATEVER = (Exception, SystemExit)
"""Rich ends the process when it meets a broken pipe; that and any other error is suppressed here. An operator's signal passes."""
EVERY_S = 10.0
"""Between two lines about the state, where there is no terminal."""
REFRESH_S = 0.5
"""Between two pictures of the table on a terminal."""


class Display:
    """What happens, with the seconds since the start; and the state."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._doing, self._doing_since = "", self._began
        self._state: State | None = None
        self._told_at = self._began
        """When something was shown for the last time, and while the load runs, when its state was."""
        self._live: Live | None = None
        self.steps: list[tuple[str, float]] = []
        """What went on, each with its beginning (``time.monotonic``, seconds)."""

    def say(self, text: str, heading: str = "", style: str = "") -> None:
        """One line; ``heading`` stands before it, in ``style``."""
        with suppress(*_WHATEVER):
            line = Text(f"{time.monotonic() - self._began:6.1f} s", style="dim").append("  ", style="not dim")
            if heading:
                line.append(clean(heading), style=f"not dim {style}").append(": ", style="not dim")
            # Whole where programs read it; on a terminal broken between words.
            self.console.print(line.append(clean(text), style="not dim"), highlight=False, soft_wrap=not self.console.is_terminal)
            if self._state is None:
                self._told_at = time.monotonic()

    def doing(self, what: str) -> None:
        """From now on this is going on, and the load is not: what is shown while nothing else is."""
        self._doing, self._doing_since, self._state = what, time.monotonic(), None
        self.steps.append((what, self._doing_since))

    def show(self, state: State) -> None:
        """The load is in this state now."""
        self._state = state

    @contextmanager
    def live(self) -> Iterator[None]:
        """While the block runs, what goes on is shown."""
        over = threading.Event()
        thread = threading.Thread(target=self._go_on, args=(over,), name="display", daemon=True)
        with suppress(*_WHATEVER):
            if self.console.is_interactive and not self.console.quiet:
                self._live = Live(
                    get_renderable=self._picture, console=self.console, auto_refresh=False, transient=True, redirect_stdout=False,
                    redirect_stderr=False,
                )  # fmt: skip
                self._live.start()
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with suppress(*_WHATEVER):
                if self._live is not None:
                    self._live.stop()
            self._live = None

    def _go_on(self, over: threading.Event) -> None:
        while not over.wait(REFRESH_S):
            with suppress(*_WHATEVER):
                if self._live is not None:
                    self._live.refresh()
                elif time.monotonic() - self._told_at >= EVERY_S:
                    self._tell()

    def _tell(self) -> None:
        """One line about what goes on."""
        state, doing, now = self._state, self._doing, time.monotonic()
        self._told_at = now
        if state is not None:
            self.say(board.line(state))
        elif doing:
            self.say(f"still {doing}, for {now - self._doing_since:.0f} s")

    def _picture(self) -> RenderableType:
        """What stands below the lines on a terminal."""
        state, doing, now = self._state, self._doing, time.monotonic()
        if state is not None:
            return board.table(state, self.console.height)
        return Text(f"{clean(doing)}, {now - self._doing_since:.0f} s" if doing else "", style="dim", no_wrap=True, overflow="ellipsis")
