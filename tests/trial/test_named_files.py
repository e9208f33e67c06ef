"""The files that decide what customers send: whoever goes on, or compares, must know that they are the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from closeshave.files.shipped import locate
from closeshave.trial import named_files
from closeshave.trial.preparation import prepare


def test_a_changed_profile_changes_its_digest_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the working directory is taken before the shipped one of the same name, as by a trial."""
    before = named_files.digests([prepare("gate")])
    assert {"scenarios/gate.py", "scenarios/profiles/flat", "scenarios/apis/bookedbarber-v2"} <= set(before)
    mine = tmp_path / "scenarios" / "profiles" / "flat.yaml"
    mine.parent.mkdir(parents=True)
    shutil.copyfile(locate("scenarios/profiles", "flat"), mine)
    mine.write_bytes(mine.read_bytes() + b"\n# another one\n")
    monkeypatch.chdir(tmp_path)
    after = named_files.digests([prepare("gate")])
    assert [name for name in {*before, *after} if before.get(name) != after.get(name)] == ["scenarios/profiles/flat"]
