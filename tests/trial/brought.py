"""The example of an application, carried out as its owner would: a copy of its directory, and the command."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "application"
MEASURED, IN_WORDS = "measured", "(measured in our environment)"
SLOW = ("--rate-scale", "0.5")
"""A rate at which a busy machine sends load too: what is found in bookings does not depend on it."""
WITHIN_S = 840


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    code: int
    said: str
    summary: dict[str, Any]

    def status(self, verdict: str) -> str | None:
        """Of a verdict; ``None`` where there is none."""
        return next((one["status"] for one in self.summary["verdicts"] if one["id"] == verdict), None)

    def witnesses(self, verdict: str) -> list[Any]:
        """Of a verdict."""
        return next(one["witnesses"] for one in self.summary["verdicts"] if one["id"] == verdict)

    @property
    def failed(self) -> list[str]:
        """The verdicts that failed."""
        return [one["id"] for one in self.summary["verdicts"] if one["status"] == "fail"]


def copied(place: Path) -> Path:
    """A copy of the example's directory; returns the one with its plans."""
    return Path(shutil.copytree(EXAMPLE, place / "application", ignore=shutil.ignore_patterns("__pycache__"))) / "resilience"


def planted(directory: Path, defect: str, environment: str = "environment.yaml") -> str:
    """The name of an environment file with one more variable."""
    document = YAML(typ="safe").load(directory / environment)
    document["application"]["variables"]["PLANTED"] = defect
    with (directory / f"{defect}.yaml").open("w") as file:
        YAML(typ="safe").dump(document, file)
    return f"{defect}.yaml"


def carry_out(directory: Path, runs: Path, plan: str, *options: str) -> Ended:
    """Carry a plan out in a directory."""
    command = [sys.executable, "-m", "closeshave", "run", plan, "--runs", str(runs), *options]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            said, _ = process.communicate(timeout=WITHIN_S)
        except BaseException:
            process.send_signal(signal.SIGINT)
            process.wait(90)
            raise
    found = sorted(runs.glob("*/summary.json"))
    assert found, said
    return Ended(process.returncode, said, json.loads(found[-1].read_text()))
