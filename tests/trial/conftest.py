"""Whole trials, as a user starts them: the command in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from closeshave.control import processes
from closeshave.environments import registry

PLAN = """
name: short
environment: embedded
target: bookedbarber-smoke
seed: 7
limits: {duration: 2m, requests: 60000}
traffic: {think_time_scale: 0.3, contests_per_s: 3}
phases:
  - {name: warm-up, role: warm-up, duration: 4s, sessions_per_s: 8}
  - {name: calm, role: calm, duration: 14s, sessions_per_s: 10}
  - {name: broken, role: fault, duration: 28s, sessions_per_s: 10}
faults:
  - id: primary-killed
    kind: shard.primary-killed
    phase: broken
    at: 4s
    hold: 14s
    expected: recovers
    scope: {shard: 1}
    parameters: {PARAMETERS}
"""


def plan_text(parameters="{}"):
    """A trial of three quarters of a minute with one fault."""
    return PLAN.replace("{PARAMETERS}", parameters)


@dataclass
class Running:
    """A trial that was started by the command and may be disturbed."""

    process: subprocess.Popen[bytes]
    runs: Path
    roots_before: set[Path]

    def run(self):
        """Its run directory, ``None`` before it exists."""
        return next(iter(self.runs.glob("*")), None) if self.runs.exists() else None

    def root(self):
        """The root of the environment that it owns, ``None`` before there is one."""
        return next(iter(set(registry.running()) - self.roots_before), None)

    def timeline(self):
        """The lines of its timeline so far."""
        path = self.run() / "timeline.jsonl" if self.run() else None
        return [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []

    def summary(self):
        """Its ``summary.json``."""
        return json.loads((self.run() / "summary.json").read_text())

    def wait_for(self, what, timeout_s=120):
        """Poll until ``what`` is true of the timeline's text."""
        assert processes.poll_until(lambda: what in json.dumps(self.timeline()) or self.process.poll() is not None, timeout_s, 0.05)
        assert self.process.poll() is None, "the trial ended before that"


def janitor_ended(run):
    """Whether the run's janitor has done all that it had to; true also where it was not even started."""
    record = run / "janitor.json"
    return not record.exists() or not processes.Identity(**json.loads(record.read_text())).alive


def started_by_this_test():
    """Every live process that carries the mark of a run or of an environment."""
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
        except (psutil.Error, OSError):
            continue
        if processes.MARK in variables or "CLOSESHAVE_RUN_ID" in variables:
            found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
    return found


def left_by(place):
    """Live processes of the trials below this directory: whatever else runs on the machine is not among them."""
    ids = {run.name for run in (place / "runs").glob("*")}
    ids |= {json.loads(path.read_text())["id"] for path in (place / "runs").glob("*/deployment.json")}
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
        except (psutil.Error, OSError):
            continue
        if ids & {variables.get(processes.MARK), variables.get("CLOSESHAVE_RUN_ID")}:
            found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
    return found


def begin(place, text, *options):
    """Start ``closeshave run`` on a plan's text, its files below ``place``."""
    plan = place / "short.yaml"
    plan.write_text(text)
    before = set(registry.running())
    command = [sys.executable, "-m", "closeshave", "run", str(plan), "--runs", str(place / "runs"), *options]
    with (place / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=dict(os.environ))
    return Running(process, place / "runs", before)


@pytest.fixture
def trial(tmp_path):
    """Start ``closeshave run`` on a plan's text; whatever happens, nothing of it stays."""
    assert started_by_this_test() == [], "something else is running; this test could not tell it from its own"
    begun = []

    def start(text):
        running = begin(tmp_path, text)
        begun.append(running.process)
        return running

    yield start
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    assert processes.poll_until(lambda: started_by_this_test() == [], 20), started_by_this_test()
