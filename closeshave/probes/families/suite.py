"""The smoke suite as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeOutcome

SIZE = "suite.thirty-checks"
CHECKS_MIN = 30


def finding(others: Mapping[str, ProbeOutcome]) -> ProbeFinding:
    """Whether at least thirty probes of the suite came to an answer in this round, good or bad. ``others`` may hold this one too."""
    decided = [name for name, outcome in others.items() if name != SIZE and outcome is not ProbeOutcome.UNKNOWN]
    if len(decided) < CHECKS_MIN:
        return unknown(f"{len(decided)} checks of the smoke suite came to an answer; {CHECKS_MIN} are promised")
    seen = (Observation(SIZE, "the smoke suite", "how many of its checks came to an answer", {"checks": len(decided), "names": decided}),)
    return ProbeFinding(ProbeOutcome.HOLDS, f"{len(decided)} checks of the smoke suite came to an answer", seen, len(decided))


def _ask(_scene: ProbeScene) -> None:
    """It asks nothing by itself."""


def _judge(_seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
    """Replaced by :func:`finding`, which knows the others."""
    return unknown("the other probes of the round are not known")


FAMILY = ProbeFamily(
    "suite",
    "The smoke suite is as large as promised.",
    (
        PromiseProbe(
            SIZE,
            ("E30",),
            "At least 30 probes of the smoke suite came to an answer in this round.",
            _ask,
            _judge,
        ),
    ),
)
