"""Where things are inside the images of this project: the programs' names are those that other images have them by on their PATH."""

from __future__ import annotations

from pathlib import Path

POSTGRES = Path("/opt/closeshave/postgres/bin")
"""The directory of PostgreSQL's programs, in the image of the database."""
PYTHON = "python3"
"""In the images of the platform, of the database (with Patroni) and of Valkey (with nothing but the standard library)."""
PACKAGES = Path("/opt/closeshave/packages")
"""Python packages, this one too; ``PYTHONPATH`` leads there."""
VALKEY = Path("valkey-server")
HAPROXY = Path("haproxy")
ETCD = Path("etcd")
TOXIPROXY = Path("toxiproxy-server")
