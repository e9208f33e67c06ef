"""Start and stop the plain platform as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

# One client, because each new one reads the authorities' certificates, which plain HTTP does not need. It keeps no connection open.
HTTP = httpx.Client(trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0))  # noqa: S501 - as above


@dataclass(frozen=True)
class Plain:
    """A running plain platform."""

    url: str
    control: str

    def operate(self, what: str) -> None:
        """Call an operator's action: ``break/database``, ``break/process``, ``mend``, ``plant/double-booking?share=0.3``."""
        HTTP.post(f"{self.control}/{what}").raise_for_status()

    def ask(self, what: str) -> Any:
        """Read an operator's view: ``state``, ``struck``, ``ledger``."""
        return HTTP.get(f"{self.control}/{what}").raise_for_status().json()


@contextmanager
def plain(*options: str) -> Iterator[Plain]:
    """Run one on free ports while the block lasts."""
    command = [sys.executable, "-m", "truth.plain.server", *options]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Plain(**json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
