"""Every shard has its read replicas, counted at its primary."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.clients import patroni, postgres
from closeshave.plurals import counted
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, figure, settled, unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding


def _ask(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        asked = "replicas that stream, by pg_stat_replication of the primary"
        try:
            leader = patroni.leader(scene.deployment, shard.id)
            scene.see(f"shard {shard.id}", asked, {"primary": leader.process, "streaming": postgres.streaming(scene.deployment, leader)})
        except (patroni.NoLeader, postgres.Unavailable) as error:
            scene.see(f"shard {shard.id}", asked, {}, f"{type(error).__name__} {error}")


def _subjects(basis: ProbeBasis) -> list[str]:
    return [f"shard {shard.id}" for shard in basis.topology.shards]


def _judge_declared(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    declared = {f"shard {shard.id}": basis.standbys(shard.id) for shard in basis.topology.shards}

    def wrong(one: Observation) -> str:
        streaming, wanted = figure(one, "streaming"), declared.get(one.subject, 0)
        if streaming is None:
            return Unclear("the count is no number")
        return "" if streaming >= wanted else f"{streaming:.0f} of {wanted} declared replicas stream"

    return settled(seen, _subjects(basis), wrong, "every declared replica streams from its primary")


def _judge_promised(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    said = basis.promised("replicas")
    if said is None or said.replicas is None:
        return unknown("the target does not state how many replicas a shard has (says: {replicas: 2})", seen)
    promised = said.replicas
    if short := [shard.id for shard in basis.topology.shards if basis.standbys(shard.id) < promised]:
        return unknown(
            f"{promised} are promised; this environment declares {basis.standbys(short[0])} for shard {short[0]}",
            seen,
        )

    def wrong(one: Observation) -> str:
        streaming = figure(one, "streaming")
        if streaming is None:
            return Unclear("the count is no number")
        return "" if streaming >= promised else f"{counted(int(streaming), 'replica streams', 'replicas stream')}; {promised} are promised"

    return settled(seen, _subjects(basis), wrong, f"{promised} replicas stream from the primary of every shard")


FAMILY = ProbeFamily(
    "replicas",
    "Every shard has its read replicas.",
    (
        PromiseProbe(
            "replicas.declared-stream",
            ("B17",),
            "The primary of every shard counts the replicas that stream from it: all that the environment declares.",
            _ask,
            _judge_declared,
            inside=True,
        ),
        PromiseProbe(
            "replicas.as-many-as-promised",
            ("E12", "P06"),
            "The primary of every shard counts as many streaming replicas as the target promises (says: replicas). Unknown where the environment declares "
            "fewer.",
            _ask,
            _judge_promised,
            inside=True,
            smoke=False,
        ),
    ),
)
