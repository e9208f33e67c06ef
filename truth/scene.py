"""A running trial for code that damages it: its run directory, its processes, its phases."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from closeshave import history
from closeshave.clock import now_ns
from closeshave.control.processes import find, poll_until
from closeshave.deployment import Deployment
from closeshave.files import read_lines

_HOG = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nos.nice(-20) if os.getuid() == 0 else None\nwhile True: pass"


@dataclass(slots=True)
class Scene:
    """Information for code that damages a trial. Everything is read when it is needed, from files and the process table."""

    run: Path
    deployment: Deployment
    ended: threading.Event = field(default_factory=threading.Event)

    def over(self) -> bool:
        """Whether the trial has ended."""
        return self.ended.is_set()

    def sleep_until_phase(self, name: str, seconds: float) -> None:
        """Wait until so many seconds after the start of a phase, or until the trial has ended."""
        poll_until(lambda: self.over() or self._since(name) >= seconds, 600, 0.02)

    def workers(self, kind: str) -> list[int]:
        """IDs of the generator's processes that send for ``kind``."""
        return [int(file.read_text()) for file in sorted((self.run / "generators").glob(f"{kind}*.ready"))]

    def processes_of(self, role: str, region: str) -> list[int]:
        """IDs of the environment's processes of this role in this region."""
        found = (find(Path(self.deployment.root), each) for each in self.deployment.processes if (each.role, each.region) == (role, region))
        return [identity.pid for identity in found if identity]

    def saw(self, edge: str) -> bool:
        """Whether the timeline has this edge of a fault."""
        lines = read_lines(self.run / history.TIMELINE)
        return any(line["type"] == "fault" and line["edge"] == edge for line in lines)

    def drill_ended(self) -> bool:
        """Whether a drill of the trial has ended; what it changed may still be put back."""
        return any(line["type"] == "drill-end" for line in read_lines(self.run / history.TIMELINE))

    def drill_did(self, step: str) -> bool:
        """Whether a drill of the trial has done this step."""
        return any(line["type"] == "drill-step" and line["step"] == step for line in read_lines(self.run / history.TIMELINE))

    def hog(self, core: int) -> subprocess.Popen[bytes]:
        """Start a process that uses one processor completely."""
        process = subprocess.Popen([sys.executable, "-c", _HOG, str(core)], start_new_session=True)
        # Processors are shared out among sessions first (sched(7)).
        with contextlib.suppress(OSError):
            Path(f"/proc/{process.pid}/autogroup").write_text("-20")
        return process

    def _since(self, name: str) -> float:
        with contextlib.suppress(FileNotFoundError):
            for phase in history.load_manifest(self.run).phases:
                if phase.name == name:
                    return (now_ns() - phase.started_ns) / 1e9
        return float("-inf")


@contextlib.contextmanager
def damaged(runs: Path, act: Callable[[Scene], None]) -> Iterator[Callable[[Deployment], None]]:
    """A context manager whose value a trial calls before its load: it starts the damage in a thread. Raises what the damage raised."""
    ended, trouble = threading.Event(), list[BaseException]()
    threads = []

    def begin(deployment: Deployment) -> None:
        run = max((path.parent for path in runs.glob(f"*/{history.MANIFEST}")), key=lambda path: path.stat().st_ctime)
        scene = Scene(run, deployment, ended)

        def carry_out() -> None:
            try:
                act(scene)
            except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits for this one
                trouble.append(error)

        threads.append(threading.Thread(target=carry_out, name="damage"))
        threads[-1].start()

    try:
        yield begin
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    if trouble:
        raise trouble[0]
