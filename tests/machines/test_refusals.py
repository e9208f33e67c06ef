"""Who may not take part is told why, in one sentence; whoever has no token is told nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.machines.messages import Hello
from closeshave.machines.refusals import ExpectedMachines, refusal

EXPECTED = ExpectedMachines("secret", "1.2.3", "run-1", "a" * 64, 7, 2)
HELLO = Hello("secret", "1.2.3", "run-1", "a" * 64, 7, "east", "0" * 32, 1)
OTHER = "1" * 32


@pytest.mark.parametrize(
    ("hello", "instances", "dealt", "said"),
    [
        ({}, {}, False, ""),
        ({}, {"west": OTHER}, False, ""),
        ({}, {"east": HELLO.instance}, False, ""),
        ({}, {"east": HELLO.instance, "west": OTHER}, True, ""),
        ({"token": "wrong", "version": "0"}, {}, False, "the token is not that of this run; copy the run's join file again"),
        ({"token": "schlüssel"}, {}, False, "the token is not that of this run; copy the run's join file again"),
        ({"version": "1.2.4"}, {}, False, "this machine has closeshave 1.2.4, and the run closeshave 1.2.3; install the same version on both"),
        ({"run": "run-0"}, {}, False, "the join file is of the run run-0, and this is run-1; copy the join file of this run"),
        ({"plan": "b" * 64}, {}, False, "this machine's plan is another one (bbbbbbbbbbbb; that of the run is aaaaaaaaaaaa); copy the plan again"),
        ({"seed": 8}, {}, False, "this machine's seed is 8, and that of the run 7; leave out --seed"),
        ({}, {"east": OTHER}, False, "a load machine named east takes part already; give this one another name with --name"),
        ({}, {"east": OTHER}, True, "a load machine named east was dealt its share already; a worker that was started again cannot take it over"),
        ({}, {"north": OTHER, "west": OTHER}, False, "the run has its 2 load machines already; this one came too late"),
        ({}, {"north": OTHER}, True, "the run has its 2 load machines already; this one came too late"),
    ],
)  # fmt: skip
def test_one_sentence(hello: dict[str, object], instances: dict[str, str], dealt: bool, said: str) -> None:
    """The same one, whatever else is wrong too."""
    assert refusal(replace(HELLO, **hello), EXPECTED, instances, dealt=dealt) == said  # type: ignore[arg-type]
