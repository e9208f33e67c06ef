"""All that an environment in containers could leave behind on this machine."""

import subprocess
from pathlib import Path

import psutil

from closeshave.environments import ports, registry

SERVERS = {"postgres", "valkey-server", "haproxy", "etcd", "toxiproxy-server"}


def docker(*arguments):
    """What the engine's own command says, a word each."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True, timeout=60).stdout.split()


def traces():
    """What there is of it now."""
    return {
        "containers": sorted(docker("ps", "-aq")),
        # By name: the engine's own have another ID each time it starts.
        "networks": sorted(docker("network", "ls", "--format", "{{.Name}}")),
        "volumes": sorted(docker("volume", "ls", "-q")),
        "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "environments": registry.running(),
        "claims": sorted(path.name for path in ports.claims_dir().glob("*-*")),
        "servers": sorted(process.info["name"] for process in psutil.process_iter(["name"]) if process.info["name"] in SERVERS),
    }
