"""Copies of directories: an archive (tar) for each copy, made whole or not at all, and a list of its files with their checksums.

A plain archive, because that is the simplest tool which shows whether files and settings come back: nothing of it needs this program to be read.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter

from closeshave.clock import now_ns
from closeshave.files import jsonfile, write_atomically

PRIVATE = 0o600
"""Of an archive: what it holds may be as secret as a private key."""
DIRECTORY = 0o700


class CopyDamaged(Exception):
    """A copy is not what was copied. The message says which file, as a clause."""


@dataclass(frozen=True, slots=True)
class Held:
    """One file in a copy."""

    sha256: str
    bytes: int
    mode: int
    """Its permissions."""
    uid: int
    gid: int
    modified_ns: int
    """Of the wall clock, as the file system states it."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds. Instants in monotonic nanoseconds."""

    number: int
    began_ns: int
    """What was written before it is in the copy."""
    began_wall_ns: int
    """The same instant on the wall clock, which file systems use."""
    ended_ns: int
    files: Mapping[str, Held]
    """Path below the root → what was read."""

    @property
    def name(self) -> str:
        """``000003``."""
        return f"{self.number:06}"


_CODEC = TypeAdapter(Copied)


def files_within(root: Path, places: Sequence[str]) -> Iterator[str]:
    """The path below the root of every regular file in these directories, in order; no link is followed. A file that vanishes meanwhile is left out."""
    for place in places:
        for directory, inner, names in os.walk(root / place):
            inner.sort()
            for name in sorted(names):
                path = Path(directory, name)
                if path.is_file() and not path.is_symlink():
                    yield str(PurePosixPath(path.relative_to(root)))


def make(root: Path, places: Sequence[str], into: Path, number: int) -> Copied:
    """Copy these directories below the root. The copy is there when its list is, which is written last. Raises :class:`OSError`."""
    into.mkdir(mode=DIRECTORY, exist_ok=True)
    began_ns, began_wall_ns, held = now_ns(), time.time_ns(), {}
    archive = into / f"{number:06}.tar"
    unfinished = archive.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE)
    with os.fdopen(descriptor, "wb") as output:
        with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in files_within(root, places):
                # Those who write atomically have files that are gone in the next moment.
                with suppress(FileNotFoundError):
                    data, told = (root / path).read_bytes(), (root / path).stat()
                    member = tarfile.TarInfo(path)
                    member.size, member.mode, member.mtime = len(data), told.st_mode & 0o7777, int(told.st_mtime)
                    member.uid, member.gid = told.st_uid, told.st_gid
                    tar.addfile(member, io.BytesIO(data))
                    digest = hashlib.sha256(data).hexdigest()
                    held[path] = Held(digest, len(data), member.mode, told.st_uid, told.st_gid, told.st_mtime_ns)
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(archive)
    copied = Copied(number, began_ns, began_wall_ns, now_ns(), held)
    write_atomically(into / f"{copied.name}.json", _CODEC.dump_json(copied), PRIVATE)
    return copied


def newest(into: Path) -> Copied | None:
    """The newest whole copy; ``None`` if there is none. Raises :class:`closeshave.files.jsonfile.Damaged`."""
    there = sorted(into.glob("[0-9]*.json"))
    return jsonfile.read(there[-1], _CODEC) if there else None


def check(into: Path, copied: Copied) -> int:
    """Read every file of a copy and compare its checksum; returns how many there are. Raises :class:`CopyDamaged`."""
    for _ in _read(into, copied):
        pass
    return len(copied.files)


def restore(into: Path, copied: Copied, root: Path) -> int:
    """Write every file of a copy below the root, with its permissions and, if this user may, its owner; returns how many bytes.

    Raises :class:`CopyDamaged` and :class:`OSError`.
    """
    total = 0
    for path, data in _read(into, copied):
        held, place = copied.files[path], root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, data, PRIVATE)
        if os.getuid() == 0:
            os.chown(place, held.uid, held.gid)
        place.chmod(held.mode)
        os.utime(place, ns=(held.modified_ns, held.modified_ns))
        total += len(data)
    return total


def _read(into: Path, copied: Copied) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(into / f"{copied.name}.tar") as tar:
            for path, held in copied.files.items():
                if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                    raise CopyDamaged(f"copy {copied.name} names a file outside of the environment: {path}")
                found = tar.extractfile(path)
                data = found.read() if found is not None else b""
                if found is None or hashlib.sha256(data).hexdigest() != held.sha256:
                    raise CopyDamaged(f"copy {copied.name} is damaged: {path} has another checksum than when it was copied")
                yield path, data
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise CopyDamaged(f"copy {copied.name} cannot be read: {type(error).__name__}: {error}") from error
