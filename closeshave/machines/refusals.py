"""Who may take part as a load machine, and why somebody may not: one sentence each. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from closeshave.machines.messages import Hello
from closeshave.plurals import counted


@dataclass(frozen=True, slots=True)
class ExpectedMachines:
    """What a load machine must state to take part in a run."""

    token: str
    version: str
    run: str
    plan: str
    seed: int
    machines: int


def refusal(hello: Hello, expected: ExpectedMachines, instances: Mapping[str, str], *, dealt: bool) -> str:
    """Why this machine does not take part; empty when it does. ``instances`` are the machines that take part, by name; ``dealt``: their shares are
    fixed."""
    return next(_reasons(hello, expected, instances, dealt=dealt), "")


def _reasons(hello: Hello, expected: ExpectedMachines, instances: Mapping[str, str], *, dealt: bool) -> Iterator[str]:
    if not hmac.compare_digest(hello.token.encode(), expected.token.encode()):
        # The first: whoever has no token is told nothing else.
        yield "the token is not that of this run; copy the run's join file again"
    if hello.version != expected.version:
        yield f"this machine has closeshave {hello.version}, and the run closeshave {expected.version}; install the same version on both"
    if hello.run != expected.run:
        yield f"the join file is of the run {hello.run}, and this is {expected.run}; copy the join file of this run"
    if hello.plan != expected.plan:
        yield f"this machine's plan is another one ({hello.plan[:12]}; that of the run is {expected.plan[:12]}); copy the plan again"
    if hello.seed != expected.seed:
        yield f"this machine's seed is {hello.seed}, and that of the run {expected.seed}; leave out --seed"
    there = instances.get(hello.name)
    if there is not None and there != hello.instance:
        yield (
            f"a load machine named {hello.name} was dealt its share already; a worker that was started again cannot take it over"
            if dealt
            else f"a load machine named {hello.name} takes part already; give this one another name with --name"
        )
    if there is None and (dealt or len(instances) >= expected.machines):
        yield f"the run has its {counted(expected.machines, 'load machine')} already; this one came too late"
