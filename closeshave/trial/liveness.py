"""Is the environment still there? A platform fails part by part; when all parts end at once, its machine or container engine was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment

FEW = 0.25
"""Of all parts: no fault leaves so few. An engine that stops ends most at once and gives those that take their time ten seconds."""
GOING_S_MAX = 15.0


@dataclass(slots=True)
class Liveness:
    """Which of an environment's parts run, looked up from time to time, because a part that has ended does not say when."""

    deployment: Deployment
    whole_ns: int
    """When every part was there for the last time: what was answered later may have been answered by a platform that was being taken away."""
    running: int = 0
    """Parts that were there at the last call."""

    def gone(self, at_ns: int) -> str:
        """Why there is nothing left to judge, in a sentence; empty while anything runs, or where nothing of it runs here.

        No fault ends every part at once, the edges and the payment provider too: what a dead machine answers says nothing of the platform.
        """
        parts = self.deployment.processes
        self.running = sum(processes.find(Path(self.deployment.root), process) is not None for process in parts)
        if self.running == len(parts):
            self.whole_ns = at_ns
        if self.running or not parts:
            return ""
        cause = "; has the container engine been stopped or restarted?" if self.deployment.networks else ""
        return f"every part of the environment has ended, and no fault caused that{cause}"

    def going(self, at_ns: int) -> bool:
        """Whether the whole environment seems to be ending: then the trial waits before it concludes anything."""
        return self.running < FEW * len(self.deployment.processes) and at_ns - self.whole_ns < GOING_S_MAX * 1e9
