"""Prepares a database with the application's own command: migrations and seeding."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.control import engine, processes, variables
from closeshave.environments import placeholders
from closeshave.environments.application import text_of
from closeshave.environments.containers import inside
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.python import HOME, Python
from closeshave.environments.stack import Stack
from closeshave.standin.settings import TOPOLOGY
from closeshave.topology import Shard, Topology

LOGGED_BYTES_MAX = 1 << 20
"""How much of the command's output is kept in its log: it may never end, and a log may lie in memory."""
LAST_BYTES = 2_000
LAST_LINES = 4
ENDS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Preparation:
    """A command that makes the tables and the data of a database, with everything that is known before the database runs."""

    command: tuple[str, ...]
    variables: Mapping[str, str]
    directory: str
    within_s: float
    values: Mapping[str, str]
    """What its placeholders stand for, besides those of one database."""
    image: str
    """The image of containers that has the command; empty: it is a program of this machine."""
    sources: str
    """A digest of the files on which its result depends; empty if it is not known on which."""


def of(definition: Stack, shard: Shard) -> Preparation | None:
    """The preparation of a shard's database; ``None`` without one. Raises :class:`EnvironmentFailed` for files that are not there."""
    own = definition.application
    if own.prepare is None:
        return None
    image = own.image or ""
    # What is inside an image has other paths than here.
    python = Python(inside.PYTHON, {}, harness=str(inside.PACKAGES)) if image else Python()
    here = Python()
    values = {
        "shard": str(shard.id),
        "barbers_per_franchise": str(definition.seed.barbers_per_franchise),
        "accounts_per_region": str(definition.seed.accounts_per_region),
        "topology": TOPOLOGY.dump_json(_concerning(definition.topology, shard)).decode(),
        "python": python.program,
        "harness": python.harness,
    }
    environ = dict(python.environ) if own.prepare.command[:1] == ("{python}",) else {}
    environ |= {name: text_of(value) for name, value in own.while_preparing().items()}
    directory = own.directory or ("" if image else str(HOME))
    sources = _digest(own.prepare.depends, directory or ".", {**values, "harness": here.harness})
    return Preparation(own.prepare.command, environ, directory, own.prepare.within, values, image, sources)


def _concerning(topology: Topology, shard: Shard) -> Topology:
    """A spare shard changes nothing for the others: their prepared databases serve with it and without it."""
    return topology if shard in topology.spares else replace(topology, spares=())


def _digest(patterns: tuple[str, ...], directory: str, values: Mapping[str, str]) -> str:
    sums = hashlib.sha256()
    for pattern in (placeholders.filled(each, values) for each in patterns):
        base = Path(pattern).anchor or directory
        relative = str(Path(pattern).relative_to(base)) if Path(pattern).anchor else pattern
        found = sorted(path for path in Path(base).glob(relative) if path.is_file())
        if not found:
            raise EnvironmentFailed(f"application.prepare.depends: no file matches {pattern} in {directory}")
        for path in found:
            sums.update(f"{path}\n".encode() + path.read_bytes())
    return sums.hexdigest()[:16] if patterns else ""


def carry_out(preparation: Preparation, shard: Shard, database_url: str) -> str | None:
    """Run the command for a running database; returns the text of the file of accounts, if it wrote one.

    Raises :class:`EnvironmentFailed` when it fails, or does not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="closeshave-") as scratch:
        accounts = Path(scratch) / "accounts.csv"
        values = {**preparation.values, "database_url": database_url, "accounts_file": str(accounts)}
        argv = placeholders.all_filled(preparation.command, values)
        environ = {name: placeholders.filled(value, values) for name, value in preparation.variables.items()}
        if preparation.image:
            # The user of the image may be another one.
            Path(scratch).chmod(0o777)
        what = f"application.prepare of shard {shard.id}: {shlex.join(preparation.command)[:120]!r}"
        if preparation.image:
            _carry_out_in_image(preparation, argv, environ, Path(scratch), what)
            return _told(accounts, what)
        try:
            # Those of this process include the mark by which clean-up finds everything of the environment.
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=preparation.directory,
                env={**variables.for_parts(), **environ},
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentFailed(f"{what} cannot be run: {error}") from None
        said = _Output(process)
        try:
            code = process.wait(preparation.within_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # Asked when it has ended: until then its output has no end to wait for.
        if code is None:
            raise EnvironmentFailed(f"{what} has not ended within {preparation.within_s:g} s; it said last: {said.last()}")
        if code:
            raise EnvironmentFailed(f"{what} ended with exit code {code}; it said last: {said.last()}")
        return _told(accounts, what)


def _told(accounts: Path, what: str) -> str | None:
    """The text of the file of accounts; ``None`` without one. Raises :class:`EnvironmentFailed`."""
    try:
        return accounts.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentFailed(f"{what} wrote an {{accounts_file}} that is no file of UTF-8 text: {error}") from None


def _carry_out_in_image(preparation: Preparation, argv: Sequence[str], environ: Mapping[str, str], scratch: Path, what: str) -> None:
    """Raises :class:`EnvironmentFailed`."""
    try:
        ended = engine.run_to_end(
            preparation.image,
            argv,
            environ,
            shared=scratch,
            directory=preparation.directory,
            within_s=preparation.within_s,
            environment=(os.environ.get(processes.MARK, ""), Path.cwd()),
        )
    except engine.EngineFailed as error:
        raise EnvironmentFailed(f"{what} cannot be run: {error}") from None
    said = _last_lines(ended.said)
    if ended.code is None:
        raise EnvironmentFailed(f"{what} has not ended within {preparation.within_s:g} s; it said last: {said}")
    if ended.code:
        raise EnvironmentFailed(f"{what} ended with exit code {ended.code}; it said last: {said}")


def _last_lines(text: str) -> str:
    """The last lines of a text, in one."""
    return " | ".join(line.strip()[:300] for line in text.strip().splitlines()[-LAST_LINES:]) or "nothing"


class _Output:
    """What a command prints: its beginning goes to this process's own output, its end is kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._end = process, b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def last(self) -> str:
        """Its last lines, in one."""
        # Children of the command that still run may keep its output open.
        self._reader.join(ENDS_WITHIN_S)
        return _last_lines(self._end.decode(errors="replace"))

    def _read(self) -> None:
        assert self._process.stdout is not None
        logged = 0
        while chunk := os.read(self._process.stdout.fileno(), 1 << 16):
            self._end = (self._end + chunk)[-LAST_BYTES:]
            if logged < LOGGED_BYTES_MAX:
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
                logged += len(chunk)
