"""A skewed clock leaves nothing behind."""

from types import SimpleNamespace
from typing import cast

from closeshave.clock import now_ns
from closeshave.control.processes import Identity
from closeshave.faults import extra_processes
from closeshave.faults.kind import Aim
from closeshave.faults.service import clock_skewed, fleet

SKEWED, OTHER = Identity(4711, 1.0), 4712


def test_the_shared_memory_of_the_skewed_process_is_removed_and_no_other(tmp_path, monkeypatch):
    """libfaketime names it after the process; that it was running is known only before it is ended."""
    running = {SKEWED: "app"}
    monkeypatch.setattr(clock_skewed, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(extra_processes, "running", lambda _deployment, _names: dict(running))
    monkeypatch.setattr(fleet, "fleet", lambda _aim: ())

    def healed(*_):
        running.clear()
        return ("healed",)

    monkeypatch.setattr(fleet, "undo", healed)
    left = {f"faketime_shm_{SKEWED.pid}", f"sem.faketime_sem_{SKEWED.pid}"}
    kept = {f"faketime_shm_{OTHER}", f"sem.faketime_sem_{OTHER}"}
    for name in left | kept:
        (tmp_path / name).touch()
    aim = cast("Aim", SimpleNamespace(deployment=None))
    assert set(clock_skewed.undo(aim, now_ns(), print)) == {"healed", *(f"removed {name}" for name in left)}
    assert {path.name for path in tmp_path.iterdir()} == kept
