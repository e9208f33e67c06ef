"""The files of one process of a load machine as the run has them: fetched as they are, then with the run's own clock in the place where records are read.

Nothing of what another machine sends is a path: the names are those of the run's own processes (:mod:`closeshave.traffic.runfiles`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from closeshave.files import foreign
from closeshave.history import Source
from closeshave.loadgen.records import Rows
from closeshave.loadgen.rows import DTYPE, HEADER, MAGIC, OUTCOMES, ROW, TEXT_FIELDS
from closeshave.traffic import arrivalstold, learning, raised
from closeshave.traffic.runfiles import FIRST_NUMBER, worker

ROWS, TEXTS, EFFECTS, COUNTERS = ".rows", ".texts", ".effects.jsonl", ".counters.json"
GROWING = (ROWS, TEXTS, EFFECTS)
"""Are only added to. Texts and effects are always written before the rows that need them, so rows are fetched first."""
SUFFIXES = (*GROWING, COUNTERS, learning.SUFFIX, raised.SUFFIX, arrivalstold.SUFFIX)
LOG = "traffic-customers.log"
"""What Locust says on the load machine; the beginning of it is fetched."""
SMALL_BYTES_MAX = 1 << 22
"""Of a file that is replaced as a whole."""
_BLOCK_ROWS = 200_000
ToOurs = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]]
"""What must be subtracted from instants of the other machine's clock."""


class UnusableRecords(ValueError):
    """What was fetched is no records that a sender writes. The message is a clause without a subject."""


class ProcessFiles:
    """The files of the process with this index."""

    def __init__(self, index: int, fetched: Path, spool: Path) -> None:
        """``fetched`` and ``spool`` are directories: of what came, and of what is read."""
        self.name, self._number = worker("customers", index), FIRST_NUMBER["customers"] + index
        self._fetched, self._spool = fetched, spool
        self._settling = f"{self.name}.settling"
        self._shown = dict.fromkeys(GROWING, 0)
        """How much of each file has been put in the place where records are read while the load runs."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files that it may have."""
        return tuple(f"{self.name}{suffix}" for suffix in SUFFIXES)

    def path(self, name: str) -> Path:
        """Where a fetched file is; ``name`` is one of :attr:`names`."""
        assert name in self.names
        return self._fetched / name

    def size(self, name: str) -> int:
        """How much of a file has been fetched, in bytes."""
        path = self.path(name)
        return path.stat().st_size if path.is_file() else 0

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Keep a part of a file. Raises :class:`OSError`."""
        path = self.path(name)
        with path.open("r+b" if path.is_file() else "w+b") as file:
            file.seek(offset)
            file.write(data)

    def cut(self, name: str, size: int) -> None:
        """Nothing follows the first ``size`` bytes. Raises :class:`OSError`."""
        with self.path(name).open("ab") as file:
            file.truncate(size)

    def show(self, offsets_ns: ToOurs) -> None:
        """Put what is new where the records of a running load are read. Raises :class:`OSError` and :class:`UnusableRecords`."""
        rows_end = self.size(f"{self.name}{ROWS}")
        if rows_end < HEADER.size:
            return
        for suffix in (TEXTS, EFFECTS):
            self._add(suffix, self._read(suffix, self._shown[suffix], self.size(f"{self.name}{suffix}")))
        if not self._shown[ROWS]:
            self._add(ROWS, self._header())
        whole = rows_end - (rows_end - HEADER.size) % ROW.size
        data = self._read(ROWS, self._shown[ROWS], whole)
        self._add(ROWS, shifted(np.frombuffer(data, DTYPE), offsets_ns).tobytes())
        self._copy_small()

    def settle(self, offsets_ns: ToOurs) -> None:
        """Put all of it there again, now that the clock is known best. Raises :class:`OSError` and :class:`UnusableRecords`."""
        texts = self.path(f"{self.name}{TEXTS}").read_bytes().count(b"\n") if self.size(f"{self.name}{TEXTS}") else 0
        header, end = self._header(), self.size(f"{self.name}{ROWS}")
        target = self._spool / f"{self.name}{ROWS}"
        scratch = self._spool / self._settling
        with scratch.open("wb") as file:
            file.write(header)
            at = len(header)
            while at < end:
                data = self._read(ROWS, at, min(end, at + _BLOCK_ROWS * ROW.size))
                # A worker that was killed may have left a part of a row: whoever reads the file counts it as torn.
                rest = data[len(data) - len(data) % ROW.size :]
                rows = np.frombuffer(data[: len(data) - len(rest)], DTYPE)
                _refuse_nonsense(rows, texts)
                file.write(shifted(rows, offsets_ns).tobytes() + rest)
                at += len(data)
        for suffix in (TEXTS, EFFECTS):
            source = self.path(f"{self.name}{suffix}")
            if source.is_file():
                shutil.copyfile(source, self._spool / source.name)
            else:
                (self._spool / source.name).touch()
        scratch.replace(target)
        self._copy_small()

    def rows(self) -> Rows:
        """The rows as they came, with the other machine's clock; none when there is no such file."""
        end = self.size(f"{self.name}{ROWS}")
        count = max(0, end - HEADER.size) // ROW.size
        return np.memmap(self.path(f"{self.name}{ROWS}"), DTYPE, "r", HEADER.size, (count,)) if count else np.empty(0, DTYPE)

    def withdraw(self) -> None:
        """Nothing of it is read: it was never complete, or is nonsense. Raises :class:`OSError`."""
        for name in (*self.names, self._settling):
            (self._spool / name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what was fetched: it is where records are read. Raises :class:`OSError`."""
        for name in self.names:
            self.path(name).unlink(missing_ok=True)

    def _header(self) -> bytes:
        header = self._read(ROWS, 0, HEADER.size)
        magic, number, row_bytes, source = HEADER.unpack(header) if len(header) == HEADER.size else (b"", -1, 0, b"")
        if magic != MAGIC or row_bytes != ROW.size:
            raise UnusableRecords("holds no records of this version")
        if number != self._number or source.rstrip(b"\0") != Source.CUSTOMERS.value.encode():
            raise UnusableRecords("holds the records of another process")
        return header

    def _copy_small(self) -> None:
        for suffix, reads in _SMALL.items():
            source = self.path(f"{self.name}{suffix}")
            if source.is_file() and source.stat().st_size <= SMALL_BYTES_MAX and reads(source):
                shutil.copyfile(source, target := self._spool / f".{source.name}.copied")
                target.replace(self._spool / source.name)

    def _read(self, suffix: str, start: int, end: int) -> bytes:
        path = self.path(f"{self.name}{suffix}")
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            file.seek(start)
            return file.read(max(0, end - start))

    def _add(self, suffix: str, data: bytes) -> None:
        with (self._spool / f"{self.name}{suffix}").open("ab") as file:
            file.write(data)
        self._shown[suffix] += len(data)


def shifted(rows: Rows, offsets_ns: ToOurs) -> Rows:
    """The rows with the instants of our clock. The three of a row are moved together, so that no duration changes."""
    found = rows.copy()
    if len(rows):
        offset_ns = offsets_ns(rows["ended_ns"])
        for name in ("intended_ns", "started_ns", "ended_ns"):
            found[name] -= offset_ns
    return found


def _refuse_nonsense(rows: Rows, texts: int) -> None:
    if not len(rows):
        return
    if rows["outcome"].max() >= len(OUTCOMES) or max(int(rows[name].max()) for name in TEXT_FIELDS) > texts:
        raise UnusableRecords("holds rows that no sender writes")
    if (rows["ended_ns"] < rows["started_ns"]).any():
        raise UnusableRecords("holds requests that ended before they began")


def _is_json(path: Path) -> bool:
    try:
        return isinstance(foreign.loads(path.read_bytes()), dict)
    except ValueError:
        return False


_SMALL: dict[str, Callable[[Path], bool]] = {
    COUNTERS: _is_json,
    learning.SUFFIX: learning.readable,
    raised.SUFFIX: raised.readable,
    arrivalstold.SUFFIX: _is_json,
}
"""Files that are replaced as a whole, and whether one is what it should be: another one is left out."""
