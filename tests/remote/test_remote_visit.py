"""What a visit leaves behind on this machine: how to undo its faults, and nobody's password."""

from pathlib import Path

from closeshave.clock import now_ns
from closeshave.deployment import FILE, load
from closeshave.environments.remote import remote as visits
from closeshave.faults import ledger, lifecycle
from closeshave.faults.catalogue import of
from closeshave.faults.heal import heal_environment
from tests.remote.definitions import remote


def test_a_fault_that_a_visit_left_open_can_still_be_healed(tmp_path, monkeypatch):
    """By ``closeshave heal``, after the run has gone: the hooks are kept, the accounts are not."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    broken = tmp_path / "broken"
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("email,password,region\na@example.com,planted-password,us-east-1\n")
    hook = {
        "kind": "shard.primary-killed",
        "scope": {"shard": 1},
        "inject": {"command": ["touch", str(broken)]},
        "observe": {"command": ["test", "-e", str(broken)]},
        "undo": {"command": ["rm", str(broken)]},
        "heal_check": {"command": ["test", "!", "-e", str(broken)]},
    }
    definition = remote(tmp_path, hooks=[hook], accounts={"file": str(accounts)})
    root, run = visits.place(definition), tmp_path / "run"
    run.mkdir()
    platform = visits.up(definition, root, lambda _line: None)
    kind = of("shard.primary-killed", {"shard": 1}, platform)
    lifecycle.inject(ledger.Ledger(run), "f", kind, kind.aim(platform, {"shard": 1}, {}), now_ns(), 5, lambda: False)
    assert broken.exists()
    assert visits.down(root, None) == ()
    assert load(root).accounts == ()
    assert "planted-password" not in "".join(path.read_text() for path in Path(root).rglob("*") if path.is_file())
    assert ledger.unhealed(root / ledger.FILE) == ("f",)
    assert heal_environment(root, lambda _line: None) == []
    assert not broken.exists()
    assert ledger.unhealed(root / ledger.FILE) == ()
    assert (root / FILE).exists()
