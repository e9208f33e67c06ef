"""The way out of a move, from any process and any number of times: back before the routing is switched, on to the end after it."""

from __future__ import annotations

from closeshave.clients import postgres
from closeshave.deployment import Deployment, routing_of
from closeshave.drills import instances, moving
from closeshave.drills.kind import DrillDisturbed, DrillFailed
from closeshave.drills.range_databases import Gone, at_once, contents, end_sessions, one, owner, range_of, rows_in
from closeshave.faults import proofs
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.waiting import after, until
from closeshave.topology import Move

AGAIN_S = 0.5
HEARD_S = 2.0
GONE_S = 5.0


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Tried again until it is done or the deadline has passed: a shard may be failing over."""
    move, done = range_of(aim), list[str]()

    def tried() -> bool:
        try:
            for shard in (move.source, move.target):
                end_sessions(aim.deployment, shard)
            if move in routing_of(aim.deployment).moves:
                instances.wait_until_read(aim.deployment, routing_of(aim.deployment).version, after(HEARD_S))
                _open(aim.deployment, move)
                done.append(f"removed {finish(aim.deployment, move)} old rows of the range from shard {move.source}")
            else:
                done.append(f"removed {_back(aim.deployment, move)} copied rows of the range from shard {move.target}")
        except (*Gone, DrillFailed) as error:
            say(postgres.first_line(error))
            return False
        return True

    until(tried, deadline_ns, AGAIN_S)
    return tuple(done)


def _back(deployment: Deployment, move: Move) -> int:
    """The state before: the old shard takes writes first of all. Returns how many copied rows were removed. Raises one of :data:`Gone`."""
    with owner(deployment, move.source) as old:
        at_once(old, moving.unfence())
    _unsubscribe(deployment, move)
    with owner(deployment, move.target) as new:
        removed = sum(max(0, count) for count in at_once(new, moving.remove(move))[1:])
        at_once(new, (*moving.constrain(deployment.topology.shard(move.target), routing_of(deployment)), *moving.unfence()))
    return removed


def _open(deployment: Deployment, move: Move) -> None:
    """The new shard takes writes. Raises one of :data:`Gone`."""
    with owner(deployment, move.target) as new:
        if one(new, moving.LEFT):
            at_once(new, moving.unfence())


def finish(deployment: Deployment, move: Move) -> int:
    """The state after: the old shard holds nothing of the range, and its constraints say so. Returns how many old rows were removed.

    Raises :class:`DrillFailed` if a row was found on the old shard only, and one of :data:`Gone`.
    """
    with owner(deployment, move.source) as old, owner(deployment, move.target) as new:
        # Nothing is locked in vain: customers are being served.
        if not (one(old, moving.LEFT) or one(new, moving.LEFT) or rows_in(old, move)):
            return 0
    # Before anything is removed, or the removal would be replicated.
    _unsubscribe(deployment, move)
    with owner(deployment, move.source) as old:
        with owner(deployment, move.target) as new:
            if lost := _only_there(old, new, move):
                raise DrillFailed(f"{lost} is on shard {move.source} and not on shard {move.target}: the old rows are kept")
        removed = sum(max(0, count) for count in at_once(old, moving.remove(move))[1:])
        at_once(old, moving.constrain(deployment.topology.shard(move.source), routing_of(deployment)))
        at_once(old, moving.unfence())
    return removed


def _only_there(old: postgres.Connection, new: postgres.Connection, move: Move) -> str:
    """The first row of the range that the old shard has and the new one has not; empty if there is none. Raises :data:`postgres.Unavailable`."""
    for table in moving.TABLES:
        if missing := sorted(contents(old, table, move).keys() - contents(new, table, move).keys()):
            return f"{table.name} {missing[0]}"
    return ""


def _unsubscribe(deployment: Deployment, move: Move) -> None:
    """End the replication: each side by itself, so that one that does not know of the other leaves nothing. Raises one of :data:`Gone`."""
    with owner(deployment, move.target) as new:
        if one(new, moving.SUBSCRIBED):
            for statement in ("DISABLE", "SET (slot_name = NONE)"):
                new.execute(f"ALTER SUBSCRIPTION {moving.NAME} {statement}".encode())
            new.execute(f"DROP SUBSCRIPTION {moving.NAME}".encode())
    with owner(deployment, move.source) as old:
        until(lambda: _without_slots(old), after(GONE_S), 0.05)
        at_once(old, moving.unpublish())


def _without_slots(old: postgres.Connection) -> bool:
    """Whether no slot of the replication is left; a sender that still uses one is ended. Raises :data:`postgres.Unavailable`."""
    old.execute(moving.END_SENDERS.encode())
    old.execute(moving.DROP_SLOTS.encode())
    return not one(old, moving.SLOTS)


def safe(aim: Aim) -> tuple[Proof, ...]:
    """The state before or the state after, and nothing in between."""
    deployment = aim.deployment
    try:
        move = range_of(aim)
    except DrillDisturbed as error:
        return (Proof("the range is on one shard", False, str(error)),)
    moved = move in routing_of(deployment).moves
    right, wrong = (move.target, move.source) if moved else (move.source, move.target)
    proven = [_nothing_left(deployment, shard) for shard in (move.source, move.target)]
    return (
        *proven,
        _whole(deployment, move, right, moved=moved),
        _empty(deployment, move, wrong),
        *(proofs.shard(deployment, shard, at_home=False)() for shard in (move.source, move.target)),
    )


def _nothing_left(deployment: Deployment, shard: int) -> Proof:
    what = f"nothing of the move is left on shard {shard}"
    try:
        with owner(deployment, shard) as connection:
            left = one(connection, moving.LEFT)
    except Gone as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, not left, str(left or "no publication, subscription, replication slot, trigger or index"))


def _whole(deployment: Deployment, move: Move, shard: int, *, moved: bool) -> Proof:
    where = "where it stays: customers have booked there" if moved else "where it was"
    what, wanted = f"every franchise of the range is on shard {shard}, {where}", move.last - move.first + 1
    try:
        with owner(deployment, shard) as connection:
            there = int(str(one(connection, moving.franchises(move))))
    except Gone as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, there == wanted, f"{there} of {wanted}")


def _empty(deployment: Deployment, move: Move, shard: int) -> Proof:
    what = f"no row of the range is on shard {shard}"
    try:
        with owner(deployment, shard) as connection:
            rows = rows_in(connection, move)
    except Gone as error:
        return Proof(what, False, postgres.first_line(error))
    return Proof(what, not rows, f"{rows} rows")
