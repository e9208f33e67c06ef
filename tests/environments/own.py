"""Environment files for an application of one's own, in one region, with the text of its section ``application``."""

from __future__ import annotations

from pathlib import Path

HEAD = """\
kind: embedded
name: shop
regions: [here]
shards:
  - {id: 1, first: 1, last: 1, home: here, standby: here}
tiers:
  - {name: cache, tier: cache, primary: here, replica: here, serves: [here]}
etcd: [here]
sentinels: [here]
apps_per_region: 2
"""
PLAIN = """\
application:
  command: [python3, server.py]
  variables: {DATABASE_URL: "{database_url}", CACHE_URL: "{cache_url}", PORT: "{port}"}
"""


def write(directory: Path, application: str = PLAIN, head: str = HEAD) -> Path:
    """The file, beside a program ``server.py``."""
    (directory / "server.py").touch()
    path = directory / "shop.yaml"
    path.write_text(head + application)
    return path
