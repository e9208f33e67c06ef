"""Carries out one drill: it is in the ledger before its first step, every step and proof goes to the timeline, and everything is put back in the end."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

from closeshave.clock import now_ns
from closeshave.control.waiting import obstacle
from closeshave.drills.catalogue import WAYS_BACK
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillOverdue, DrillStep, DrillStopped, DrillWork, Facts
from closeshave.faults.kind import Proof
from closeshave.faults.ledger import Ledger, Undo
from closeshave.faults.lifecycle import heal
from closeshave.faults.waiting import after, left_s, until, wait_until
from closeshave.files import unexpected
from closeshave.history import DrillEnded, DrillEnding, DrillProven, DrillStepped, Mark, record
from closeshave.vocabulary import MarkKind

FIT_WITHIN_S = 10.0
OUTLIVED_S = 5.0
"""How long after its limit a drill counts as left behind, so that the janitor puts it back."""


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """How the steps of a drill ended."""

    how: DrillEnding
    why: str = ""


def carry_out(ledger: Ledger, kind: DrillKind, work: DrillWork, at_ns: int, limit_s: float) -> list[str]:
    """Wait until the environment is fit and the drill due, carry it out, prove its end state, and put everything back.

    Returns what is not proven to be put back, empty when everything is. Never raises because of a step: how the drill ended is on the timeline.
    """
    if reason := _unfit(kind, work, at_ns):
        _end(ledger, work, now_ns(), DrillOutcome(DrillEnding.DISTURBED, f"it could not begin: {reason}"))
        return []
    if not wait_until(at_ns, work.stop):
        _end(ledger, work, now_ns(), DrillOutcome(DrillEnding.DISTURBED, "the drill was stopped before it began"))
        return []
    aim = work.aim
    undo = Undo(kind.name, dict(aim.scope), dict(aim.parameters), aim.deployment.root)
    ledger.plan(work.id, undo, ttl_s=limit_s + kind.proven_within_s + kind.put_back_within_s + OUTLIVED_S, strike_ns=at_ns)
    began_ns = now_ns()
    work = replace(work, deadline_ns=after(limit_s))
    work.keeps.mkdir(parents=True, exist_ok=True)
    outcome, work = _steps(ledger, kind, work)
    prove = {DrillEnding.CARRIED_OUT: kind.prove, DrillEnding.STOPPED: kind.prove_stopped}.get(outcome.how)
    if prove is not None:
        outcome = _proven(ledger, kind, prove, work) or outcome
    _end(ledger, work, began_ns, outcome)
    left = heal(ledger, work.id, aim.deployment, work.say, kind.put_back_within_s, {**WAYS_BACK, kind.name: kind.way_back})
    with suppress(OSError):
        for unproven in left:
            record(ledger.run, Mark(now_ns(), MarkKind.HEAL_UNPROVEN, unproven))
    return left


def _unfit(kind: DrillKind, work: DrillWork, at_ns: int) -> str:
    try:
        return obstacle(lambda: "" if work.stop() else kind.unfit(work.aim), max(left_s(at_ns), FIT_WITHIN_S), kind.ask_every_s)
    except Exception as error:  # noqa: BLE001 - whatever it is, the drill cannot begin, and the run must say so
        return _unexpected(work, error, "looking whether it can begin")


def _steps(ledger: Ledger, kind: DrillKind, work: DrillWork) -> tuple[DrillOutcome, DrillWork]:
    """Do every step until one cannot be done; how that ended, and the work with what the steps found."""
    for step in kind.steps:
        began_ns = now_ns()
        work.say(f"{work.id}: {step.name}")
        facts, outcome = _step(step, work)
        with suppress(OSError):
            # A disk that is full must not keep anything from being put back.
            record(ledger.run, DrillStepped(work.id, step.name, began_ns, now_ns(), dict(facts or {}), done=facts is not None))
        if facts is None:
            return outcome, work
        work = replace(work, facts=MappingProxyType({**work.facts, step.name: facts}))
        if outcome.how is DrillEnding.STOPPED:
            return outcome, work
    return DrillOutcome(DrillEnding.CARRIED_OUT), work


def _step(step: DrillStep, work: DrillWork) -> tuple[Facts | None, DrillOutcome]:
    """What the step found; ``None``, and why, if it was not done."""
    if work.stop():
        return None, DrillOutcome(DrillEnding.DISTURBED, f"the drill was stopped before the step {step.name!r}")
    try:
        return step.act(work), DrillOutcome(DrillEnding.CARRIED_OUT)
    except DrillStopped as stopped:
        return stopped.facts, DrillOutcome(DrillEnding.STOPPED, str(stopped))
    except DrillFailed as error:
        return None, DrillOutcome(_how(error), f"{step.name}: {error}")
    except DrillDisturbed as error:
        return None, DrillOutcome(DrillEnding.DISTURBED, f"{step.name}: {error}")
    except Exception as error:  # noqa: BLE001 - an error that no kind expects says nothing about the platform
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        why = "the disk is full" if full else _unexpected(work, error, f"the step {step.name!r}")
        return None, DrillOutcome(DrillEnding.DISTURBED, f"{step.name}: {why}")


def _proven(ledger: Ledger, kind: DrillKind, prove: Callable[[DrillWork], tuple[Proof, ...]], work: DrillWork) -> DrillOutcome | None:
    """Check the end state until it holds; the last answers go to the timeline. ``None`` unless it could not be checked."""
    proofs: tuple[Proof, ...] = ()

    def holds() -> bool:
        nonlocal proofs
        proofs = prove(work)
        return (bool(proofs) and all(proof.holds for proof in proofs)) or work.stop()

    try:
        until(holds, after(kind.proven_within_s), kind.ask_every_s)
    except DrillFailed as error:
        return DrillOutcome(_how(error), f"the proof of its end state: {error}")
    except DrillDisturbed as error:
        return DrillOutcome(DrillEnding.DISTURBED, f"the proof of its end state: {error}")
    except Exception as error:  # noqa: BLE001 - a proof that cannot be made proves nothing either way
        return DrillOutcome(DrillEnding.DISTURBED, f"the proof of its end state: {_unexpected(work, error, 'the proof')}")
    if work.stop():
        return DrillOutcome(DrillEnding.DISTURBED, "the drill was stopped before its end state was proven")
    try:
        for proof in proofs:
            record(ledger.run, DrillProven(work.id, now_ns(), proof.what, proof.holds, proof.saw))
    except OSError as error:
        # Everything must be put back all the same, and half of the proofs prove nothing.
        return DrillOutcome(DrillEnding.DISTURBED, f"the proof of its end state could not be kept: {unexpected.told(error)}")
    return None


def _how(error: DrillFailed) -> DrillEnding:
    return DrillEnding.OVERDUE if isinstance(error, DrillOverdue) else DrillEnding.FAILED


def _end(ledger: Ledger, work: DrillWork, began_ns: int, outcome: DrillOutcome) -> None:
    work.say(f"{work.id}: {outcome.how.value}{f': {outcome.why}' if outcome.why else ''}")
    with suppress(OSError):
        record(ledger.run, DrillEnded(work.id, began_ns, now_ns(), outcome.how.value, outcome.why))


def _unexpected(work: DrillWork, error: Exception, where: str) -> str:
    """The error as a clause; its traceback is kept in the logs of the run."""
    with suppress(OSError):
        unexpected.keep(error, work.keeps.parents[1], f"drill {work.id}: {where}")
    return unexpected.told(error)
