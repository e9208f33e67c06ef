"""The chart library is what its maker published, and is shipped with its licence."""

import hashlib
import json

import pytest

from closeshave.report import vendor

ORIGIN = json.loads((vendor.HERE / vendor.ORIGIN).read_text())


@pytest.mark.parametrize("name", [vendor.LIBRARY, vendor.STYLE, vendor.LICENCE])
def test_a_vendored_file_is_unchanged(name):
    """Its checksum is that of the published package."""
    assert hashlib.sha256((vendor.HERE / name).read_bytes()).hexdigest() == ORIGIN["sha256"][name]


def test_everything_vendored_has_a_checksum():
    """Nothing slips in beside it."""
    files = {path.name for path in vendor.HERE.iterdir() if path.is_file() and path.suffix != ".py"}
    assert files == {vendor.ORIGIN, *ORIGIN["sha256"]}


def test_the_licence_travels_with_the_library():
    """Every page carries a copy of the library, so it carries the licence too."""
    assert ORIGIN["licence"] == "MIT"
    assert "Permission is hereby granted, free of charge" in vendor.licence()
    assert ORIGIN["version"] in vendor.licence()
    assert ORIGIN["version"] in vendor.script()[:200]


def test_no_tag_can_close_within_the_library():
    """It is written into the page as it is."""
    assert "</script" not in vendor.script().lower()
    assert "<!--" not in vendor.script()
    assert "</style" not in vendor.style().lower()
