"""Locust files of the benchmarks, and how to start them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks import programs
from benchmarks.target import GENERATOR_CORE

_ROOT = Path(__file__).parent.parent.parent


def locust_command(name: str, url: str, *options: str) -> list[str]:
    """The command line that runs ``generators/name.py`` without a web UI."""
    return [
        programs.locust(), "-f", str(Path(__file__).with_name(f"{name}.py")), "--headless", "--only-summary", "--host", url,
        "--loglevel", "WARNING", "--exit-code-on-error", "0", *options,
    ]  # fmt: skip


def environ(**values: object) -> dict[str, str]:
    """Variables for a generator, which must find this package."""
    return {"PYTHONPATH": str(_ROOT)} | {f"BENCH_{name.upper()}": str(value) for name, value in values.items()}


def run_locust(name: str, url: str, log: Path, variables: Mapping[str, str], *options: str) -> None:
    """Run a generator on its core until it ends. Raises :class:`RuntimeError` with its last output when it fails."""
    code = programs.start(GENERATOR_CORE, locust_command(name, url, *options), variables, log).wait()
    if code != 0:
        raise RuntimeError(f"{name} ended with {code}: {log.read_text()[-2000:]}")
