"""The parts that a fault affects, and the check that they are healthy: before the injection, and after healing."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.deployment import Deployment
from closeshave.faults import proofs, repair
from closeshave.faults.kind import Say


@dataclass(frozen=True, slots=True)
class Affected:
    """Processes, and the shards and store groups that they are part of."""

    deployment: Deployment
    processes: tuple[str, ...]
    groups: tuple[str, ...]
    shards: tuple[int, ...] = ()

    def unfit(self) -> str:
        """Unfit until every shard and group is healthy, so that only the fault can cause a later loss."""
        checks = [proofs.group(self.deployment, group, at_home=False) for group in self.groups]
        broken = [str(proof) for proof in proofs.together(checks) if not proof.holds]
        return "; ".join([*broken, *filter(None, (proofs.unsettled(self.deployment, shard) for shard in self.shards))])

    def mend(self, deadline_ns: int, say: Say, *, at_home: bool) -> tuple[str, ...]:
        """Run every process, connect every group's stores and, if wanted, switch every role back to the declared process."""
        done = repair.revive(self.deployment, self.processes, deadline_ns, say)
        for group in self.groups:
            repair.link_stores(self.deployment, group, deadline_ns)
        if at_home:
            for shard in self.shards:
                done += repair.shard_home(self.deployment, shard, deadline_ns, say)
            for group in self.groups:
                done += repair.group_home(self.deployment, group, deadline_ns, say)
        return done

    def checks(self, *, at_home: bool) -> list[proofs.Check]:
        """Every condition of their health, up to the edges."""
        etcd = any(self.deployment.process(name).role == "etcd" for name in self.processes)
        return [
            proofs.running(self.deployment, self.processes),
            *([proofs.etcd(self.deployment)] if etcd else []),
            *(proofs.shard(self.deployment, shard, at_home=at_home) for shard in self.shards),
            *(proofs.group(self.deployment, group, at_home=at_home) for group in self.groups),
            proofs.applications(self.deployment),
            proofs.edges(self.deployment, self.shards),
        ]
