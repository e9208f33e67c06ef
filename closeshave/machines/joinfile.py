"""The join file: everything that a machine needs to take part in one run, and that nobody else may have. Mode 0600."""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from closeshave.files import jsonfile, write_atomically
from closeshave.machines.credentials import machine_context
from closeshave.machines.sums import Digest

FILE = "join.json"


class JoinRefused(ValueError):
    """A join file that cannot be used. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class JoinFile:
    """What is in it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    format: Literal[1]
    run: str
    version: str
    plan: Digest
    """SHA-256 of the plan file."""
    seed: Annotated[int, Field(ge=0)]
    authority: str
    """PEM."""
    certificate: str
    """The load machines' certificate and key (PEM)."""
    token: str

    def save(self, path: Path) -> None:
        """Write it, readable by this user alone. Raises :class:`OSError`."""
        write_atomically(path, _CODEC.dump_json(self, indent=1), 0o600)

    def context(self) -> ssl.SSLContext:
        """TLS to this run alone. Raises :class:`JoinRefused`."""
        try:
            return machine_context(self.authority, self.certificate.encode())
        except (ssl.SSLError, ValueError) as error:
            raise JoinRefused(f"its certificates cannot be used: {error}; copy the join file again") from None


_CODEC: TypeAdapter[JoinFile] = TypeAdapter(JoinFile)


def read(path: Path) -> JoinFile:
    """Raises :class:`JoinRefused`, also when other users may read the file, and :class:`OSError`."""
    if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise JoinRefused(f"every user of this machine may read it: chmod 600 {path}")
    try:
        return jsonfile.read(path, _CODEC)
    except jsonfile.Damaged as error:
        raise JoinRefused(f"it is no join file of this version: {error}") from None
