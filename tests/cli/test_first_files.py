"""The first files are written once, and once more with what was seen: never over what somebody changed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.cli import firstfiles
from closeshave.environments.application_proposal import Described, text
from closeshave.files.yamlfile import InvalidFile


def described(instances: int):
    """Writes the environment of an application with so many instances."""

    def write(path: Path, home: Path) -> None:
        path.write_text(text("shop", Described(command=("python3", "server.py"), directory=str(home), instances=instances)))

    return write


def test_what_was_written_before_is_replaced(tmp_path: Path) -> None:
    """The environment by the new one, the others by the same."""
    files = firstfiles.FirstFiles(tmp_path, "shop")
    firstfiles.write(files, described(2), faults=True)
    before = files.contents
    assert firstfiles.write(files, described(3), faults=True, ours=before) == 1
    assert "apps_per_region: 3" in files.environment.read_text()
    assert {path: held for path, held in files.contents.items() if path != files.environment} == {
        path: held for path, held in before.items() if path != files.environment
    }


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_that_was_changed_meanwhile_stays_and_so_do_the_others(tmp_path: Path, gone: bool) -> None:
    """Also one that was removed."""
    files = firstfiles.FirstFiles(tmp_path, "shop")
    firstfiles.write(files, described(2), faults=True)
    before = files.contents
    files.target.write_text("mine\n")
    if gone:
        files.target.unlink()
    with pytest.raises(InvalidFile, match=r"targets/shop\.yaml: was changed meanwhile"):
        firstfiles.write(files, described(3), faults=True, ours=before)
    assert files.environment.read_bytes() == before[files.environment]
    assert files.target.exists() is not gone


def test_without_knowing_what_was_written_nothing_is_replaced(tmp_path: Path) -> None:
    """As the first time."""
    files = firstfiles.FirstFiles(tmp_path, "shop")
    firstfiles.write(files, described(2), faults=True)
    with pytest.raises(InvalidFile, match="exists already"):
        firstfiles.write(files, described(3), faults=True)
