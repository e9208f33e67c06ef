"""A fixed share of the processors for each region, so that losing one frees nothing for the others: control groups of version 1 or 2.

The processes of a region are moved into its group before each level, because those that a fault ended come back outside of it; their children stay
inside. That needs root, or a group that was delegated to this user. In containers the engine limits each container by itself, so a quota of a whole region
is not available there.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.control import processes
from closeshave.deployment import Deployment

ROOT = Path("/sys/fs/cgroup")
PREFIX = "closeshave-capacity-"
PERIOD_US = 100_000
REMOVED_WITHIN_S = 5.0
SHARED = (
    "shared processors: on one machine the regions that are left get those of a lost one, so give each region a fixed quota (--quota CORES)"
)
"""Why a state in which a region is lost is not searched without quotas."""


class NoQuota(OSError):
    """Control groups cannot be used here; the message says why."""


def refused(kind: str, root: Path = ROOT) -> str:
    """Why regions cannot have quotas; empty when they can. Nothing is changed."""
    if kind != "embedded":
        return f"quotas of regions need plain processes on this machine; the environment is of kind {kind}"
    try:
        place_of_groups(root)
    except NoQuota as error:
        return str(error)
    return ""


def place_of_groups(root: Path) -> tuple[Path, bool]:
    """The directory in which groups can be made, and whether it is of version 2. Raises :class:`NoQuota`."""
    first = root / "cpu"
    if (first / "cpu.cfs_quota_us").exists() or (first / "cpu.cfs_period_us").exists() or (first / "tasks").exists():
        if os.access(first, os.W_OK):
            return first, False
        raise NoQuota(f"this user may not make control groups in {first}: run as root, or have a group delegated")
    if (root / "cgroup.controllers").exists():
        own = root / _own().lstrip("/")
        for place in (own, root):
            with contextlib.suppress(OSError):
                if "cpu" in (place / "cgroup.subtree_control").read_text(encoding="ascii").split() and os.access(place, os.W_OK):
                    return place, True
        raise NoQuota(
            f"no control group below {root} lets this user limit processors: run as root, or have one delegated with the cpu controller"
        )
    raise NoQuota(f"there are no control groups at {root}")


def _own() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
            if line.startswith("0::"):
                return line.removeprefix("0::")
    return "/"


@dataclass(slots=True)
class RegionQuotas:
    """The groups of one environment."""

    environment_id: str
    cores: float
    """Of each region."""
    root: Path = ROOT
    _groups: dict[str, Path] = field(default_factory=dict)

    def hold(self, deployment: Deployment) -> None:
        """Move every process of each region into its group. Raises :class:`NoQuota`."""
        for region in deployment.topology.regions:
            group = self._groups.get(region) or self._made(region)
            for pid in _pids(deployment, region):
                # A process that has just ended needs no quota.
                with contextlib.suppress(ProcessLookupError):
                    try:
                        (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
                    except ProcessLookupError:
                        raise
                    except OSError as error:
                        raise NoQuota(f"{group}: process {pid} cannot be moved into it: {error.strerror}") from None

    def _made(self, region: str) -> Path:
        place, second = place_of_groups(self.root)
        group = place / f"{PREFIX}{self.environment_id[:16]}-{region}"
        try:
            group.mkdir(exist_ok=True)
            quota = round(self.cores * PERIOD_US)
            if second:
                (group / "cpu.max").write_text(f"{quota} {PERIOD_US}", encoding="ascii")
            else:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US), encoding="ascii")
                (group / "cpu.cfs_quota_us").write_text(str(quota), encoding="ascii")
        except OSError as error:
            raise NoQuota(f"{group} cannot limit processors: {error.strerror}") from None
        self._groups[region] = group
        return group

    def remove(self) -> None:
        """Remove the groups, whose processes have ended; never raises."""
        deadline = time.monotonic() + REMOVED_WITHIN_S
        for group in self._groups.values():
            while group.is_dir():
                try:
                    group.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.05)
        self._groups.clear()


def _pids(deployment: Deployment, region: str) -> Iterator[int]:
    root = Path(deployment.root)
    mine = [process for process in deployment.processes if process.region == region]
    roots = [identity for process in mine for identity in (processes.find(root, process), processes.daemon(root, process)) if identity]
    yield from (identity.pid for identity in processes.with_descendants(roots))
