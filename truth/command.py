"""Calls the command as an operator of a remote platform would, with a separate state directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 540.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    said: str
    runs: Path

    @property
    def run(self) -> Path:
        """Its only run directory."""
        (found,) = self.runs.iterdir()
        return found

    def summary(self) -> dict[str, Any]:
        """The summary of its only run."""
        told: dict[str, Any] = json.loads((self.run / "summary.json").read_text())
        return told

    def verdicts(self) -> dict[str, dict[str, Any]]:
        """Every verdict of its only run by its ID."""
        return {verdict["id"]: verdict for verdict in self.summary()["verdicts"]}


def call(directory: Path, *arguments: object, **environ: str) -> Ended:
    """Run ``closeshave`` with these arguments and variables; runs are expected below ``directory/runs``."""
    state = {"XDG_STATE_HOME": str(directory / "state"), "XDG_CONFIG_HOME": str(directory / "config"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "closeshave", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **state, **environ})
    try:
        said, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    return Ended(process.returncode, said, directory / "runs")
