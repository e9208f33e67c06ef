"""Files and settings that are lost and restored: what comes back, what is lost of what was acknowledged, and that nothing is left at any step."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.drills.restore import trees
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after
from tests.drills.killing import Killed
from tests.faults import toys

FILES, SETTINGS = KINDS["restore.files"], KINDS["restore.configuration"]
LIMIT_S, INTERVAL_S = 20.0, 0.2


@pytest.fixture
def toy(tmp_path: Path) -> Deployment:
    """An environment without a process: directories with files, one of them private."""
    root = tmp_path / "root"
    for place in ("data/application/inner", "config", "tls"):
        (root / place).mkdir(parents=True)
    (root / "data/application/inner/upload.png").write_bytes(b"picture")
    (root / "config/edges.cfg").write_text("settings")
    (root / "tls/edge.pem").write_text("key")
    (root / "tls/edge.pem").chmod(0o600)
    (root / "tls").chmod(0o700)
    long_ago = time.time() - 60
    for path in root.rglob("*.*"):
        os.utime(path, (long_ago, long_ago))
    found = replace(toys.deployment(root), files=str(root / "data/application"), configuration=(str(root / "config"), str(root / "tls")))
    found.save()
    return found


def seen(toy: Deployment) -> dict[str, tuple[str, int]]:
    """Every file of the parts with its content and permissions."""
    root = Path(toy.root)
    files = (path for place in ("config", "data", "tls") for path in sorted((root / place).rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): (path.read_text(), path.stat().st_mode) for path in files}


def carried(toy: Deployment, run: Path, kind: DrillKind, **parameters: float) -> list[dict[str, Any]]:
    """Carry it out now; the timeline. It must be put back."""
    run.mkdir()
    aim = kind.way_back.aim(toy, {}, {"interval": INTERVAL_S, **parameters})
    work = DrillWork("back", aim, run / "drills" / "back", after(LIMIT_S), lambda: False, lambda _member, _path: 0, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), LIMIT_S) == []
    assert Ledger(run).open() == ()
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def ended(timeline: list[dict[str, Any]]) -> tuple[str, str]:
    """How it ended, and why."""
    (found,) = [line for line in timeline if line["type"] == "drill-end"]
    return found["how"], found["why"]


def facts(timeline: list[dict[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """What each step found."""
    return {line["step"]: line["facts"] for line in timeline if line["type"] == "drill-step"}


def broken(timeline: list[dict[str, Any]]) -> list[str]:
    """What does not hold, with what was seen."""
    return [f"{line['what']}: {line['saw']}" for line in timeline if line["type"] == "drill-proof" and not line["holds"]]


@pytest.fixture(autouse=True)
def few_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """One copy instead of three."""
    monkeypatch.setattr(trees, "COPIES_MADE", 1)


def spoilt(kind: DrillKind, before: str, act: Callable[[DrillWork], None]) -> DrillKind:
    """The kind with something done just before a step; a proof that does not hold is soon given up."""

    def spoil(work: DrillWork) -> Facts:
        act(work)
        return {}

    place = next(index for index, step in enumerate(kind.steps) if step.name == before) if before else len(kind.steps)
    return replace(kind, steps=(*kind.steps[:place], DrillStep("spoil", spoil), *kind.steps[place:]), proven_within_s=0.3)


def test_files_come_back_and_the_loss_is_what_was_written_since_the_copy(toy: Deployment, tmp_path: Path) -> None:
    """About nine tenths of an interval; everything that is older is there with its checksum, and afterwards all is as before."""
    before = seen(toy)
    # So long that files are written after the copy on a busy machine too.
    interval_s = 1.0
    timeline = carried(toy, tmp_path / "run", FILES, interval=interval_s)
    assert ended(timeline) == ("carried-out", "")
    assert broken(timeline) == []
    assert seen(toy) == before
    found = facts(timeline)
    assert dict(found[trees.WRITE]) | {"written": 0} == {
        "interval_s": interval_s, "stands_for_s": 300.0, "scale": 300.0 / interval_s, "copies": 1, "written": 0,
    }  # fmt: skip
    compared = found[trees.COMPARE]
    assert 0 < compared["lost"] < compared["acknowledged"]
    assert 0 < compared["loss_s"] < 5 * interval_s
    assert compared["oldest_lost"].startswith("data/application/closeshave-drill/")


def test_a_file_that_the_copy_did_not_hold_fails_the_proof(toy: Deployment, tmp_path: Path) -> None:
    """It is named, whether it was the drill's or the application's own."""
    root = Path(toy.root)
    first = "data/application/closeshave-drill/000001"

    def forget(_work: DrillWork) -> None:
        (root / first).unlink()
        (root / "data/application/inner/upload.png").unlink()

    told = broken(carried(toy, tmp_path / "run", spoilt(FILES, trees.COMPARE, forget)))
    assert any(f"1 file of them is not, as {first}" in each for each in told), told
    assert any("data/application/inner/upload.png is missing" in each for each in told), told


def rewrite(file: Path) -> None:
    """Other content, which looks old."""
    file.write_text("other")
    os.utime(file, (1, 1))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (rewrite, "tls/edge.pem has other content"),
        (lambda file: file.chmod(0o644), "tls/edge.pem has other permissions"),
    ],
)
def test_settings_that_come_back_changed_fail_the_proof(
    toy: Deployment, tmp_path: Path, change: Callable[[Path], object], why: str
) -> None:
    """Also a key that everybody may read."""

    def act(_work: DrillWork) -> None:
        change(Path(toy.root, "tls/edge.pem"))

    told = broken(carried(toy, tmp_path / "run", spoilt(SETTINGS, trees.COMPARE, act)))
    assert any(why in each for each in told), told


def test_a_damaged_copy_fails_the_drill(toy: Deployment, tmp_path: Path) -> None:
    """Before anything is restored from it."""
    before = seen(toy)

    def damage(_work: DrillWork) -> None:
        (archive,) = Path(toy.root, "data/copies-of-configuration").glob("*.tar")
        data = archive.read_bytes()
        archive.write_bytes(data.replace(b"settings", b"sittings"))

    how, why = ended(carried(toy, tmp_path / "run", spoilt(SETTINGS, trees.CHECK, damage)))
    assert (how, why.startswith("check the copy: copy 000001 is damaged: config/edges.cfg")) == ("failed", True)
    assert seen(toy) == before


def test_no_copy_at_all_fails_the_drill(toy: Deployment, tmp_path: Path) -> None:
    """It says so."""

    def remove(_work: DrillWork) -> None:
        for path in Path(toy.root, "data/copies-of-files").iterdir():
            path.unlink()

    assert ended(carried(toy, tmp_path / "run", spoilt(FILES, trees.CHECK, remove))) == ("failed", "check the copy: there is no whole copy")


def test_what_a_part_writes_meanwhile_is_taken_over(toy: Deployment, tmp_path: Path) -> None:
    """A new file, and a newer version of a restored one."""
    root = Path(toy.root)

    def write(_work: DrillWork) -> None:
        time.sleep(0.05)
        (root / "config/sentinel.conf").write_text("new")
        (root / "config/edges.cfg").write_text("newer")

    timeline = carried(toy, tmp_path / "run", spoilt(SETTINGS, "", write))
    assert broken(timeline) == []
    assert (root / "config/sentinel.conf").read_text() == "new"
    assert (root / "config/edges.cfg").read_text() == "newer"


@pytest.mark.parametrize(("kind", "step"), [(FILES, 2), *((SETTINGS, step) for step in range(6))])
def test_after_a_kill_in_any_step_whoever_finds_the_ledger_puts_it_back(
    toy: Deployment, tmp_path: Path, kind: DrillKind, step: int
) -> None:
    """Nothing is between; putting back twice changes nothing."""
    before = seen(toy)

    def kill(_work: DrillWork) -> Facts:
        raise Killed

    kind = replace(kind, steps=(*kind.steps[:step], DrillStep("kill", kill), *kind.steps[step:]))
    with pytest.raises(Killed):
        carried(toy, tmp_path / "run", kind)
    assert heal_open(tmp_path / "run", toy, print, kinds=WAYS_BACK) == []
    assert seen(toy) == before
    aim = kind.way_back.aim(toy, {}, {})
    assert kind.undo(aim, after(5), print) == ()


@pytest.mark.parametrize("left", ["half moved aside", "half put back"])
def test_a_kill_between_two_moves_is_put_back(toy: Deployment, left: str) -> None:
    """Whichever directory is missing then."""
    before, here = seen(toy), Path(toy.root, "config")
    here.rename(here.with_name("config.lost"))
    if left == "half put back":
        (here.with_name("config.discarded")).mkdir()
    aim = SETTINGS.way_back.aim(toy, {}, {})
    assert not SETTINGS.safe(aim)[0].holds
    assert SETTINGS.unfit(aim)
    SETTINGS.undo(aim, after(5), print)
    assert SETTINGS.safe(aim)[0].holds
    assert seen(toy) == before


def test_a_platform_without_such_directories_is_unfit(toy: Deployment) -> None:
    """A remote one has none that the harness knows."""
    bare = replace(toy, files="", configuration=())
    for kind in (FILES, SETTINGS):
        assert kind.unfit(kind.way_back.aim(bare, {}, {})).startswith("this environment has no directory of")
        assert kind.undo(kind.way_back.aim(bare, {}, {}), after(5), print) == ()


def test_too_many_bytes_are_not_copied_again_and_again(toy: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many there are."""
    monkeypatch.setattr(trees, "BYTES_MAX", 3)
    assert "this drill copies at most" in FILES.unfit(FILES.way_back.aim(toy, {}, {}))
