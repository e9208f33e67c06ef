"""A range of franchises moves to another shard while customers book."""

from __future__ import annotations

from closeshave.clients import postgres
from closeshave.clients.address import HOST
from closeshave.clock import now_ns
from closeshave.deployment import reroute, routing_of
from closeshave.drills import instances, moving, unmoving
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillOverdue, DrillStep, DrillWork, Facts
from closeshave.drills.moved_proof import proven
from closeshave.drills.range_databases import Gone, at_once, difference, misfit, one, owner, range_of, rows_in
from closeshave.faults import proofs
from closeshave.faults.kind import Aim, Parameter
from closeshave.faults.waiting import after, left_s, wait_until
from closeshave.history import FENCED_NS, FIRST, LAST, OPENED_NS, Routed, record
from closeshave.topology import Move

CHOOSE, PREPARE, COPY, FENCE, CATCH_UP, COMPARE, SWITCH, REMOVE = (
    "choose the range",
    "prepare both shards",
    "copy the range",
    "fence writes",
    "wait for the last write",
    "compare both shards",
    "switch the routing",
    "remove the old rows",
)
LOOK_S = 0.01
HEARD_S = 0.5
"""How long the switch waits for every instance to say that it has read the routing. One that hangs reads it before its next request in any case."""
DRAIN_S = 2.0
"""How long old rows are kept for requests that began before the switch: longer than any statement of the application may take."""
COPIED = "SELECT count(*) FILTER (WHERE srsubstate <> 'r') FROM pg_subscription_rel"
TROUBLE = "SELECT coalesce(sum(apply_error_count + sync_error_count), 0) FROM pg_stat_subscription_stats"
POSITION = "SELECT pg_logical_emit_message(true, 'closeshave', 'the last write before the move')"


def choose(work: DrillWork) -> Facts:
    """Which range, from where to where, and how many rows that is now."""
    move = range_of(work.aim)
    try:
        with owner(work.aim.deployment, move.source) as old:
            count = one(old, moving.franchises(move))
    except Gone as error:
        raise DrillDisturbed(f"shard {move.source} cannot be asked: {postgres.first_line(error)}") from error
    wanted = move.last - move.first + 1
    if count != wanted:
        raise DrillFailed(f"shard {move.source} holds {count} of the {wanted} franchises {move.first} to {move.last}")
    return {FIRST: move.first, LAST: move.last, "from": move.source, "to": move.target, "franchises": wanted}


def prepare(work: DrillWork) -> Facts:
    """The new shard lets the range in, by replication only; the old one makes the franchise a part of each row's identity, and publishes the range."""
    move, deployment = range_of(work.aim), work.aim.deployment
    try:
        with owner(deployment, move.target) as new:
            at_once(new, moving.fence(move))
            at_once(new, moving.constrain(deployment.topology.shard(move.target), routing_of(deployment), (move,)))
        with owner(deployment, move.source) as old:
            for statement in moving.indexes():
                old.execute(statement.encode())
            at_once(old, (*moving.identities(), moving.publication(move)))
    except Gone as error:
        raise DrillFailed(postgres.first_line(error)) from error
    return {}


def copy(work: DrillWork) -> Facts:
    """Subscribe, and wait until every table is copied and follows."""
    move, deployment = range_of(work.aim), work.aim.deployment
    try:
        with owner(deployment, move.source) as old, owner(deployment, move.target) as new:
            new.execute(moving.subscription(HOST, old.info.port, deployment.database, old.info.user).encode())

            def uncopied() -> str:
                if one(new, TROUBLE):
                    raise DrillFailed(f"shard {move.target} could not apply a row; its log says which")
                left = one(new, COPIED)
                return f"{left} of {len(moving.TABLES)} tables are still being copied" if left else ""

            work.until(uncopied, "the range is not copied")
            rows = rows_in(new, move)
    except Gone as error:
        raise DrillFailed(postgres.first_line(error)) from error
    return {"rows": rows}


def fence(work: DrillWork) -> Facts:
    """From here on the old shard refuses every write to the range: it waits for those in flight, and lets no other in."""
    move = range_of(work.aim)
    try:
        with owner(work.aim.deployment, move.source) as old:
            began_ns = now_ns()
            at_once(old, moving.fence(move))
    except Gone as error:
        raise DrillFailed(postgres.first_line(error)) from error
    return {FENCED_NS: began_ns}


def catch_up(work: DrillWork) -> Facts:
    """Wait until the new shard has on disk whatever the old one had accepted."""
    move, deployment = range_of(work.aim), work.aim.deployment
    try:
        with owner(deployment, move.source) as old:
            position = str(one(old, POSITION))

            def behind() -> str:
                _within_fence(work)
                return "" if one(old, moving.confirmed(position)) else f"shard {move.target} has not confirmed {position}"

            work.until(behind, "the last writes did not reach the new shard", LOOK_S)
    except Gone as error:
        raise DrillFailed(postgres.first_line(error)) from error
    return {"position": position}


def compare(work: DrillWork) -> Facts:
    """Every row of the range is on both shards, once and the same. Neither takes writes to it now."""
    move, deployment = range_of(work.aim), work.aim.deployment
    try:
        with owner(deployment, move.source) as old, owner(deployment, move.target) as new:
            shared, wrong = difference(old, new, move)
    except Gone as error:
        raise DrillFailed(postgres.first_line(error)) from error
    if wrong:
        raise DrillFailed(wrong)
    _within_fence(work)
    return {"rows": shared}


def switch(work: DrillWork) -> Facts:
    """Put the new routing in force, wait until every instance has read it, and let the new shard take writes. From here on there is no way back."""
    move, deployment = range_of(work.aim), work.aim.deployment
    routing = routing_of(deployment).with_move(move)
    reroute(deployment, routing)
    record(work.keeps.parents[1], Routed(now_ns(), routing.version, routing.moves))
    unheard = instances.wait_until_read(deployment, routing.version, after(HEARD_S))
    try:
        with owner(deployment, move.target) as new:
            at_once(new, moving.unfence())
    except Gone as error:
        raise DrillFailed(postgres.first_line(error)) from error
    opened_ns = now_ns()
    return {
        "version": routing.version,
        "unheard": ", ".join(unheard),
        OPENED_NS: opened_ns,
        "refused_s": (opened_ns - _fenced_ns(work)) / 1e9,
    }


def remove(work: DrillWork) -> Facts:
    """End the replication, and remove the old rows once each is found on the new shard."""
    opened_ns = int(str(work.facts[SWITCH][OPENED_NS]))
    wait_until(opened_ns + round(DRAIN_S * 1e9), work.stop)
    try:
        return {"rows": unmoving.finish(work.aim.deployment, range_of(work.aim))}
    except Gone as error:
        raise DrillFailed(postgres.first_line(error)) from error


def _fenced_ns(work: DrillWork) -> int:
    return int(str(work.facts[FENCE][FENCED_NS]))


def _within_fence(work: DrillWork) -> None:
    """Raises :class:`DrillOverdue` when writes have been refused for too long: then the range stays where it is."""
    limit_s = float(work.aim.parameters["fence"])
    if left_s(_fenced_ns(work) + round(limit_s * 1e9)) <= 0:
        raise DrillOverdue(f"writes were refused for {limit_s:g} s, and the new shard did not have all of them")


def unfit(aim: Aim) -> str:
    """Unfit while the range is moved already, something of an earlier move is left, one of the two shards does not serve, or workers run."""
    deployment = aim.deployment
    if any(process.role == "worker" for process in deployment.processes):
        # A job that was published names the shard on which its worker looks for it.
        return "this environment runs workers, and jobs in the background do not move with their franchises yet"
    try:
        move = range_of(aim)
    except DrillDisturbed as error:
        return str(error)
    if reason := misfit(deployment.topology, aim.scope, aim.parameters):
        return reason
    for done in routing_of(deployment).moves:
        if done.first <= move.last and move.first <= done.last:
            return f"franchises {done.first} to {done.last} were moved to shard {done.target} already; they stay there until the environment is new"
    for check in (proofs.shard(deployment, move.source, at_home=False), proofs.shard(deployment, move.target, at_home=False)):
        if not (found := check()).holds:
            return str(found)
    return _unfit_server(aim, move) or _leftover(aim)


def _unfit_server(aim: Aim, move: Move) -> str:
    for shard in (move.source, move.target):
        try:
            with owner(aim.deployment, shard) as connection:
                major = int(str(one(connection, "SELECT current_setting('server_version_num')::int / 10000")))
                level = one(connection, "SELECT current_setting('wal_level')")
        except Gone as error:
            return postgres.first_line(error)
        if major < moving.FIRST_MAJOR:
            return f"shard {shard} runs PostgreSQL {major}, and rows are filtered only from {moving.FIRST_MAJOR} on"
        if level != "logical":
            return f"shard {shard} has wal_level {level}, not logical: the environment was started without a spare shard"
    return ""


def _leftover(aim: Aim) -> str:
    return next((str(proof) for proof in unmoving.safe(aim) if not proof.holds), "")


KIND = DrillKind(
    name="shard.migrate-range",
    does="Moves a range of the shard's franchises to the spare shard, under load: copies its rows by logical replication with a row filter, and follows; "
    "refuses writes to the range for a moment (they wait, and are carried out on the new shard); waits until the new shard has everything; compares "
    "every row; switches the routing; and removes the old rows. `refused_s` of the step `switch the routing` is for how long no write to the range was "
    "accepted.",
    proven_by="SQL on both primaries, over every table that has a franchise, by the catalogue: no row of the range is on the old shard, every franchise "
    "is on the new one once; the old one refuses a row of the range, the new one accepts a change; the bookings of the run by the environment's own "
    "query; and the edges of all regions, which say which shard answers for the range.",
    put_back_by="Until the routing is switched: lifts the fence, ends the replication, removes the copied rows. Afterwards it goes on to the end: the "
    "range stays on its new shard, because customers have booked there. Proven by nothing of the move being left, every franchise of the range on the "
    "one shard and no row of it on the other, and a write and streaming replicas of both.",
    scope=("shard",),
    steps=(
        DrillStep(CHOOSE, choose),
        DrillStep(PREPARE, prepare),
        DrillStep(COPY, copy),
        DrillStep(FENCE, fence),
        DrillStep(CATCH_UP, catch_up),
        DrillStep(COMPARE, compare),
        DrillStep(SWITCH, switch),
        DrillStep(REMOVE, remove),
    ),
    unfit=unfit,
    prove=proven,
    undo=unmoving.undo,
    safe=unmoving.safe,
    misfit=misfit,
    parameters=(
        Parameter("first", int, 0, "The first franchise of the range; 0 is the shard's own first.", at_most=10**9),
        Parameter("franchises", int, 1000, "How many franchises move.", at_least=1, at_most=100_000),
        Parameter(
            "fence",
            float,
            2.0,
            "For how many seconds writes may be refused; after them the range stays where it is.",
            at_least=0.1,
            at_most=60,
        ),
    ),
    uses=("standby", "rows", "spare", "routing"),
)
