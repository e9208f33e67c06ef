"""What the nodes of a cluster say, taken apart: recorded answers of Valkey 9.1, as redis-py gives them."""

from __future__ import annotations

from typing import Any

import pytest

from closeshave.clients import sentinel, valkey_cluster
from closeshave.clients.valkey_cluster import declared, parse, uncovered
from closeshave.deployment import Store
from closeshave.hashslots import SLOTS, shares

OK = {"cluster_state": "ok"}
RANGES = shares(3)
STORES = tuple(Store(f"n{number}", "cache", "valkey", "here", 21000 + number, RANGES[number % 3]) for number in range(6))


def told(id: str, flags: str, follows: str = "-", slots: Any = (), migrations: Any = ()) -> dict[str, Any]:
    """A node, as redis-py tells it."""
    return {
        "node_id": id, "hostname": "", "flags": flags, "master_id": follows, "last_ping_sent": "0", "last_pong_rcvd": "0", "epoch": "3",
        "slots": [list(each) for each in slots], "migrations": list(migrations), "connected": True,
    }  # fmt: skip


NODES = {
    "127.0.0.1:21000": told("a", "myself,master", slots=[("0", "5460"), ("7000",)]),
    "127.0.0.1:21001": told("b", "master,fail?", slots=[("5461", "6999"), ("7001", "16383")]),
    "127.0.0.1:21003": told("d", "slave", "a"),
}


def test_a_view_tells_roles_slots_and_owners() -> None:
    """Of the node itself and of the others."""
    view = parse(21000, OK, NODES)
    assert view.serves
    assert view.own.primary
    assert len(view.own.slots) == 5462
    assert view.nodes[21003].follows == "a"
    assert not view.nodes[21003].primary
    assert (view.owners[7000], view.owners[7001], len(view.owners)) == (21000, 21001, SLOTS)
    assert view.joined == {21000, 21001, 21003}
    assert not view.ghosts


def test_a_view_tells_which_slots_are_in_the_middle_of_a_move() -> None:
    """Only of the node itself."""
    moves = [{"slot": "5", "node_id": "b", "state": "migrating"}, {"slot": "6", "node_id": "b", "state": "importing"}]
    own = parse(21000, OK, {**NODES, "127.0.0.1:21000": told("a", "myself,master", slots=[("0", "9")], migrations=moves)}).own
    assert dict(own.migrating) == {5: "b"}
    assert dict(own.importing) == {6: "b"}
    assert own.open == {5, 6}


@pytest.mark.parametrize("order", [1, -1])
def test_a_node_that_came_back_under_another_id_is_not_taken_for_the_lost_one(order: int) -> None:
    """Both stand at the same port until the old one is forgotten; an address may be missing."""
    both = [("127.0.0.1:21001@1", told("old", "master,fail")), ("127.0.0.1:21001", told("new", "slave", "a"))][::order]
    # redis-py keys them by address: the old one as the server writes it where two have the same.
    raw = {address.partition("@")[0] if "@" not in address else f"x:{21001}": each for address, each in both}
    view = parse(
        21000,
        OK,
        {**NODES, "127.0.0.1:21001": raw["127.0.0.1:21001"], "x:21001": raw["x:21001"], ":0": told("gone", "slave,noaddr", "a")},
    )
    assert view.nodes[21001].id == "new"
    assert view.ghosts == {"old", "gone"}


def test_nodes_that_only_shake_hands_have_not_joined() -> None:
    """They may be anybody."""
    assert parse(21000, OK, {**NODES, "127.0.0.1:21005": told("f", "handshake")}).joined == {21000, 21001, 21003}


@pytest.mark.parametrize("raw", [{}, {"127.0.0.1:21001": told("b", "master")}])
def test_an_answer_without_the_node_itself_is_none(raw: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(KeyError):
        parse(21000, OK, raw)


EVERY = frozenset(range(SLOTS))


@pytest.mark.parametrize(
    ("held", "wrong"),
    [
        ([EVERY], ""),
        ([EVERY - {7}, frozenset({7})], ""),
        ([EVERY - {7, 8}], "nobody serves slots 7 to 8"),
        ([EVERY, frozenset({9})], "several serve slots 9"),
        ([EVERY - {1}, frozenset({2})], "nobody serves slots 1; several serve slots 2"),
        ([], f"nobody serves slots 0 to {SLOTS - 1}"),
    ],
)
def test_every_slot_must_be_served_exactly_once(held: list[frozenset[int]], wrong: str) -> None:
    """By whomever."""
    assert uncovered(held) == wrong


def test_declared_primaries_have_their_replicas_in_the_order_of_their_slots() -> None:
    """As they stand in the environment's description."""
    found = declared(STORES[::-1])
    assert [[primary.process, *(replica.process for replica in replicas)] for primary, replicas in found.items()] == [
        ["n3", "n0"], ["n4", "n1"], ["n5", "n2"],
    ]  # fmt: skip
    assert list(declared(STORES)) == list(STORES[:3])


def test_nodes_that_do_not_answer_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks who leads hears which slots nobody serves."""

    def view(store: Store) -> valkey_cluster.ClusterView:
        if store is STORES[1]:
            raise sentinel.Unavailable("refused")
        ranges = [RANGES[int(store.process[1])]] if store in STORES[:3] else []
        return parse(store.port, OK, {f"h:{store.port}": told(store.process, f"myself,{'master' if ranges else 'slave'}", slots=ranges)})

    monkeypatch.setattr(valkey_cluster, "view", view)
    with pytest.raises(sentinel.NoPrimary, match=f"valkey: nobody serves slots {RANGES[1][0]} to {RANGES[1][1]}"):
        valkey_cluster.leads(STORES)
