"""The standard streams of a command: what cannot be shown never raises, and never decides an exit code.

A pipe that is closed (``… | head``), a full disk, a closed descriptor, a locale that has no such letter: the work goes on, the code stays what it
would have been. What was lost is noted, for whoever's only product it was.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from contextlib import suppress

PIECE_BYTES = 4096
"""A pipe that says it can be written to takes this much without waiting (PIPE_BUF)."""


PLAIN = {
    ord(letter): plain
    for letters, plain in (
        ("\N{HEAVY CHECK MARK}", "+"), ("\N{HEAVY BALLOT X}\N{MULTIPLICATION SIGN}", "x"), ("\N{MIDDLE DOT}", "."),
        ("\N{HORIZONTAL ELLIPSIS}", "~"), ("\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}", "-"), ("\N{RIGHTWARDS ARROW}", ">"),
        ("\N{LEFTWARDS ARROW}\N{BLACK LEFT-POINTING TRIANGLE}", "<"), ("\N{GREATER-THAN OR EQUAL TO}", ">="), ("\N{LESS-THAN OR EQUAL TO}", "<="),
        ("\N{HIGH VOLTAGE SIGN}\N{BLACK FLAG}", "!"), ("\N{BLACK SQUARE}", "#"), ("\N{MICRO SIGN}", "u"), ("\N{RIGHT SINGLE QUOTATION MARK}", "'"),
    )
    for letter in letters
}  # fmt: skip
"""What stands for a letter of ours where the locale has none; of as many columns, save where that would be read wrongly."""
ERRORS = "closeshave.plain"


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """Handler of encoding errors: another letter, or a question mark."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(PLAIN.get(ord(letter), "?") for letter in error.object[error.start : error.end]), error.end


codecs.register_error(ERRORS, _plainly)


class SteadyFile(io.FileIO):
    """A stream that accepts everything. After the first failed write, what follows is discarded."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.lost: OSError | None = None
        """Why something that was written is lost."""
        self.patience_ms: int | None = None
        """How long a write waits for its reader; ``None``: without limit, as for a person with a pager."""

    def write(self, data: object) -> int:
        """Take ``data``; never fewer bytes than there are."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]  # FileIO's own type of a buffer has no public name
        done = 0
        while self.lost is None and done < len(view):
            try:
                if not self._writable():
                    raise TimeoutError(errno.ETIMEDOUT, "the program that should read the output does not")
                done += super().write(view[done : done + PIECE_BYTES]) or 0
            except OSError as error:
                self._lose(error)
        return len(view)

    def _writable(self) -> bool:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        return bool(poll.poll(self.patience_ms))

    def _lose(self, error: OSError) -> None:
        self.lost = error
        # For other writers to this descriptor: child processes, and Python itself at exit.
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def steady() -> None:
    """Make this process's standard streams such that writing to them never raises."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None or stream.fileno() != number:
            # Closed before we were started.
            setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(_nowhere()), encoding="utf-8", errors=ERRORS))
            continue
        with suppress(OSError, ValueError):
            stream.flush()
        wrapped = io.TextIOWrapper(
            io.BufferedWriter(SteadyFile(number)),
            encoding=stream.encoding,
            errors=ERRORS,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, wrapped)


SHOWN_WITHIN_S = 5.0
"""How long a trial waits for a terminal or pipe that accepts no output; after that it goes on without showing anything."""


def hurry(seconds: float = SHOWN_WITHIN_S) -> None:
    """From now on a stream without a reader blocks this process no longer than that: it has faults to heal."""
    for stream in (sys.stdout, sys.stderr):
        if (file := _raw(stream)) is not None:
            file.patience_ms = int(seconds * 1000)


def lost() -> OSError | None:
    """Why a part of the standard output is lost although its reader may still need it; ``None`` when nothing is lost, or the reader has ended."""
    sys.stdout.flush()
    file = _raw(sys.stdout)
    error = file.lost if file is not None else None
    return error if error is not None and error.errno != errno.EPIPE else None


def _raw(stream: object) -> SteadyFile | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, SteadyFile) else None


def _nowhere() -> io.FileIO:
    return io.FileIO(os.open(os.devnull, os.O_WRONLY), "w")
