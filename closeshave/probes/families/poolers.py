"""The pooler of every shard takes as many clients as promised, all at the same time, and answers each of them."""

from __future__ import annotations

import resource
from collections.abc import Sequence

from closeshave.clients import pooler, postgres
from closeshave.clients.pooler import PoolerRefused, PoolerSession
from closeshave.deployment import Process
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, figure, settled, unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import CannotAsk, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

FILES_SPARE = 256
"""Files that this process has open beside the sessions."""


def _ask(scene: ProbeScene) -> None:
    said = scene.basis.promised("pooled_connections")
    if said is None or said.pooled_connections is None:
        return
    _allow_files(said.pooled_connections + FILES_SPARE)
    for process in scene.deployment.processes:
        if process.role == "pooler":
            _fill(scene, process, said.pooled_connections)


def _allow_files(needed: int) -> None:
    """Raises :class:`CannotAsk`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed and hard >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    elif soft < needed:
        raise CannotAsk(f"this machine permits {hard:,} open files to a process, and {needed:,} are needed (ulimit -n)")


def _fill(scene: ProbeScene, process: Process, promised: int) -> None:
    """Open sessions until the pooler has as many clients as promised; then each of them is asked for something, and leaves."""
    (port,) = process.ports
    asked = f"sessions at port {port} until it has {promised:,} clients; then SELECT 1 by each of them"
    held: list[PoolerSession] = []
    refused = unanswered = ""
    answered = 0
    try:
        before = pooler.clients(port)
        while len(held) + before < promised and not refused:
            try:
                held.append(pooler.connect(port, scene.deployment.database, scene.deployment.user))
            except PoolerRefused as error:
                refused = str(error)
        there = pooler.clients(port)
        for session in held:
            try:
                answered += session.ask("SELECT 1") != []
            except PoolerRefused as error:
                unanswered = unanswered or str(error)
            # One that waits for a connection to the database gets that of one that has left.
            session.close()
    except (OSError, postgres.Unavailable) as error:
        scene.see(process.name, asked, {"held": len(held), "answered": answered}, f"{type(error).__name__} {error}".strip())
    else:
        saw = {"before": before, "held": len(held), "clients": there, "answered": answered, "refused": refused, "unanswered": unanswered}
        scene.see(process.name, asked, saw)
    finally:
        for session in held:
            session.close()


def _judge(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    said = basis.promised("pooled_connections")
    if said is None or said.pooled_connections is None:
        return unknown("the target does not state how many clients a pooler takes (says: {pooled_connections: 1000})", seen)
    if not basis.poolers:
        return unknown("the environment has no pooler (pooler)", seen)
    promised = said.pooled_connections

    def wrong(one: Observation) -> str:
        clients, held, answered = (figure(one, name) for name in ("clients", "held", "answered"))
        if clients is None or held is None or answered is None:
            return Unclear("its clients are not counted")
        if one.saw.get("refused"):
            return f"refuses one more client when it has {clients:,.0f} ({one.saw.get('refused')}); {promised:,} are promised"
        if clients < promised:
            return Unclear(f"it had {clients:,.0f} clients at the same time, and {promised:,} were to be opened")
        if answered < held:
            return f"{held - answered:,.0f} of {held:,.0f} clients got no answer ({one.saw.get('unanswered') or 'an empty one'})"
        return ""

    return settled(seen, basis.poolers, wrong, f"every pooler takes {promised:,} clients at the same time, and answers them")


FAMILY = ProbeFamily(
    "poolers",
    "Poolers take as many clients as promised.",
    (
        PromiseProbe(
            "poolers.clients-taken",
            ("E11", "P05"),
            "Sessions are opened at the pooler of every shard in every region, beside those of the application, until it has as many clients as the "
            "target says (pooled_connections); then each of them gets an answer from the database.",
            _ask,
            _judge,
            reach=ProbeReach.STRAINS,
            inside=True,
            smoke=False,
        ),
    ),
)
