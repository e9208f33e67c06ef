"""The functions that the experiments under ``chaos/`` call: the connection between Chaos Toolkit and the catalogue.

Every experiment has the same activities: inject, observe, hold, and heal as its rollback. They share their state through the ledger, not in memory,
so that healing works from any process. Chaos Toolkit may pass text (configuration from the environment), which kinds parse.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from closeshave.deployment import Deployment
from closeshave.faults import lifecycle, running
from closeshave.faults.catalogue import KINDS, of
from closeshave.faults.kind import Aim, Kind
from closeshave.faults.ledger import Ledger
from closeshave.faults.runmark import RUN_MARK, mark
from closeshave.faults.waiting import SECOND_NS, wait_until

__all__ = ["heal", "hold", "inject", "observe"]
PROBES = frozenset({"observe"})
"""Of these activities; the others are actions."""

logger = logging.getLogger("chaostoolkit")
"""Chaos Toolkit's own logger, so that its user sees the progress."""
Configuration = Mapping[str, Any]
COMMON = ("deployment", "run", "fault", "at_ns", "hold_s")
"""Configuration that every experiment has, beside its kind's scope and parameters:

``deployment`` is an environment's root (empty: the only running one), ``run`` the run directory that ledger and timeline go to (empty: the
environment's root), ``fault`` the fault's ID, ``at_ns`` the monotonic nanosecond of the injection (0: as soon as the environment is fit) and
``hold_s`` the seconds from injection to healing.
"""


@dataclass(frozen=True, slots=True)
class _Call:
    """The arguments of an activity, as its configuration gives them."""

    kind: Kind
    aim: Aim
    deployment: Deployment
    ledger: Ledger
    fault: str
    strike_ns: int | None
    hold_s: float

    def stopped(self) -> bool:
        """A request to stop holding this fault and to heal it."""
        return stop_file(self.ledger.run, self.fault).exists()


def stop_file(run: Path, fault: str) -> Path:
    """If this file exists, an experiment heals at once. A file, because a signal may get lost inside an action."""
    return run / "faults" / f"{fault}.stop"


def inject(kind: str, configuration: Configuration) -> dict[str, Any] | None:
    """Action: inject the fault at its time. Returns the evidence; ``None`` when it was stopped before."""
    call = _read(kind, configuration)
    if call.strike_ns is None:
        # By hand no earlier stop applies: an old file belongs to an old run.
        stop_file(call.ledger.run, call.fault).unlink(missing_ok=True)
    injection = lifecycle.inject(call.ledger, call.fault, call.kind, call.aim, call.strike_ns, call.hold_s, call.stopped)
    return None if injection is None else asdict(injection)


def observe(kind: str, configuration: Configuration) -> dict[str, Any] | None:
    """Probe: check that it is in effect, in a way that shares nothing with the injection.

    Returns what was seen; ``None`` when it did not take effect.
    """
    call = _read(kind, configuration)
    if call.ledger.find(call.fault) is None:
        return None
    sighting = lifecycle.observe(call.ledger, call.fault, call.kind, call.aim, call.stopped)
    return None if sighting is None else asdict(sighting)


def hold(kind: str, configuration: Configuration) -> str:
    """Action: wait until the fault has been held for its time, or until it is stopped. Returns why it ended."""
    call = _read(kind, configuration)
    standing = call.ledger.find(call.fault)
    if standing is None or standing.injection is None:
        return "nothing to hold: the fault was not injected"
    began_ns = standing.injection.began_ns
    ends_ns = began_ns + round(call.hold_s * SECOND_NS)
    for step in call.kind.course(call.aim):
        at_ns = began_ns + round(step.after_s * SECOND_NS)
        if at_ns >= ends_ns or not wait_until(at_ns, call.stopped):
            break
        lifecycle.carry_out_step(call.ledger, call.fault, call.aim, step, ends_ns, say=logger.info)
    if not wait_until(ends_ns, call.stopped):
        return "stopped"
    still = lifecycle.look_again(call.ledger, call.fault, call.kind, call.aim, call.stopped)
    return "held" if still else "held, but the fault had ended before"


def heal(kind: str, configuration: Configuration) -> str:
    """Rollback: undo the fault and prove that it is healed. Raises :class:`RuntimeError` that says what is not proven."""
    call = _read(kind, configuration)
    if call.ledger.find(call.fault) is None:
        return "nothing to heal"
    unproven = lifecycle.heal(call.ledger, call.fault, call.deployment, say=logger.info)
    if unproven:
        raise RuntimeError("; ".join(unproven))
    return "healed"


def _read(kind: str, configuration: Configuration) -> _Call:
    deployment = running.deployment(configuration["deployment"])
    run = Path(configuration["run"] or deployment.root)
    scope = {key: configuration[key] for key in KINDS[kind].scope}
    # What an operator's hook starts is a helper of the run: it ends with it.
    chosen = of(kind, scope, deployment, {RUN_MARK: mark(run)})
    parameters = {parameter.name: configuration[parameter.name] for parameter in chosen.parameters}
    return _Call(
        kind=chosen,
        aim=chosen.aim(deployment, scope, parameters),
        deployment=deployment,
        ledger=Ledger(run),
        fault=str(configuration["fault"]),
        strike_ns=int(configuration["at_ns"]) or None,
        hold_s=float(configuration["hold_s"]),
    )
