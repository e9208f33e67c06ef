"""Compiles the hot modules of the load engine: into wheels, where there is a C compiler, and by ``make compiled`` beside the sources of a checkout.

The reasons and the gain: docs/decisions/0015-compiled-hot-modules.md.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCES = Path("closeshave", "loadgen")
GROUP = "closeshave.loadgen.engine_hot"
"""Name of the library that holds all of them, which is found like a module of the package."""
NEEDED = ("mypy==2.4.1", "setuptools>=80,<81")
"""Packages that are needed to compile, besides the compiler; the same as in pyproject.toml."""
PLAIN = "the load engine stays plain Python, which takes more processor time for each request: this machine lacks {}"
UNAVAILABLE = 69
"""Exit code for "not available" (sysexits.h)."""
WITHOUT_TYPES = ("--config-file=", "--no-site-packages", "--ignore-missing-imports", "--follow-imports=silent")
"""Options of mypy: other packages are not installed where a wheel is built, so their types are never used."""


class CompiledEngine(BuildHookInterface[BuilderConfig]):
    """Hatch's build hook. Without a compiler, or when compiling fails, the wheel is plain Python, with a warning."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Packages to install before the build."""
        return [] if lacking() else list(NEEDED)

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the compiled modules. For an editable install use ``make compiled`` instead, so that installing stays quick."""
        if version != "standard":
            return
        if what := lacking():
            self.app.display_warning(PLAIN.format(what))
            return
        # Kept until the wheel is written, and then removed with this hook.
        self._into = tempfile.TemporaryDirectory(prefix="closeshave-compiled-")
        into = Path(self._into.name)
        done = subprocess.run([sys.executable, __file__, str(into)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.app.display_warning(f"the load engine stays plain Python, compiling it failed:\n{(done.stdout + done.stderr)[-2000:]}")
            return
        build_data["force_include"] |= {str(file): str(SOURCES / "_compiled" / file.name) for file in sorted(into.iterdir())}
        build_data["pure_python"], build_data["infer_tag"] = False, True


def compile_into(directory: Path) -> None:
    """Write the compiled modules and the hashes of their sources to ``directory``. Exits with a message if this fails."""
    import mypyc  # noqa: PLC0415 - not there where nothing is compiled
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    compiled = _decision()
    os.chdir(ROOT)
    directory = directory.absolute()
    with tempfile.TemporaryDirectory() as scratch:
        sources = [str(SOURCES / f"{module}.py") for module in compiled.MODULES]
        extensions = mypycify([*WITHOUT_TYPES, *sources], group_name=GROUP, target_dir=scratch, opt_level="3", debug_level="0")
        for extension in extensions:
            extension.extra_compile_args.append("-Wno-error")  # a compiler that is newer than mypyc knows more warnings
            # Nothing of the directories that this build happened to use may be in the library: two builds are to be equal.
            elsewhere = (scratch, str(Path(mypyc.__file__).parent), str(ROOT))
            extension.extra_compile_args += ["-g0", *(f"-ffile-prefix-map={path}=." for path in elsewhere)]
        command = build_ext(Distribution({"ext_modules": extensions}))
        command.build_lib, command.build_temp = f"{scratch}/lib", f"{scratch}/temp"
        command.ensure_finalized()
        command.run()
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(Path(scratch, "lib", SOURCES), directory)
    (directory / compiled.SEAL).write_text(json.dumps(compiled.seal(ROOT / SOURCES), indent=1))


def lacking() -> str:
    """What this machine lacks to compile; empty if nothing."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"a C compiler ({compiler})"
    headers = Path(sysconfig.get_path("include"))
    return "" if (headers / "Python.h").exists() else f"Python's headers ({headers})"


def _decision() -> Any:
    """``closeshave.loadgen.compiled``, from the sources beside this file and not from an installed package."""
    spec = importlib.util.spec_from_file_location("compiled", ROOT / SOURCES / "compiled.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Compile, unless it was done for these sources; returns :data:`UNAVAILABLE` if it is not possible."""
    if what := lacking():
        sys.stderr.write(f"{PLAIN.format(what)}\n")
        return UNAVAILABLE
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / SOURCES / "_compiled"
    if _decision().why_plain(into) is not None:
        compile_into(into)
    return 0


if __name__ == "__main__":
    sys.exit(main())
