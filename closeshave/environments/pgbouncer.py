"""Finds PgBouncer: on the PATH, else in the distribution's own package, unpacked for this user. There is no Python package of it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from closeshave.environments import cache
from closeshave.environments.commands import CommandFailed, run
from closeshave.environments.errors import EnvironmentFailed

PACKAGE = "pgbouncer"
PROGRAM = Path("usr/sbin/pgbouncer")
DOWNLOAD_S_MAX = 60.0
INSTEAD = "install PgBouncer (package pgbouncer) so that it is on the PATH, or leave out 'pooler' of the environment file"
_LIBRARIES = re.compile(r"\b(libc-ares\S*|libevent-2\S*)")
"""The packages with shared libraries that other programs hardly ever need; the rest is there wherever PostgreSQL's client is."""


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """The program of a pooler."""

    program: Path
    version: str
    libraries: tuple[Path, ...] = ()
    """Directories of shared libraries that were unpacked with it."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words that start it."""
        there = ":".join(map(str, self.libraries))
        return ("env", f"LD_LIBRARY_PATH={there}", str(self.program)) if there else (str(self.program),)


def find(say: Callable[[str], None]) -> PgBouncer:
    """PgBouncer on this machine. Raises :class:`EnvironmentFailed`, which says what to do instead."""
    # Distributions put it where only root looks.
    if found := shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin"):
        return _checked(PgBouncer(Path(found), ""))
    home = cache.directory() / "debian-pgbouncer"
    with cache.locked("debian-pgbouncer"):
        if not (home / PROGRAM).exists():
            _unpack(home, say)
    libraries = tuple(sorted({library.parent for library in home.glob("usr/lib/**/*.so*")}))
    return _checked(PgBouncer(home / PROGRAM, "", libraries))


def _unpack(home: Path, say: Callable[[str], None]) -> None:
    """Download the distribution's packages and unpack them; nothing is installed, so nobody needs to be root. Raises :class:`EnvironmentFailed`."""
    tools = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if tools:
        raise EnvironmentFailed(f"there is no PgBouncer on the PATH, and without {' and '.join(tools)} none can be unpacked: {INSTEAD}")
    say("downloading the distribution's package of PgBouncer (once for this user)")
    scratch = Path(tempfile.mkdtemp(prefix="debian-pgbouncer-", dir=home.parent))
    try:
        run(["apt-get", "download", PACKAGE], timeout_s=DOWNLOAD_S_MAX, cwd=scratch)
        needed = run(["dpkg-deb", "--field", str(next(scratch.glob("*.deb"))), "Depends"], timeout_s=20)
        if libraries := _LIBRARIES.findall(needed):
            run(["apt-get", "download", *(name.rstrip(",") for name in libraries)], timeout_s=DOWNLOAD_S_MAX, cwd=scratch)
        for package in scratch.glob("*.deb"):
            run(["dpkg-deb", "--extract", str(package), str(scratch / "root")], timeout_s=60)
        # A user that may read less than root starts it.
        for path in (scratch / "root", *(scratch / "root").rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044), follow_symlinks=True)
        shutil.rmtree(home, ignore_errors=True)
        (scratch / "root").rename(home)
    except (CommandFailed, OSError, StopIteration) as error:
        raise EnvironmentFailed(f"there is no PgBouncer on the PATH, and its package cannot be had ({error}): {INSTEAD}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _checked(found: PgBouncer) -> PgBouncer:
    """With its version. Raises :class:`EnvironmentFailed` if it cannot be run."""
    try:
        said = run([*found.words, "--version"], timeout_s=20)
    except CommandFailed as error:
        raise EnvironmentFailed(f"PgBouncer cannot be run ({error}): {INSTEAD}") from None
    match = re.search(r"PgBouncer (\d+(?:\.\d+)+)", said, re.IGNORECASE)
    return PgBouncer(found.program, match[1] if match else said.split("\n", 1)[0][:40], found.libraries)
