"""A file that is fetched in parts: what is lacking is fetched, and nothing else; what is damaged is noticed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.machines import sums
from closeshave.machines.sums import FileSums, lacking, sums_of, whole


@given(st.binary(max_size=70), st.integers(0, 80), st.integers(0, 69), st.booleans())
def test_what_is_fetched_makes_the_file_whole(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, had: int, at: int, damaged: bool
) -> None:
    """From nothing, from any beginning of it, and with a damaged byte anywhere."""
    where = tmp_path_factory.getbasetemp() / "sums"
    where.mkdir(exist_ok=True)
    there, here = where / "there", where / "here"
    there.write_bytes(data)
    begun = bytearray(data[:had])
    if damaged and at < len(begun):
        begun[at] ^= 0xFF
    here.write_bytes(begun)
    with mock.patch.object(sums, "PART_BYTES", 8):
        wanted = sums_of(there)
        assert whole(wanted)
        for part in lacking(here, wanted):
            assert data[part.offset : part.offset + part.size] != bytes(begun[part.offset : part.offset + part.size])
            begun[part.offset : part.offset + part.size] = data[part.offset : part.offset + part.size]
        here.write_bytes(begun[: wanted.size])
        assert lacking(here, wanted) == ()
        assert sums_of(here).sha256 == wanted.sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_is_not_there_lacks_everything(tmp_path: Path) -> None:
    """Also an empty one is then lacking nothing, which its checksum tells from a missing one."""
    (tmp_path / "there").write_bytes(b"x" * 5)
    assert [part.size for part in lacking(tmp_path / "none", sums_of(tmp_path / "there"))] == [5]


@pytest.mark.parametrize(("size", "parts", "fits"), [(0, 0, True), (1, 1, True), (1, 2, False), (2**20, 1, True), (2**20 + 1, 1, False)])
def test_sums_that_contradict_themselves(size: int, parts: int, fits: bool) -> None:
    """Another machine may state anything."""
    assert whole(FileSums(size, "0" * 64, ("0" * 64,) * parts)) == fits
