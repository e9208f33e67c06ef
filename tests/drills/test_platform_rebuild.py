"""The stages of a rebuilding on files: what is lost and what is kept, what is done again after a kill, and what says that it is unfinished."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.deployment import BackupServer, Deployment, Process
from closeshave.drills.kind import DrillDisturbed
from closeshave.drills.platform import record, stages
from closeshave.drills.platform.rebuild import KIND
from closeshave.drills.platform.record import Rebuilding
from closeshave.environments.rollout import record as rollout
from closeshave.environments.rollout.record import RolloutRecord
from closeshave.faults.waiting import after
from tests.faults import toys

PARTS = {"db": "patroni", "cache": "valkey", "etcd": "etcd", "backup": "backup", "app": "app", "front": "edge", "provider": "payments"}


@pytest.fixture
def shop(tmp_path: Path) -> Deployment:
    """A described environment of which nothing runs; every part has stored something."""
    root = tmp_path / "root"
    root.mkdir()
    for name in PARTS:
        (root / "data" / name).mkdir(parents=True)
        (root / "data" / name / "file").write_text(name)
    server = BackupServer("backup", 1, "east", str(root / "data" / "backup"))
    for place in (server.log, server.bases):
        Path(place, "old").mkdir(parents=True)
    (root / "config").mkdir()
    (root / "config" / "private-key.pem").write_text("the key")
    (root / "config" / "settings").write_text("of a part")
    (root / "data" / "application").mkdir()
    (root / "data" / "application" / "picture").write_text("of a customer")
    parts = tuple(Process(name, role, "east", ("true",)) for name, role in PARTS.items())
    made = replace(toys.deployment(root), processes=parts, backups=(server,))
    made.save()
    return made


def stored(shop: Deployment) -> set[str]:
    """The parts that have something stored."""
    return {name for name in PARTS if (Path(shop.root) / "data" / name / "file").exists()}


def test_everything_of_the_platform_is_lost_but_its_backups(shop: Deployment) -> None:
    """Edges and the payment provider are no part of it; settings go too, and what cannot be made again is in the backup of the files."""
    root = Path(shop.root)
    rollout.write(root, RolloutRecord("current", "next", {}))
    stages.keep_files(shop)
    killed, emptied = stages.lose(shop)
    assert (killed, emptied) == (0, 4)
    assert stored(shop) == {"backup", "front", "provider"}
    assert not (root / "data" / "db").exists()
    assert (root / "data" / "cache").is_dir()
    assert list((root / "config").iterdir()) == []
    assert list((root / "data" / "application").iterdir()) == []
    kept = root / stages.KEPT
    assert ((kept / "config" / "private-key.pem").read_text(), (kept / "data" / "application" / "picture").read_text()) == (
        "the key",
        "of a customer",
    )
    assert rollout.unfinished(root) is None
    assert stages.current(root).lost


def test_a_loss_that_was_cut_off_is_completed_and_keeps_its_instant(shop: Deployment) -> None:
    """Half of a database's files must never be started."""
    root = Path(shop.root)
    record.write(root, Rebuilding())
    stages.lose(shop)
    lost_s = stages.current(root).lost_wall_s
    (root / "data" / "cache" / "file").write_text("left")
    stages.lose(shop)
    assert stages.current(root).lost_wall_s == lost_s
    assert "cache" not in stored(shop)


def test_a_shard_is_restored_once(shop: Deployment) -> None:
    """A resumed rebuilding goes on with the next one."""
    root = Path(shop.root)
    record.write(root, Rebuilding(lost=True, restored={1: "000007"}))
    assert stages.restore(shop, shop.backups[0], lambda _look, _what: None, 1.0) == "000007"


def test_backups_from_before_are_set_aside_once(shop: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a start made which was cut off are removed at the next one; those from before the loss stay."""
    monkeypatch.setattr(processes, "start", lambda _root, _id, _process: None)
    root, server = Path(shop.root), shop.backups[0]
    record.write(root, Rebuilding(lost=True, restored={1: "000001"}))
    for _ in range(2):
        stages.begin_program(shop)
        for place in (server.log, server.bases):
            assert [path.name for path in Path(f"{place}-{stages.ASIDE}").iterdir()] == ["old"]
            assert list(Path(place).iterdir()) == []
            Path(place, "half").mkdir()


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"reached": {"etcd": 1.5}}', {"etcd": 1.5}), ('{"failed": "no port"}', "no port"), (None, None)],
)
def test_the_program_says_how_it_ended(shop: Deployment, text: str | None, expected: object) -> None:
    """Or it said nothing, because it was killed."""
    if text is not None:
        Path(shop.root, stages.RESULT).write_text(text)
    assert stages.program_result(shop) == expected


def test_what_an_earlier_rebuilding_said_does_not_count(shop: Deployment) -> None:
    """Or one that is resumed before its program was started would count as done."""
    Path(shop.root, stages.RESULT).write_text('{"reached": {"etcd": 1.5}}')
    stages.lose(shop)
    assert stages.program_result(shop) is None
    Path(shop.root, stages.RESULT).write_text('{"reached": {"etcd": 1.5}}')
    stages.finish(shop)
    assert stages.program_result(shop) is None


def test_an_unfinished_rebuilding_says_so_until_it_is_finished(shop: Deployment) -> None:
    """No other may begin, and the proof of a safe state does not hold."""
    root, aim = Path(shop.root), KIND.way_back.aim(shop, {}, {})
    record.write(root, Rebuilding(lost=True, restored={1: "000001", 2: "000001"}))
    said = "a rebuilding was not finished: everything is lost; restored: shard 1, shard 2"
    assert KIND.unfit(aim) == said
    stages.finish(shop)
    assert record.read(root) is None
    with pytest.raises(DrillDisturbed, match="ended by somebody else"):
        stages.current(root)


def test_a_rebuilding_that_cannot_be_resumed_now_stays_unfinished(shop: Deployment) -> None:
    """Its backup is gone: the next healing tries again, and nothing claims that it is done."""
    root, aim = Path(shop.root), KIND.way_back.aim(shop, {}, {})
    record.write(root, Rebuilding(lost=True))
    (said,) = KIND.undo(aim, after(1.0), print)
    assert said == "the rebuilding was resumed, and is not finished: backup has no base backup"
    assert record.read(root) == Rebuilding(lost=True)
