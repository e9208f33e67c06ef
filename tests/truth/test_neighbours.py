"""Neighbours disturb, and end with the process that started them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.environments.evidence import proctable
from truth import neighbours, noisy

ROOT = Path(__file__).parents[2]


def descendants(pid: int) -> set[int]:
    """A process and all that it started."""
    found = proctable.owners(proctable.table(), {pid: "here"})
    return set(found)


@pytest.mark.parametrize("name", ["every core", "bursts on every core", "memory", "disk", "polite build"])
def test_a_neighbour_ends_with_its_parent_even_after_a_kill(name: str, tmp_path: Path) -> None:
    """After SIGKILL of the process that started it, it ends by itself, and its children too."""
    program = (
        "import sys; from pathlib import Path; from truth import neighbours\n"
        f"with neighbours.running({name!r}, 1, Path({str(tmp_path)!r})) as one:\n    print(one.pid, flush=True); one.wait()"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert starter.stdout is not None
        neighbour = int(starter.stdout.readline())
        wanted = (os.cpu_count() or 1) if name in {"every core", "bursts on every core", "polite build"} else 1
        assert processes.poll_until(lambda: _burnt(neighbour) > 0 and len(descendants(neighbour)) >= wanted, 60)
        alive = descendants(neighbour)
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    assert processes.poll_until(lambda: not alive & set(proctable.table()), 15)
    assert list(tmp_path.iterdir()) == []


def _burnt(pid: int) -> int:
    table = proctable.table()
    return sum(table[each].cpu_ticks for each in descendants(pid) if each in table)


def test_a_neighbour_ends_with_its_block(tmp_path: Path) -> None:
    """The normal end."""
    with neighbours.running("one core", 1, tmp_path) as one:
        assert processes.poll_until(lambda: _burnt(one.pid) > 0, 60)
    assert one.pid not in proctable.table()


@pytest.mark.thorough
def test_a_stopped_process_is_resumed(tmp_path: Path) -> None:
    """A sender is stopped for seconds, and continues although the neighbour was killed meanwhile."""
    sender = subprocess.Popen(["sleep", "120"])
    (tmp_path / "generators").mkdir()
    (tmp_path / "generators" / "customers.ready").write_text(str(sender.pid))
    try:
        with neighbours.running("stops senders", 5, tmp_path):
            assert processes.poll_until(lambda: proctable.table()[sender.pid].stopped, 60, 0.05)
        assert processes.poll_until(lambda: not proctable.table()[sender.pid].stopped, neighbours.STOPS_S[1] + 15, 0.1)
    finally:
        sender.kill()
        sender.wait()


def test_every_neighbour_takes_its_turn_and_every_case_has_one() -> None:
    """Ten runs of each plan are more than there are neighbours."""
    work = noisy.cases()
    clean = [case for case in work.values() if case.defect is None]
    assert len(clean) == len(noisy.PLANS) * noisy.RUNS_OF_A_PLAN
    for plan in noisy.PLANS:
        assert {case.neighbour for case in clean if case.plan == plan} == set(neighbours.NEIGHBOURS)
    assert {case.defect.defect for case in work.values() if case.defect} == {*noisy.TIMELESS, *noisy.SLOW}
