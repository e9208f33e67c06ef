"""Judged runs on a disk, with the conditions under which they were made: of a real run, with some figures changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "recorded/failover-pass"
CONDITIONS: dict[str, Any] = {
    "environment": {
        "name": "embedded",
        "kind": "embedded",
        "topology": {"regions": ["a", "b"], "shards": [1, 2]},
        "processes": 38,
        "versions": {"postgres": "18.5", "patroni": "4.1.5"},
    },
    "packages": {"asyncpg": "0.32.0"},
    "machine": {
        "cpu_model": "AMD EPYC",
        "cpu_available": 2.0,
        "memory_bytes": 25_276_510_208,
        "architecture": "x86_64",
        "kernel": "6.18.44",
    },
    "container": {"limits": {}},
    "git": {"sha": "a" * 40},
    "load_engine": "plain Python: nothing was compiled",
    "startup_s": 5.5,
}


def kept(
    place: Path,
    name: str,
    *,
    whole: bool = False,
    machine: dict[str, Any] | None = None,
    versions: dict[str, str] | None = None,
    **run: Any,
) -> Path:
    """A run directory. ``whole`` keeps its requests too."""
    directory = place / name
    if whole:
        shutil.copytree(RECORDED, directory)
    else:
        directory.mkdir(parents=True)
        shutil.copyfile(RECORDED / "summary.json", directory / "summary.json")
    told = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    digests = {"plan_digest": "b" * 64, "target_digest": "c" * 64, "environment_digest": "d" * 64}
    told["run"] |= {"id": name, "host": "a machine", **digests, **run}
    change(directory, told)
    conditions = json.loads(json.dumps(CONDITIONS))
    conditions["machine"] |= machine or {}
    conditions["environment"]["versions"] |= versions or {}
    (directory / "environment.json").write_text(json.dumps(conditions), encoding="utf-8")
    return directory


def summary(run: Path) -> dict[str, Any]:
    """Its summary, to be changed."""
    told: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return told


def change(run: Path, told: dict[str, Any]) -> None:
    """Write its summary back."""
    (run / "summary.json").write_text(json.dumps(told), encoding="utf-8")
