"""An added member of a shard: its settings are those of a declared one, but for what must be its own."""

from __future__ import annotations

from typing import Any

from closeshave.deployment import Member
from closeshave.drills.added_member import TAGS, name_of, settings, slot_of

DECLARED: dict[str, Any] = {
    "scope": "shard1",
    "name": "shard1-west",
    "etcd3": {"hosts": ["127.0.0.1:1"]},
    "restapi": {"listen": "127.0.0.1:2", "connect_address": "127.0.0.1:2"},
    "postgresql": {
        "listen": "127.0.0.1:3",
        "connect_address": "127.0.0.1:4",
        "data_dir": "/root/data/shard1-west",
        "pgpass": "/root/config/shard1-west.pgpass",
        "authentication": {"superuser": {"username": "postgres"}},
    },
}


def test_an_added_member_has_a_name_ports_and_files_of_its_own() -> None:
    """Whatever it does not need for itself stays as declared; it never becomes the primary."""
    found = settings(
        DECLARED, Member("added-shard1", 1, "west", 30, 31, "added-shard1"), "/root/data/added-shard1", "/root/data/added-shard1.pgpass"
    )
    assert found == {
        **DECLARED,
        "name": "added-shard1",
        "restapi": {"listen": "127.0.0.1:31", "connect_address": "127.0.0.1:31"},
        "postgresql": {
            **DECLARED["postgresql"],
            "listen": "127.0.0.1:30",
            "connect_address": "127.0.0.1:30",
            "data_dir": "/root/data/added-shard1",
            "pgpass": "/root/data/added-shard1.pgpass",
        },
        "tags": TAGS,
    }
    assert TAGS["nofailover"]
    assert "tags" not in DECLARED


def test_its_replication_slot_is_named_as_patroni_names_it() -> None:
    """A slot may have no hyphen."""
    assert (name_of(3), slot_of(3)) == ("added-shard3", "added_shard3")
