"""The command, as whoever loads a platform elsewhere calls it, with a state of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    said: str
    runs: Path

    @property
    def run(self):
        """Its only run directory."""
        (found,) = self.runs.iterdir()
        return found

    def verdicts(self):
        """Every verdict by its ID."""
        return {verdict["id"]: verdict for verdict in json.loads((self.run / "summary.json").read_text())["verdicts"]}


def call(directory, *arguments, **environ):
    """Run ``closeshave`` with these arguments and variables; runs are expected below ``directory/runs``."""
    state = {"XDG_STATE_HOME": str(directory / "state"), "XDG_CONFIG_HOME": str(directory / "config"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "closeshave", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **state, **environ})
    try:
        said, _ = process.communicate(timeout=540)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    return Ended(process.returncode, said, directory / "runs")
