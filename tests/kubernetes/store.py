"""A real S3-compatible store (versitygw) over a directory, with one bucket."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kubernetes.controlplane import free_port, until
from tests.kubernetes.programs import STORE, lacking

KEY, SECRET = "closeshave", "a-secret-of-a-test"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running store with one bucket, ``reports``."""

    environ: Mapping[str, str]
    """The variables by which it is found, and by which one logs in."""
    objects: Path
    process: subprocess.Popen[bytes]


@contextmanager
def serving(directory: Path) -> Iterator[Gateway]:
    """While the block lasts. Skips with the reason where there is none."""
    pytest.importorskip("boto3", reason="closeshave[s3] is not installed")
    if said := lacking(STORE):
        pytest.skip(said)
    objects, port = directory / "store", free_port()
    (objects / "reports").mkdir(parents=True)
    with (directory / "store.log").open("wb") as log:
        process = subprocess.Popen(
            [str(STORE.binary), "--access", KEY, "--secret", SECRET, "--port", f"127.0.0.1:{port}", "posix", str(objects)],
            stdout=log,
            stderr=log,
        )
    try:
        until("the store", lambda: process.poll() is not None or _listens(port), 30)
        assert process.poll() is None, (directory / "store.log").read_text()
        found = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        yield Gateway(found, objects, process)
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def held(gateway: Gateway, below: str) -> dict[str, bytes]:
    """What the store has, by its own files."""
    at = gateway.objects / "reports" / below
    return {path.relative_to(at).as_posix(): path.read_bytes() for path in at.rglob("*") if path.is_file()}
