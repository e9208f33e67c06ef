"""The files of an image, collected from this machine and written as one tar file."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

BYTE_CODE = ".pyc"
ELF = b"\x7fELF"
MERGED = {"bin", "sbin", "lib", "lib64"}
"""Directories that are links to those of the same name below ``/usr``, as in current distributions."""
LIBRARY = re.compile(r"(?:=> |^\s+)(/\S+) \(0x", re.MULTILINE)


@dataclass(slots=True)
class Tree:
    """The contents of an image: by path inside it, a file of this machine, a link or a text."""

    files: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    """Directories in which all users may write."""

    def put(self, path: str | PurePosixPath, source: Path) -> None:
        """Add a file of this machine; links are followed."""
        self.files[_merged(path)] = source.resolve()

    def put_all(self, path: PurePosixPath, source: Path, *, without: Iterable[str] = ()) -> None:
        """Add all files below a directory, except those below subdirectories with these names."""
        skipped = set(without)
        for directory, below, files in os.walk(source):
            below[:] = sorted(set(below) - skipped)
            for file in (Path(directory, name) for name in files):
                if file.is_file():
                    self.put(path / file.relative_to(source), file)

    def add_libraries(self) -> None:
        """Add every shared library that the files load and that is missing, under its own path."""
        programs = [str(source) for source in set(self.files.values()) if _is_elf(source)]
        # Its exit code is 1 if one of them loads no library.
        listed = subprocess.run(["ldd", *programs], capture_output=True, text=True, timeout=120, check=False).stdout
        if libc := re.search(r"=> (/\S+/)libc\.so", listed):
            # No program names these: the C library loads them at run time.
            for hidden in ("libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2"):
                if (library := Path(libc[1], hidden)).exists():
                    self.put(str(library), library)
        there = {str(source) for source in self.files.values()}
        for library in sorted(set(LIBRARY.findall(listed))):
            if str(Path(library).resolve()) not in there or _merged(library).startswith("usr/"):
                self.put(library, Path(library))

    def digest(self, *more: str) -> str:
        """A digest of the contents, from sizes and times of change, because reading all files would take as long as writing the image.

        Byte code does not count, because every import may write it.
        """
        sums = hashlib.sha256()
        for path, source in sorted(self.files.items()):
            if source.suffix == BYTE_CODE:
                continue
            facts = source.stat()
            sums.update(f"{path} {source} {facts.st_size} {facts.st_mtime_ns} {facts.st_mode}\n".encode())
        sums.update(repr((sorted(self.links.items()), sorted(self.texts.items()), sorted(self.shared), more)).encode())
        return sums.hexdigest()[:16]

    def write(self, output: IO[bytes]) -> None:
        """Write the tar file: all files belong to root, and times are kept, because Python's byte code is valid only for a source of the same time."""
        with tarfile.open(fileobj=output, mode="w") as tar:
            for name in sorted(self._directories()):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name in self.shared else 0o755
                tar.addfile(entry)
            for name, target in self.links.items():
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                tar.addfile(entry)
            for name, text in self.texts.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(text.encode()), 0o644
                tar.addfile(entry, io.BytesIO(text.encode()))
            for name, source in sorted(self.files.items()):
                entry = tar.gettarinfo(str(source), name)
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = "root"
                # Readable for all users, even if it is private on this machine.
                entry.type, entry.linkname, entry.mode = tarfile.REGTYPE, "", 0o755 if entry.mode & 0o100 else 0o644
                entry.size = source.stat().st_size
                with source.open("rb") as content:
                    tar.addfile(entry, content)

    def _directories(self) -> set[str]:
        everything = [*self.files, *self.links, *self.texts, *(f"{name}/x" for name in self.shared)]
        return {str(parent) for name in everything for parent in PurePosixPath(name).parents} - {"."}


def _merged(path: str | PurePosixPath) -> str:
    words = PurePosixPath(path).relative_to("/").parts
    return "/".join(("usr", *words) if words[0] in MERGED else words)


def _is_elf(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(ELF)) == ELF
