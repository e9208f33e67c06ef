"""Instances of the application that have ended by themselves: an application that does not keep running is told of at once, with the end of its log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment, Process
from closeshave.environments.logs import tail

ROLES = frozenset({"app", "worker"})


@dataclass(slots=True)
class EndedByThemselves:
    """Notices them, each once, until the first fault: from then on it may be a fault that ended one, and judges see what that costs."""

    deployment: Deployment
    _told: set[str] = field(default_factory=set)
    _faulted: bool = False

    def look(self, *, faulted: bool) -> tuple[tuple[str, ...], str]:
        """A sentence for each instance that has ended since the last look, and why there is nothing left to load (empty while there is).

        ``faulted``: whether a fault is planned to be injected soon, or was.
        """
        self._faulted = self._faulted or faulted
        if self._faulted:
            return (), ""
        gone = ended(self.deployment)
        new = [process for process in gone if process.name not in self._told]
        self._told |= {process.name for process in new}
        lost = [region for region in self.deployment.topology.regions if _all(self.deployment, region, gone)]
        why = (
            f"every instance of the application in {lost[0]} has ended, and no fault caused that; {last_words(self.deployment, gone)}"
            if lost
            else ""
        )
        return tuple(f"{process.name} has ended, and no fault caused that" for process in new), why


def ended(deployment: Deployment) -> list[Process]:
    """The processes of the application that do not run."""
    root = Path(deployment.root)
    return [process for process in deployment.processes if process.role in ROLES and processes.find(root, process) is None]


def last_words(deployment: Deployment, gone: Iterable[Process]) -> str:
    """The end of the log of the first of them, as the end of a sentence; empty for none."""
    first = next(iter(gone), None)
    return "" if first is None else f"the log of {first.name} ends:\n{tail(Path(deployment.root), first.name)}"


def _all(deployment: Deployment, region: str, gone: list[Process]) -> bool:
    instances = [process for process in deployment.owned_by(region) if process.role == "app"]
    return bool(instances) and all(process in gone for process in instances)
