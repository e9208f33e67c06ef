"""Whether the environment still exists: if all parts end at once, its machine or container engine was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment

FEW = 0.25
"""The share of parts below which the environment seems to end: no fault leaves so few.

A stopping engine ends most parts at once and gives slow ones ten seconds.
"""
GOING_S_MAX = 15.0


@dataclass(slots=True)
class Liveness:
    """Which of an environment's parts run, checked regularly, because it is not known when a part has ended."""

    deployment: Deployment
    whole_ns: int
    """When all parts were last seen running: later answers may come from a platform that was being removed."""
    running: int = 0
    """Parts that were running at the last check."""

    def gone(self, at_ns: int) -> str:
        """Why there is nothing left to judge, as a sentence; empty while a part runs, or if no part runs on this machine anyway.

        No fault ends every part at once, including the edges and the payment provider.
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
        """Whether the whole environment seems to be ending: then the trial waits before it decides anything."""
        return self.running < FEW * len(self.deployment.processes) and at_ns - self.whole_ns < GOING_S_MAX * 1e9
