"""A file system of a test's own, in a mount namespace that ends with its command: small, so that it can be full."""

from __future__ import annotations

import os
import subprocess

import pytest

NAMESPACE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--mount")
ENTER = ("nsenter", "--mount") if os.geteuid() == 0 else ("nsenter", "--user", "--preserve-credentials", "--mount")
"""The same namespace as the process whose ID follows ``--target``."""


def needed() -> None:
    """Skip the test where mounting is not permitted."""
    tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.decode(errors='replace').strip()}")
