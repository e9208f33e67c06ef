"""A share of the processors for all processes of an application together, in one control group: the size of a scaling."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from closeshave.capacity.quotas import PERIOD_US, PREFIX, REMOVED_WITHIN_S, ROOT, NoQuota, place_of_groups
from closeshave.control import processes
from closeshave.deployment import Deployment

APPLICATION = "app"
"""The role of a process of the application."""


@dataclass(slots=True)
class ApplicationQuota:
    """One group for all processes of the application, in all regions: what they get together is the size of a scaling."""

    group: Path
    second: bool
    """Whether it is of version 2."""

    def limit(self, cores: float) -> None:
        """Change the quota. Raises :class:`NoQuota`."""
        quota = round(cores * PERIOD_US)
        try:
            if self.second:
                (self.group / "cpu.max").write_text(f"{quota} {PERIOD_US}", encoding="ascii")
            else:
                (self.group / "cpu.cfs_period_us").write_text(str(PERIOD_US), encoding="ascii")
                (self.group / "cpu.cfs_quota_us").write_text(str(quota), encoding="ascii")
        except OSError as error:
            raise NoQuota(f"{self.group} cannot limit processors: {error.strerror}") from None

    def hold(self, deployment: Deployment) -> None:
        """Move every process of the application into it. Raises :class:`NoQuota`."""
        root = Path(deployment.root)
        apps = [process for process in deployment.processes if process.role == APPLICATION]
        roots = [identity for process in apps if (identity := processes.find(root, process)) is not None]
        for identity in processes.with_descendants(roots):
            # A process that has just ended needs no quota.
            with contextlib.suppress(ProcessLookupError):
                try:
                    (self.group / "cgroup.procs").write_text(str(identity.pid), encoding="ascii")
                except ProcessLookupError:
                    raise
                except OSError as error:
                    raise NoQuota(f"{self.group}: process {identity.pid} cannot be moved into it: {error.strerror}") from None


@contextlib.contextmanager
def application(environment_id: str, root: Path = ROOT) -> Iterator[ApplicationQuota]:
    """A group for the application of an environment; at the end its processes are moved out of it, and it is removed. Raises :class:`NoQuota`."""
    place, second = place_of_groups(root)
    group = place / f"{PREFIX}{environment_id[:16]}-application"
    try:
        group.mkdir(exist_ok=True)
    except OSError as error:
        raise NoQuota(f"{group} cannot be made: {error.strerror}") from None
    try:
        yield ApplicationQuota(group, second)
    finally:
        _emptied(group, place)


def _emptied(group: Path, place: Path) -> None:
    """Never raises: what is left of a group limits nobody but the processes of an environment that ends."""
    deadline = time.monotonic() + REMOVED_WITHIN_S
    while group.is_dir() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for pid in (group / "cgroup.procs").read_text(encoding="ascii").split():
                with contextlib.suppress(OSError):
                    (place / "cgroup.procs").write_text(pid, encoding="ascii")
            group.rmdir()
        time.sleep(0.05)
