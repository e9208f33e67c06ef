"""A database that is being prepared uses no shared memory in /dev/shm: a kill would leave it there."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from closeshave.environments import parts, template
from closeshave.topology import Shard

pytestmark = pytest.mark.servers


def test_a_preparation_has_nothing_in_dev_shm(tmp_path: Path) -> None:
    """Neither initdb's servers nor the one that is filled; all memory lies in the directory, which is removed with its environment."""
    found = parts.resolve("wheel", print, toxiproxy=False, etcd_killed=False)
    assert found.postgres is not None
    shard = Shard(1, 1, 10, "us-east-1", "us-west-2")
    recipe = template.TemplateRecipe(shard, None, found.postgres, found.postgres_version, found.nobody, str(tmp_path / "only"))
    order = tmp_path / "order.json"
    order.write_bytes(template.CODEC.dump_json(recipe))
    servers, files = set[int](), set[str]()
    with subprocess.Popen(template.command(order)) as building:
        while building.poll() is None:
            for process in psutil.Process(building.pid).children(recursive=True):
                with suppress(OSError, psutil.Error):
                    if process.name() == "postgres":
                        servers.add(process.pid)
                        files.update(word for word in Path(f"/proc/{process.pid}/maps").read_text().split() if word.startswith("/dev/shm/"))
    assert building.returncode == 0
    assert len(servers) > 2  # of initdb, and of the server that it is filled with
    assert files == set()
