"""Statements are committed and their answers never come.

A toxic that swallows all answers would not do it: a booking looks before it writes, so that nothing would ever be committed. Instead each
connection is cut after so many bytes of answers, in the middle of whatever is said then: now a read, now a commit.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closeshave import processes
from closeshave.deployment import Link
from closeshave.faults import links, proofs
from closeshave.faults.kind import Aim, Injection, Kind, Parameter, Proof, Say, Sighting
from closeshave.faults.parts import patroni, postgres, sockets
from closeshave.faults.parts.toxiproxy import Toxic
from closeshave.plan import Expected

NAME = "data.acknowledgement-lost"
BYTES = Parameter(
    "bytes",
    int,
    # A greeting and the plans of the platform's statements take a few thousand, each answer some hundred.
    default=16_384,
    about="How much a connection may be told before it is cut.",
    at_least=4_096,
    at_most=1 << 20,
)
_ANSWER = "select repeat('x', %s)"


def shard_of(aim: Aim) -> int:
    """The shard that a fault is aimed at."""
    return int(aim.scope["shard"])


def ways(aim: Aim) -> tuple[Link, ...]:
    """Every region's link to the shard's primary."""
    found = (link for link in aim.deployment.links if link.kind == "app-database" and link.shard == shard_of(aim))
    return tuple(link for link in found if link.name.endswith("-primary"))


def unfit(aim: Aim) -> str:
    """Not where there are no links to disturb, nor before the shard is whole."""
    if reason := links.unfit(aim.deployment):
        return reason
    whole = proofs.shard(aim.deployment, shard_of(aim), at_home=False)()
    return "" if whole.holds else str(whole)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Limit what each connection to the primary may be told, from every region."""
    toxic = Toxic("limit_data", {"bytes": int(aim.parameters["bytes"])})
    return links.inject(aim, links.Disturbance(links.owner(NAME, aim), ways(aim), (toxic,)), strike_ns)


def look(aim: Aim, _injection: Injection) -> Sighting | None:
    """Ask for a long answer through every link that is in use, and at the primary itself: only the latter comes whole."""
    used = [link for link in ways(aim) if link.port in sockets.heard_ms()]
    cut = {link.name: _cut(aim, link) for link in used}
    try:
        lead = patroni.leader(aim.deployment, shard_of(aim))
        whole = _told(aim, lead.port) == _length(aim)
    except (patroni.NoLeader, postgres.Unavailable):
        return None
    if not used or not whole or not all(cut.values()):
        return None
    saw = ", ".join(dict.fromkeys(cut.values()))
    return Sighting(f"an answer of {_length(aim)} bytes through {len(used)} links of shard {shard_of(aim)}", saw)


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Take the toxics off."""
    return links.clear(aim.deployment, links.owner(NAME, aim), deadline_ns, say)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """No toxic is listed, long answers come whole through every link, the shard takes writes and is reached from every edge."""
    return proofs.together(
        [
            links.cleared(aim.deployment, links.owner(NAME, aim)),
            lambda: _whole(aim),
            proofs.shard(aim.deployment, shard_of(aim), at_home=False),
            proofs.applications(aim.deployment),
            proofs.doors(aim.deployment, [shard_of(aim)]),
        ]
    )


def _whole(aim: Aim) -> Proof:
    root = Path(aim.deployment.root)
    # A region that another fault has taken away is no part of this proof.
    open_ways = [way for way in ways(aim) if processes.find(root, aim.deployment.process(f"toxiproxy-{way.region}"))]
    cut = [f"{way.name}: {said}" for way in open_ways if (said := _cut(aim, way))]
    return Proof(
        f"long answers of shard {shard_of(aim)} come whole through {len(open_ways)} links", not cut, ", ".join(cut) or "all of them"
    )


def _cut(aim: Aim, link: Link) -> str:
    """How a long answer through a link ended; empty when it came whole."""
    try:
        _told(aim, link.port)
    except postgres.Unavailable as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ""


def _told(aim: Aim, port: int) -> int:
    """The length of a long answer from whoever is behind ``port``. Raises :data:`postgres.Unavailable`."""
    member = replace(patroni.members_of(aim.deployment, shard_of(aim))[0], port=port)
    with postgres.session(aim.deployment, member) as connection:
        row = connection.execute(_ANSWER, (_length(aim),)).fetchone()
    assert row is not None
    return len(row[0])


def _length(aim: Aim) -> int:
    return 2 * int(aim.parameters["bytes"])


KIND = Kind(
    name=NAME,
    does="Cuts every connection to the shard's primary after so many bytes of answers, from all regions: commits go unacknowledged.",
    observed_by="A long answer is cut short through every link in use and comes whole from the primary itself.",
    undone_by="Takes the toxics off; proven by empty lists, long answers through every link, a write, streaming replicas, edges.",
    scope=("shard",),
    parameters=(BYTES,),
    expected=Expected.DEGRADES,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
    observed_within_s=10.0,
    effect_within_s=20.0,
)
