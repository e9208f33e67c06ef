"""The Python of this very process as files of an image: the interpreter, its standard library, and the packages that given modules need."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import Distribution, packages_distributions
from pathlib import Path, PurePosixPath

import closeshave
from closeshave.environments import cache
from closeshave.environments.containers.inside import PACKAGES, PYTHON
from closeshave.environments.containers.tree import BYTE_CODE, Tree

UNUSED = ("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data")
OWN = closeshave.__name__
IMPORTED_WITHIN_S = 120.0
STATIC = f"config-{sys.version_info.major}.{sys.version_info.minor}"
"""Directories of the standard library that begin with this are only needed to build Python itself."""
OPTIMIZED = re.compile(r"\.opt-[12]\.pyc$")
IMPORT = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""


def add_interpreter(tree: Tree) -> None:
    """Add the interpreter with its standard library, under its path on this machine; ``python3`` on the PATH is a link to it."""
    program = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    statics = [path.name for path in library.iterdir() if path.name.startswith(STATIC)]
    tree.put(PurePosixPath(program), program)
    tree.put_all(PurePosixPath(library), library, without=(*UNUSED, *statics))
    for path in [path for path in tree.files if OPTIMIZED.search(path)]:
        del tree.files[path]
    tree.links[f"usr/bin/{PYTHON}"] = str(program)


def _last_line(output: bytes | None) -> str:
    lines = (output or b"").decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def add_packages(tree: Tree, modules: Iterable[str]) -> None:
    """Add this package, and every installed one that is loaded when these modules are imported. Raises :class:`RuntimeError` if they cannot be imported.

    They are imported now, in a new process. This also writes their byte code, which otherwise every start of a container would compile again.
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPYCACHEPREFIX": str(_kept())
    }
    command = [sys.executable, "-c", IMPORT, *modules]
    try:
        done = subprocess.run(command, capture_output=True, timeout=IMPORTED_WITHIN_S, check=False, env=environ)
    except subprocess.TimeoutExpired as error:
        told = f"they said last: {_last_line(error.stderr) or 'nothing'}"
        raise RuntimeError(f"{', '.join(modules)} were not imported within {IMPORTED_WITHIN_S:g} s; {told}") from None
    if done.returncode != 0:
        raise RuntimeError(f"{', '.join(modules)} cannot be imported: {_last_line(done.stderr)}")
    imported: dict[str, str | None] = json.loads(done.stdout)
    known = packages_distributions()
    for name in sorted({name for module in imported for name in known.get(module.partition(".")[0], ()) if name != OWN}):
        add_distribution(tree, Distribution.from_name(name))
    _add_own(tree, [Path(file) for module, file in imported.items() if module.partition(".")[0] == OWN and file])


def _add_own(tree: Tree, modules: Iterable[Path]) -> None:
    """Add these modules of this package, and its files that are not modules. The other modules change often and are not needed."""
    home = Path(closeshave.__file__).parent
    data = {file for module in modules for file in module.parent.iterdir() if file.is_file() and file.suffix not in {".py", BYTE_CODE}}
    for file in sorted({*modules, *data}):
        _put(tree, PurePosixPath(OWN, file.relative_to(home)), file)


def add_distribution(tree: Tree, distribution: Distribution, *, without: Iterable[str] = ()) -> None:
    """Add all files of an installed package except its commands, with their byte code."""
    skipped = set(without)
    for file in _files(distribution):
        if ".." in file.parts or file.suffix == BYTE_CODE or skipped & set(file.parts):
            continue
        _put(tree, file, Path(str(distribution.locate_file(file))))


def _files(distribution: Distribution) -> Iterable[PurePosixPath]:
    """All files of a package, relative to the directory in which packages are installed."""
    # Left by a pip that found no wheel to make of the sources (Debian's does so in a new environment). Paths in it count from the directory
    # of the package's own metadata, whatever that is called.
    listed = distribution.read_text("installed-files.txt")
    if listed is not None:
        return [PurePosixPath(os.path.normpath(f"metadata/{line}")) for line in listed.splitlines()]
    return distribution.files or ()


def _put(tree: Tree, file: PurePosixPath, source: Path) -> None:
    for path, found in ((file, source), _byte_code(file, source)):
        if found.is_file():
            tree.put(PurePosixPath(PACKAGES / path), found)


def _byte_code(file: PurePosixPath, source: Path) -> tuple[PurePosixPath, Path]:
    """Its path in the image, and its path on this machine."""
    if file.suffix != ".py":
        return file, source
    name = f"{file.stem}.{sys.implementation.cache_tag}.pyc"
    return file.parent / "__pycache__" / name, _kept() / source.parent.relative_to("/") / name


def _kept() -> Path:
    """The directory for the byte code of images: not beside the sources, where this user may not be allowed to write."""
    return cache.directory() / "bytecode"
