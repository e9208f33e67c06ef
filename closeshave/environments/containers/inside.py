"""Paths inside the images of this project. Programs have the names that they have on the PATH of other images."""

from __future__ import annotations

from pathlib import Path

POSTGRES = Path("/opt/closeshave/postgres/bin")
"""The directory of PostgreSQL's programs, in the image of the database."""
PYTHON = "python3"
"""Python in the images of the platform, of the database (with Patroni) and of Valkey (with the standard library only)."""
PACKAGES = Path("/opt/closeshave/packages")
"""The directory of Python packages, including this one; ``PYTHONPATH`` names it."""
VALKEY = Path("valkey-server")
HAPROXY = Path("haproxy")
ETCD = Path("etcd")
TOXIPROXY = Path("toxiproxy-server")
PGBOUNCER = Path("pgbouncer")
