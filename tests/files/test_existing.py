"""A path from a file may be any text: whether something is there is answered, never an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from closeshave.files.existing import may_exist


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/", True, id="a directory that exists"),
        pytest.param("/nowhere", False, id="nothing there"),
        pytest.param("/dev/null/below", False, id="below a file"),
        pytest.param("/" + "x" * 5000, False, id="longer than a path can be"),
        pytest.param("/" + "x" * 300, False, id="a name longer than a name can be"),
        pytest.param("/a\0b", False, id="a zero byte"),
    ],
)
def test_a_path_of_any_text_is_answered(path: str, expected: bool) -> None:
    """Whatever the text."""
    assert may_exist(Path(path)) is expected


def test_where_this_user_may_not_look_something_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may look everywhere, so the refusal of the system call is what is put in place of a directory of another user."""
    locked = tmp_path / "locked"

    def refused(path: os.PathLike[str], **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", refused)
    assert may_exist(locked / "inside")
