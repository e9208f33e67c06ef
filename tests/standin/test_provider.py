"""The payment provider's ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.files import read_lines
from closeshave.history import Capture
from closeshave.standin.payments import CaptureLedger


def test_a_key_charges_once(tmp_path: Path) -> None:
    """The same key gives the same capture, within a process and after a restart; another key charges again."""
    file = tmp_path / "ledger.jsonl"
    first = CaptureLedger(file).charge(booking=1, franchise=2, amount=3000, key="capture_a", at=10.0)
    again = CaptureLedger(file)
    assert again.charge(booking=1, franchise=2, amount=3000, key="capture_a", at=20.0) == first
    other = again.charge(booking=1, franchise=2, amount=3000, key="capture_b", at=30.0)
    assert [Capture(**record) for record in read_lines(file)] == [
        Capture(first.capture, 1, 2, 3000, "capture_a", 10.0),
        Capture(other.capture, 1, 2, 3000, "capture_b", 30.0),
    ]


@pytest.mark.parametrize("torn", [b'{"capture":"ch_x","boo', b"{"])
def test_an_incomplete_line_was_never_charged(tmp_path: Path, torn: bytes) -> None:
    """The rest of a line after a kill is removed, and the next charge is a line of its own."""
    file = tmp_path / "ledger.jsonl"
    CaptureLedger(file).charge(1, 2, 3000, "capture_a", 10.0)
    file.write_bytes(file.read_bytes() + torn)
    CaptureLedger(file).charge(4, 5, 2000, "capture_b", 20.0)
    assert [record["booking"] for record in read_lines(file)] == [1, 4]
