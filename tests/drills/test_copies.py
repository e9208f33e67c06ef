"""Copies of directories: whole or not there, checked by the checksum of each file, and restored with permissions."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeshave.drills import copies
from closeshave.drills.copies import CopyDamaged
from tests.tiers import examples

NAMES = st.text("abc", min_size=1, max_size=3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two directories, one file that only its owner may read, and a link that leads outside."""
    found = tmp_path / "root"
    (found / "config" / "inner").mkdir(parents=True)
    (found / "tls").mkdir()
    (found / "config" / "a.cfg").write_text("a")
    (found / "config" / "inner" / "b.cfg").write_bytes(b"\0\xff" * 5000)
    (found / "tls" / "key.pem").write_text("secret")
    (found / "tls" / "key.pem").chmod(0o600)
    (found / "config" / "outside").symlink_to("/etc/hostname")
    return found


def test_what_was_copied_comes_back_as_it_was(root: Path, tmp_path: Path) -> None:
    """Bytes, permissions and times; a link is no file."""
    into, there = tmp_path / "copies", tmp_path / "there"
    made = copies.make(root, ["config", "tls"], into, 1)
    assert copies.newest(into) == made
    assert list(made.files) == ["config/a.cfg", "config/inner/b.cfg", "tls/key.pem"]
    assert copies.check(into, made) == 3
    assert copies.restore(into, made, there) == 1 + 10000 + 6
    for path in made.files:
        before, now = root / path, there / path
        assert before.read_bytes() == now.read_bytes()
        assert (before.stat().st_mode, before.stat().st_mtime_ns) == (now.stat().st_mode, now.stat().st_mtime_ns)
    assert {stat.S_IMODE(path.stat().st_mode) for path in into.iterdir()} == {0o600}


def test_an_unfinished_copy_is_none(root: Path, tmp_path: Path) -> None:
    """The list of a copy is written last."""
    into = tmp_path / "copies"
    assert copies.newest(into) is None
    first = copies.make(root, ["config"], into, 1)
    copies.make(root, ["config"], into, 2)
    (into / "000002.json").unlink()
    assert copies.newest(into) == first


def flip(archive: Path) -> None:
    """One byte of a file's content."""
    data = bytearray(archive.read_bytes())
    data[data.index(b"\0\xff" * 100) + 50] ^= 1
    archive.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (flip, "copy 000001 is damaged: config/inner/b.cfg has another checksum"),
        (lambda archive: archive.write_bytes(archive.read_bytes()[:3000]), "copy 000001 cannot be read|is damaged"),
        (lambda archive: archive.write_bytes(b""), "copy 000001 cannot be read"),
        (lambda archive: archive.unlink(), "copy 000001 cannot be read: FileNotFoundError"),
    ],
)
def test_a_damaged_copy_is_found_before_it_is_restored(root: Path, tmp_path: Path, damage: Callable[[Path], object], why: str) -> None:
    """With the file."""
    into = tmp_path / "copies"
    made = copies.make(root, ["config"], into, 1)
    damage(into / "000001.tar")
    with pytest.raises(CopyDamaged, match=why):
        copies.check(into, made)


def test_a_copy_that_names_a_file_outside_is_refused(root: Path, tmp_path: Path) -> None:
    """Whoever can write the list must not write anywhere."""
    into = tmp_path / "copies"
    made = copies.make(root, ["config"], into, 1)
    bad = copies.Copied(1, 0, 0, 0, {"../../etc/passwd": next(iter(made.files.values()))})
    with pytest.raises(CopyDamaged, match="names a file outside"):
        copies.restore(into, bad, tmp_path / "there")


@settings(max_examples=examples(20), deadline=None)
@given(files=st.dictionaries(NAMES, st.binary(max_size=3000), max_size=5))
def test_any_files_come_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    """Whatever they hold."""
    base = tmp_path_factory.mktemp("copies")
    (base / "root" / "d").mkdir(parents=True)
    for name, data in files.items():
        (base / "root" / "d" / name).write_bytes(data)
    made = copies.make(base / "root", ["d"], base / "into", 1)
    copies.restore(base / "into", made, base / "there")
    assert {name: (base / "there" / "d" / name).read_bytes() for name in files} == files
