"""The rows of the table: what the candidate does, who disturbs the machine, and what the gates must say."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.gate.decision import GateAnswer

SLOTS = "/api/v2/appointments/slots"
CURRENT = "current"


@dataclass(frozen=True, slots=True)
class PowerCase:
    """One row."""

    key: str
    """Of its directory and for ``--only``."""
    told: str
    """In the table."""
    candidate: str
    """Its release."""
    gates: int
    """How many gates the row is about, live and composed."""
    answer: GateAnswer
    """What most of them must say."""
    at_least: int
    """So many must say it."""
    never: tuple[GateAnswer, ...] = ()
    """What no gate may say."""
    metric: str = ""
    """The metric that must be worse; empty: any."""
    alone: bool = False
    """Whether no other metric may be worse."""
    bursts: bool = False
    """Whether a neighbour burns one core in bursts."""
    witness: bool = False
    """Whether a broken promise, not a metric, must end it."""


SAME, WORSE, BETTER = GateAnswer.SAME, GateAnswer.WORSE, GateAnswer.BETTER
CPU = "cpu-per-request"
CASES = (
    PowerCase("equal", "A against A, quiet", CURRENT, 20, SAME, 17, never=(WORSE,)),
    PowerCase("equal-bursts", "A against A, bursty neighbour", CURRENT, 20, SAME, 0, never=(WORSE, BETTER), bursts=True),
    PowerCase("cpu-bursts", "+10 % platform CPU per request, bursty neighbour", "dearer", 20, WORSE, 15, metric=CPU, bursts=True),
    PowerCase("time-10", "+10 % service time in every request", "slower-10", 20, WORSE, 19),
    PowerCase("time-5", "+5 %", "slower-5", 20, WORSE, 16),
    PowerCase("time-3", "+3 %", "slower-3", 20, WORSE, 0),
    PowerCase("one-endpoint", "one endpoint +15 %, others unchanged", "slower-slots", 10, WORSE, 9, metric="p95/slots", alone=True),
    PowerCase("cpu", "+10 % platform CPU per request at unchanged latency", "dearer-aside", 10, WORSE, 9, metric=CPU),
    PowerCase("doubling", "a candidate that doubles one booking in a hundred contests", "doubling", 5, WORSE, 5, witness=True),
)
SHORT = ("equal", "time-10")
"""Of the short form."""


def releases(cpu_ms: float) -> dict[str, str]:
    """Release → its burden (:mod:`closeshave.standin.defective.burden`). ``cpu_ms`` is what a request of the base costs the platform."""
    tenth = f"{cpu_ms / 10:.3f}"
    return {
        "dearer": f"cpu {tenth}",
        "dearer-aside": f"aside {tenth}",
        "slower-10": "time 10",
        "slower-5": "time 5",
        "slower-3": "time 3",
        "slower-slots": f"time 15 {SLOTS}",
    }
