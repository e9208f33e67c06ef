"""An S3-compatible object store: a finished run directory is copied there. By boto3, the extra ``closeshave[s3]``.

Credentials, region and address are found as every tool of Amazon's finds them: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_PROFILE``, the role
of a service account, and ``AWS_ENDPOINT_URL`` for another store than Amazon's.
"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECK = "closeshave-check"
"""An object that is written before a run, so that a store that takes nothing is noticed then."""
LAST = "summary.json"
"""Of the report."""
TIMEOUT_S = 20.0
ATTEMPTS = 5
"""For one request, repetitions included."""
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
EXTRA = "it needs boto3: pip install 'closeshave[s3]'"
_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[A-Za-z0-9!_.*'()/-]*))?")


class NoStore(OSError):
    """The store cannot be used. The message is one clause, without credentials."""


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where objects go."""

    bucket: str
    prefix: str = ""
    """Empty, or it ends with a slash."""

    @property
    def address(self) -> str:
        """As it is written."""
        return f"s3://{self.bucket}/{self.prefix}"


def place_of(text: str) -> StorePlace:
    """``s3://BUCKET/PREFIX``. Pure. Raises :class:`ValueError`."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not s3://BUCKET/PREFIX")
    prefix = (found["prefix"] or "").strip("/")
    return StorePlace(found["bucket"], f"{prefix}/" if prefix else "")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """One place of a store."""

    place: StorePlace
    _client: Any

    @classmethod
    def open(cls, place: StorePlace) -> ObjectStore:
        """Raises :class:`NoStore` where the extra is not installed, or the settings say nothing usable."""
        try:
            import boto3  # noqa: PLC0415 - an extra, and slow to import
            from botocore.config import Config  # noqa: PLC0415
        except ImportError:
            raise NoStore(EXTRA) from None
        # Another store than Amazon's has no name of its own for each bucket.
        style = "path" if any(os.environ.get(each) for each in ENDPOINTS) else "auto"
        settings = Config(
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": style},
        )
        with _said():
            session = boto3.session.Session()
            return cls(place, session.client("s3", region_name=session.region_name or "us-east-1", config=settings))

    def check(self) -> None:
        """Write a small object: whoever may write it may write a report. Raises :class:`NoStore`."""
        with _said():
            self._client.put_object(Bucket=self.place.bucket, Key=f"{self.place.prefix}{CHECK}", Body=b"closeshave may write here\n")

    def copy(self, run: Path) -> str:
        """Copy a run directory, with a checksum (SHA-256) of every part that the store compares; returns its address. ``summary.json`` is the last
        one: where it is, everything is. Raises :class:`NoStore`."""
        at = f"{self.place.prefix}{run.name}/"
        with _said():
            for path in _files(run):
                kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                self._client.upload_file(
                    str(path),
                    self.place.bucket,
                    at + path.relative_to(run).as_posix(),
                    ExtraArgs={"ContentType": kind, "ChecksumAlgorithm": "SHA256"},
                )
        return f"s3://{self.place.bucket}/{at}"


def _files(run: Path) -> Iterator[Path]:
    """Every plain file; no links, which may lead out of it."""
    found = sorted(path for path in run.rglob("*") if path.is_file() and not path.is_symlink())
    yield from (path for path in found if path != run / LAST)
    yield from (path for path in found if path == run / LAST)


class _said:  # noqa: N801 - used like a function
    """Turns the library's errors into :class:`NoStore`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, NoStore):
            return
        from boto3.exceptions import Boto3Error  # noqa: PLC0415 - an extra
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        if isinstance(error, ClientError | BotoCoreError | Boto3Error | OSError | ValueError):
            raise NoStore(" ".join(str(error).split())[:500]) from None
