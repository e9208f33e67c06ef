"""Byte code of what the harness's processes import: made before a load begins, so that none of them compiles beside it.

Installers make it, unless they are told not to (``pip install --no-compile``), and Python itself where it may write beside the sources. Where neither was
the case it is kept in the user's cache directory, and every process that the harness starts is told so by ``PYTHONPYCACHEPREFIX``.
"""

from __future__ import annotations

import compileall
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import MAGIC_NUMBER, cache_from_source, find_spec
from pathlib import Path

from closeshave.control import variables
from closeshave.environments import cache

HOME = Path(__file__).parents[1]
PACKAGES = ("locust", "gevent", "chaoslib", "fastapi", "asyncpg", "patroni")
"""What only processes that the harness starts import. Whether the byte code of the rest is kept shows by theirs."""
IMPORTED = (
    "locust.main", "closeshave.traffic.openmodel", "closeshave.traffic.journeys", "closeshave.faults.forking", "closeshave.faults.watch",
    "closeshave.environments.warm", "closeshave.standin.app", "closeshave.standin.payments", "patroni.__main__", "patroni.api", "patroni.ha",
    "patroni.postgresql", "patroni.dcs.etcd3",
)  # fmt: skip
"""What these processes are, and what they load while they run; Locust first, since it patches what others import."""

_PREFIX, _NO_WRITING = "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"
_WITHIN_S = 120.0
_HEADER = struct.Struct("<4sIII")
"""Magic number, flags, and the source's time and size (PEP 552)."""
_IMPORT = """
import contextlib, importlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(Exception):
        importlib.import_module(name)
"""


def make(say: Callable[[str], None], *, home: Path = HOME, packages: Sequence[str] = PACKAGES, imported: Sequence[str] = IMPORTED) -> None:
    """Make what is missing of it; a few milliseconds where nothing is. ``say`` is told before it takes longer. Never raises for want of it: it only
    costs time.

    ``home`` is compiled whole; ``packages`` by importing ``imported``, once, in a process of its own.
    """
    own, others = sorted(home.rglob("*.py")), list(_sources(packages))
    missing = [source for source in (*own, *others) if not _kept(source)]
    if missing and sys.pycache_prefix is None and (sys.dont_write_bytecode or not all(map(_writable, missing))):
        try:
            sys.pycache_prefix = os.environ[_PREFIX] = str(cache.directory() / "bytecode")
        except OSError:
            return
        missing = [source for source in (*own, *others) if not _kept(source)]
    for source in missing:
        if source.is_relative_to(home):
            # Forced: what is of the same second counts as new there.
            compileall.compile_file(source, force=True, quiet=2)
    if any(source in missing for source in others):
        say("the byte code of Python's packages is made, once")
        _import(imported)


def _sources(packages: Iterable[str]) -> Iterator[Path]:
    for name in packages:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            yield Path(spec.origin)


def _kept(source: Path) -> bool:
    """Whether its byte code is where Python looks for it, and of this source."""
    try:
        with Path(cache_from_source(str(source))).open("rb") as file:
            magic, flags, time_s, size = _HEADER.unpack(file.read(_HEADER.size))
        now = source.stat()
    except (OSError, struct.error):
        return False
    # Some distributions tell the source by its hash instead; Python sees to that.
    return magic == MAGIC_NUMBER and (flags != 0 or (time_s, size) == (int(now.st_mtime) & 0xFFFFFFFF, now.st_size & 0xFFFFFFFF))


def _writable(source: Path) -> bool:
    """Whether Python would leave byte code beside it."""
    there = source.parent / "__pycache__"
    return os.access(there, os.W_OK) and there.is_dir() if there.exists() else os.access(source.parent, os.W_OK)


def _import(modules: Sequence[str]) -> None:
    """Python writes the byte code of what it imports, and of nothing else."""
    environ = {name: value for name, value in variables.for_parts().items() if name != _NO_WRITING}
    command = [sys.executable, "-c", _IMPORT, *modules]
    nowhere = subprocess.DEVNULL
    try:
        subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environ, timeout=_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
