"""What a visit leaves on this machine: what is needed to undo its faults, and no password."""

from pathlib import Path

import httpx
import pyarrow.parquet as pq

from closeshave.clock import now_ns
from closeshave.deployment import FILE, load
from closeshave.environments.remote import remote as visits
from closeshave.faults import ledger, lifecycle
from closeshave.faults.catalogue import of
from closeshave.faults.heal import heal_environment
from closeshave.history import BOOKINGS_FILE
from tests.remote.definitions import remote
from tests.remote.test_read_back import book
from truth.plain.running import plain


def test_a_fault_that_a_visit_left_open_can_still_be_healed(tmp_path, monkeypatch):
    """By ``closeshave heal``, after the run has ended: the hooks are kept, the accounts are not."""
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


def test_a_visit_reads_back_page_by_page_and_cancels_what_it_booked(tmp_path, monkeypatch):
    """From the first request to the last cancel, on a platform with the peculiarities of the real application."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = tmp_path / "20261121-070000-smoke-abcd"
    (run / "final_state").mkdir(parents=True)
    habits = ("--habit", "zone=UTC", "--habit", "page_rows=3", "--habit", "forwarded_for=false", "--habit", "filtered_slots=false")
    with plain("--accounts", "1", *habits) as platform:
        definition = remote(tmp_path, url=platform.url, capabilities={"franchises": False}, accounts={"file": str(people(tmp_path))})
        visited = visits.up(definition, visits.place(definition), lambda _line: None)
        assert visited.capabilities.zone == "UTC"
        assert {"forwarded_for", "split_brain"} <= set(visited.missing)
        for hour in range(9, 16):
            book(visited, "customer1@plain.test", f"closeshave:{run.name}", barber=1, at=f"{hour:02}:00")
        lacking: list[tuple[str, str]] = []
        visits.export(visited, run, 0.0, lambda _line: None, lambda *part_and_why: lacking.append(part_and_why))
        assert lacking == []
        rows = pq.read_table(run / BOOKINGS_FILE).to_pylist()
        assert len(rows) == 7
        assert visits.clean_up(visited, run, lambda _line: None) == ()
        with httpx.Client(base_url=platform.url, trust_env=False, verify=False) as client:
            told = {"email": "admin@plain.test", "password": "Plain-1234"}
            token = client.post("/api/v2/auth/login", json=told).json()["access_token"]
            listed = client.get("/api/v2/appointments/all/list?skip=6", headers={"Authorization": f"Bearer {token}"}).json()
    assert listed["total"] == 8
    assert {row["status"] for row in listed["appointments"]} == {"cancelled"}


def people(directory):
    """A file with one customer."""
    path = directory / "people.csv"
    path.write_text("email,password,region\ncustomer1@plain.test,Plain-1234,us-east-1\n")
    return path
