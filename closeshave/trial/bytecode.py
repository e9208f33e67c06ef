"""Compiles the byte code of all modules that the harness's processes import, before a load begins, so that none of them compiles during it.

Usually installers write it (except ``pip install --no-compile``), or Python itself if it may write beside the sources. If neither did, it is stored
in the user's cache directory, and every process that the harness starts finds it by ``PYTHONPYCACHEPREFIX``.
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
"""Packages that only processes started by the harness import. If their byte code is missing, that of the others is missing too."""
IMPORTED = (
    "locust.main", "closeshave.traffic.openmodel", "closeshave.traffic.journeys", "closeshave.faults.forking", "closeshave.faults.watch",
    "closeshave.environments.warm", "closeshave.standin.app", "closeshave.standin.payments", "patroni.__main__", "patroni.api", "patroni.ha",
    "patroni.postgresql", "patroni.dcs.etcd3",
)  # fmt: skip
"""The modules of these processes, and modules that they load while they run; Locust first, because it patches modules that others import."""

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
    """Compile what is missing; takes a few milliseconds if nothing is. ``say`` is called before it takes longer. Never raises: missing byte code only
    costs time.

    ``home`` is compiled completely; ``packages`` by importing ``imported`` once in a new process.
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
            # Forced: there, a file of the same second counts as new.
            compileall.compile_file(source, force=True, quiet=2)
    if any(source in missing for source in others):
        say("compiling the byte code of Python packages (once)")
        _import(imported)


def _sources(packages: Iterable[str]) -> Iterator[Path]:
    for name in packages:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            yield Path(spec.origin)


def _kept(source: Path) -> bool:
    """Whether its byte code is where Python looks for it, and belongs to this source."""
    try:
        with Path(cache_from_source(str(source))).open("rb") as file:
            magic, flags, time_s, size = _HEADER.unpack(file.read(_HEADER.size))
        now = source.stat()
    except (OSError, struct.error):
        return False
    # Some distributions identify the source by its hash instead; Python handles that.
    return magic == MAGIC_NUMBER and (flags != 0 or (time_s, size) == (int(now.st_mtime) & 0xFFFFFFFF, now.st_size & 0xFFFFFFFF))


def _writable(source: Path) -> bool:
    """Whether Python would write byte code beside it."""
    there = source.parent / "__pycache__"
    return os.access(there, os.W_OK) and there.is_dir() if there.exists() else os.access(source.parent, os.W_OK)


def _import(modules: Sequence[str]) -> None:
    """Import modules, because Python writes the byte code only of imported modules."""
    environ = {name: value for name, value in variables.for_parts().items() if name != _NO_WRITING}
    command = [sys.executable, "-c", _IMPORT, *modules]
    nowhere = subprocess.DEVNULL
    try:
        subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environ, timeout=_WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
