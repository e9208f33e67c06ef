"""How many processors may be used: affinity and quotas of control groups, whichever permits the least."""

import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.control import processors

V2 = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n31 23 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
INSIDE = "30 23 0:26 /docker/4f /sys/fs/cgroup ro - cgroup2 cgroup ro\n"
HERE = "/sys/fs/cgroup"


def system(mounts: str, groups: str, **files: str) -> processors.Read:
    """A machine with these files; ``__`` in a name means a directory separator."""
    told = {"/proc/self/mountinfo": mounts, "/proc/self/cgroup": groups}
    told |= {f"{HERE}/{name.replace('__', '/')}": text for name, text in files.items()}
    return told.get


CASES = [
    ("nothing is told", system("", ""), 4, 4.0),
    ("affinity to one", system(V2, "0::/a\n", **{"a__cpu.max": "150000 100000\n"}), 1, 1.0),
    ("a quota of version 2", system(V2, "0::/a\n", **{"a__cpu.max": "150000 100000\n"}), 4, 1.5),
    ("no quota", system(V2, "0::/a\n", **{"a__cpu.max": "max 100000\n"}), 4, 4.0),
    (
        "the group above has the smaller one",
        system(V2, "0::/a/b\n", **{"a__cpu.max": "50000 100000", "a__b__cpu.max": "90000 100000"}),
        4,
        0.5,
    ),
    ("a container that sees its own group as the root", system(V2, "0::/\n", **{"cpu.max": "200000 100000\n"}), 4, 2.0),
    ("a container that is told its place outside", system(INSIDE, "0::/docker/4f\n", **{"cpu.max": "25000 100000\n"}), 4, 0.25),
    ("a container whose place is another's", system(INSIDE, "0::/../x\n", **{"cpu.max": "25000 100000\n"}), 4, 0.25),
    (
        "version 1",
        system(
            V1,
            "4:cpu,cpuacct:/a\n0::/\n",
            **{"cpu,cpuacct__a__cpu.cfs_quota_us": "50000\n", "cpu,cpuacct__a__cpu.cfs_period_us": "100000\n"},
        ),
        4,
        0.5,
    ),
    (
        "version 1, no quota",
        system(V1, "4:cpu,cpuacct:/a\n", **{"cpu,cpuacct__a__cpu.cfs_quota_us": "-1\n", "cpu,cpuacct__a__cpu.cfs_period_us": "100000\n"}),
        4,
        4.0,
    ),
    ("what is no number limits nothing", system(V2, "0::/a\n", **{"a__cpu.max": "many 100000\n"}), 4, 4.0),
    ("a quota of nothing is none", system(V2, "0::/a\n", **{"a__cpu.max": "0 100000\n"}), 4, 4.0),
]


@pytest.mark.parametrize(("read", "affinity", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_smallest_limit_counts(read: processors.Read, affinity: int, expected: float) -> None:
    """Of affinity, of the process's own control group, and of each one above it."""
    assert processors.available(read, affinity) == expected


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="Linux alone has control groups")
def test_a_process_that_is_bound_to_one_processor_may_use_one() -> None:
    """Read from the real system, in a process of its own."""
    asked = "import os\nfrom closeshave.control import processors\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nprint(processors.available())"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) <= 1.0
