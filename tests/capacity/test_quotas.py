"""Quotas of regions, in a tree of files that looks like that of control groups."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from closeshave.capacity import quotas
from closeshave.capacity.quotas import NoQuota, RegionQuotas


def first(root):
    """Control groups of version 1."""
    (root / "cpu").mkdir(parents=True)
    (root / "cpu" / "tasks").write_text("")
    return root


def second(root):
    """Of version 2, with the controller of processors."""
    root.mkdir(exist_ok=True)
    (root / "cgroup.controllers").write_text("cpu memory")
    (root / "cgroup.subtree_control").write_text("cpu memory")
    return root


@pytest.mark.parametrize(
    ("made", "files"),
    [(first, {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"}), (second, {"cpu.max": "50000 100000"})],
    ids=["version 1", "version 2"],
)
def test_a_region_gets_its_share(tmp_path, made, files):
    """Half a core."""
    group = RegionQuotas("abc", 0.5, made(tmp_path / "cgroup"))._made("us-east-1")
    assert group.name == "closeshave-capacity-abc-us-east-1"
    assert {name: (group / name).read_text() for name in files} == files


def test_without_control_groups_the_reason_is_told(tmp_path):
    """Nothing is made."""
    assert "no control groups" in quotas.refused("embedded", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu")
    (tmp_path / "cgroup.subtree_control").write_text("memory")
    assert "no control group below" in quotas.refused("embedded", tmp_path)
    assert quotas.refused("embedded", second(tmp_path)) == ""


def test_containers_have_no_quotas_of_regions(tmp_path):
    """Their engine limits each by itself."""
    assert "kind containers" in quotas.refused("containers", second(tmp_path))


def test_a_group_that_cannot_be_made_is_an_error(tmp_path):
    """With its path."""
    root = first(tmp_path / "cgroup")
    (root / "cpu" / "closeshave-capacity-abc-here").write_text("a file is in the way")
    with pytest.raises(NoQuota, match="closeshave-capacity-abc-here"):
        RegionQuotas("abc", 0.5, root)._made("here")


@pytest.mark.servers
def test_a_process_in_a_real_group_gets_no_more_than_its_share():
    """A busy loop with a fifth of a core, where this machine lets us."""
    if why := quotas.refused("embedded"):
        pytest.skip(why)
    held = RegionQuotas(f"test{os.getpid()}", 0.2)
    busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        group = held._made("here")
        (group / "cgroup.procs").write_text(str(busy.pid))
        before = os.times()
        busy_before = _cpu_s(busy.pid)
        while os.times().elapsed - before.elapsed < 2:
            os.waitid(os.P_PID, busy.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert _cpu_s(busy.pid) - busy_before < 0.2 * 2 * 1.5
    finally:
        busy.send_signal(signal.SIGKILL)
        busy.wait()
        held.remove()
    assert not group.exists()


def _cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()  # noqa: PTH123, SIM115 - a line
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
