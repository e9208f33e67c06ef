"""An open transaction locks rows that many customers need: the calendars of the busiest shops of a shard."""

from __future__ import annotations

from closeshave.clients import patroni, postgres
from closeshave.clock import now_ns
from closeshave.faults import extra_processes
from closeshave.faults.helpers.hold_rows import CALENDARS, HOTTEST
from closeshave.faults.kind import Aim, Kind, NotSeen, Parameter, Proof, Say
from closeshave.faults.shard import cluster
from closeshave.faults.shard.cluster import HELPER_S, LASTS_S_MAX, helper, named, no_helper, no_sessions, shard_of, unfit
from closeshave.faults.waiting import wait_until
from closeshave.history import Injection, Sighting, TouchedProcess, TouchedRows
from closeshave.plan import Expected

HOLDER = "rows"
FRANCHISES = Parameter(
    "franchises",
    int,
    default=10,
    about="How many franchises are locked: those with the most bookings at that moment.",
    at_least=1,
    at_most=200,
)
WAITED_MS = 200


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Start the helper before the injection; its transaction begins at the injection and stays open."""
    lead = patroni.leader(aim.deployment, shard_of(aim))
    with postgres.session(aim.deployment, lead) as connection:
        hottest = tuple(int(row[0]) for row in connection.execute(HOTTEST, {"franchises": aim.parameters["franchises"]}))
    name = helper(aim, HOLDER)
    said = (lead.port, aim.deployment.database, aim.deployment.user, name, ",".join(map(str, hottest)), strike_ns, LASTS_S_MAX)
    holder = extra_processes.start_helper(aim.deployment, name, "hold_rows", *map(str, said))
    wait_until(strike_ns)
    began_ns = now_ns()
    touched = (TouchedProcess(name, holder.pid), TouchedRows(hottest))
    return Injection(aim.label, touched, began_ns, now_ns(), targets=(lead.process,))


def look(aim: Aim, injection: Injection) -> Sighting | NotSeen:
    """Try to book a free minute at the busiest franchise, and roll it back: the statement waits for a lock."""
    busiest = next(each.franchises[0] for each in injection.touched if isinstance(each, TouchedRows))
    for member in named(aim, injection.targets):
        try:
            with postgres.session(aim.deployment, member) as connection, connection.transaction(force_rollback=True):
                connection.execute(f"set local lock_timeout = {WAITED_MS}")
                connection.execute(CALENDARS, {"franchises": [busiest], "minutes_max": 1})
        except postgres.Locked as error:
            return Sighting(f"a booking at franchise {busiest}, by SQL at {member.process}", str(error).splitlines()[0])
        except postgres.Unavailable as error:
            return NotSeen(f"{member.process} cannot be asked: {error}".strip())
    return NotSeen(f"a booking at franchise {busiest} waits for no lock")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """End the helper, whose transaction the server then rolls back; then as for every fault of a shard."""
    return cluster.undo_with_helper(aim, HOLDER, deadline_ns, say)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """The helper and its session are gone, and the shard is healthy."""
    return cluster.prove(aim, no_helper(aim, HOLDER), no_sessions(aim, HOLDER))


KIND = Kind(
    name="shard.hot-row-locked",
    does="Holds a transaction open that has booked all free time of the busiest franchises, and locks every booking there.",
    observed_by="A booking of one free minute at the busiest of them waits for a lock until its own lock timeout.",
    undone_by="Ends the helper, whose transaction is rolled back; proven by its absence and that of its sessions, a write, replicas, applications.",
    scope=("shard",),
    uses=("tables",),
    parameters=(FRANCHISES,),
    # The locked franchises cannot be booked until the transaction ends; the others of the shard should not notice.
    expected=Expected.RESTORED,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    lead_s=lambda _aim: HELPER_S,
)
