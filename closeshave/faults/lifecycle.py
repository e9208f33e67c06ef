"""The steps of a fault, edge by edge: each is written to the ledger before or after the effect that it describes.

The same functions serve the experiments (Chaos Toolkit), the trial's stop, the janitor and ``closeshave heal``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from closeshave.clock import now_ns
from closeshave.control import engine
from closeshave.control.waiting import obstacle
from closeshave.deployment import FILE, Deployment
from closeshave.faults import links
from closeshave.faults.catalogue import KINDS, of
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say, Step
from closeshave.faults.ledger import Ledger, OpenFault, Undo
from closeshave.faults.overlapping import others_in_effect
from closeshave.faults.waiting import SECOND_NS, after, left_s, until, wait_until
from closeshave.files.existing import may_exist
from closeshave.history import FaultEdge, Healing, HealProof, Injection, Mark, Sighting, record
from closeshave.plurals import counted
from closeshave.vocabulary import MarkKind

LOOK_AGAIN_S = 2.0
ASK_OTHERS_S = 1.0
"""How often a proof that fails asks whether another fault may be the cause."""
FIT_WITHIN_S = 20.0


class Unfit(RuntimeError):
    """The environment was not ready for a fault, so that it was never injected."""


def inject(
    ledger: Ledger, fault: str, kind: Kind, aim: Aim, strike_ns: int | None, hold_s: float, stop: Callable[[], bool]
) -> Injection | None:
    """Wait until the environment is fit, write the fault to the ledger, inject at ``strike_ns`` (``None``: as soon as it is fit).

    ``None`` when ``stop`` came before anything was touched.
    Raises :class:`Unfit`, or whatever the kind's injection raises; after the latter the fault stays open in the ledger.
    """

    def unfit() -> str:
        reason = _engineless(aim.deployment) or links.without_toxiproxy(aim.deployment, kind.links) or kind.unfit(aim)
        return "" if stop() else reason

    if reason := obstacle(unfit, max(left_s(strike_ns or 0), FIT_WITHIN_S), max(kind.ask_every_s, 0.05)):
        record(ledger.run, Mark(now_ns(), MarkKind.NOTE, f"{fault} was not injected: {reason}"))
        record(ledger.run, Mark(now_ns(), MarkKind.FAULT_NOT_OBSERVED, fault))
        raise Unfit(reason)
    strike_ns = strike_ns or after(kind.lead_s(aim))
    if not wait_until(strike_ns - round(kind.lead_s(aim) * SECOND_NS), stop):
        return None
    undo = Undo(kind.name, dict(aim.scope), dict(aim.parameters), aim.deployment.root)
    ledger.plan(fault, undo, ttl_s=hold_s + kind.lead_s(aim) + kind.observed_within_s + kind.healed_within_s, strike_ns=strike_ns)
    injection = kind.inject(aim, strike_ns)
    ledger.passed(fault, FaultEdge.INJECTED, injection.began_ns, injection)
    return injection


def _engineless(deployment: Deployment) -> str:
    """Why containers cannot be broken at the moment; empty when they can, or there are none.

    Asking before the injection has another use: the first call to an engine takes half a second.
    """
    return (engine.check() or "") if deployment.networks else ""


def observe(ledger: Ledger, fault: str, kind: Kind, aim: Aim, stop: Callable[[], bool]) -> Sighting | None:
    """Check until the fault is seen in effect; ``None``, and a mark on the timeline with what was seen last, if it is not within the kind's deadline.

    The call of an operator's hook may return after the fault's end: then what was observed during the call counts.
    """
    standing = ledger.find(fault)
    injection = None if standing is None else standing.injection
    if injection is None:
        record(ledger.run, Mark(now_ns(), MarkKind.FAULT_NOT_OBSERVED, fault))
        return None
    if seen := injection.seen:
        sighting = Sighting(seen.probe, seen.saw)
        ledger.passed(fault, FaultEdge.OBSERVED, seen.at_ns, sighting)
        _note_worthless(ledger, fault, kind.why_worthless(aim, injection, stop) if seen.worthless is None else seen.worthless)
        return sighting
    found = _look_until(kind, aim, injection, kind.observed_within_s, stop)
    if not isinstance(found, Sighting):
        ended = "the run was ended before it was observed" if stop() else f"not observed within {kind.observed_within_s:g} s"
        record(ledger.run, Mark(now_ns(), MarkKind.FAULT_NOT_OBSERVED, f"{fault}: {ended}{_last_saw(found)}"))
        return None
    ledger.passed(fault, FaultEdge.OBSERVED, now_ns(), found)
    _note_worthless(ledger, fault, kind.why_worthless(aim, injection, stop))
    return found


def _look_until(kind: Kind, aim: Aim, injection: Injection, within_s: float, stop: Callable[[], bool]) -> Sighting | NotSeen | None:
    """Look until the fault is seen, the time is over or ``stop`` returns true; returns what the last look saw."""
    found: Sighting | NotSeen | None = None

    def looked() -> bool:
        nonlocal found
        found = kind.look(aim, injection)
        return isinstance(found, Sighting) or stop()

    until(looked, after(within_s), kind.ask_every_s)
    return found


def _last_saw(found: NotSeen | None) -> str:
    return f"; the probe last saw: {found.saw}" if found is not None else ""


def _note_worthless(ledger: Ledger, fault: str, why: str) -> None:
    if why:
        record(ledger.run, Mark(now_ns(), MarkKind.HEAL_CHECK_WORTHLESS, f"{fault}: {why}"))


def look_again(ledger: Ledger, fault: str, kind: Kind, aim: Aim, stop: Callable[[], bool]) -> bool:
    """Whether a lasting fault is still in effect at the end of its hold; a mark on the timeline when it is not."""
    standing = ledger.find(fault)
    if not kind.lasting or standing is None or standing.edge != FaultEdge.OBSERVED:
        return True
    found = None if standing.injection is None else _look_until(kind, aim, standing.injection, LOOK_AGAIN_S, stop)
    if isinstance(found, Sighting) or stop():
        return True
    record(ledger.run, Mark(now_ns(), MarkKind.FAULT_ENDED_EARLY, f"{fault}: not seen any more{_last_saw(found)}"))
    return False


def carry_out_step(ledger: Ledger, fault: str, aim: Aim, step: Step, deadline_ns: int, say: Say) -> None:
    """Do a further step of a fault while it is held; nothing once healing has begun, because it would undo the healing."""
    with ledger.healing(fault, deadline_ns):
        standing = ledger.find(fault)
        if standing is None or standing.edge == FaultEdge.HEALED:
            return
        began_ns = now_ns()
        done = step.act(aim, deadline_ns, say)
        changes = f" ({counted(len(done), 'change')})" if done else ""
        record(ledger.run, Mark(began_ns, MarkKind.NOTE, f"{fault}: {step.does}{changes}"))


def undo(ledger: Ledger, standing: OpenFault, kind: Kind, aim: Aim, deadline_ns: int, say: Say) -> None:
    """Repair what the fault broke. The edge *healed* is the start of the repair: whatever recovers later did not recover by itself.

    Raises :class:`RuntimeError` for a kind without an undo (``validate`` refuses such a kind).
    """
    if kind.undo is None:
        raise RuntimeError(f"{kind.name} has no undo")
    began_ns = now_ns()
    # A disk that is full must not keep anybody from healing.
    with suppress(OSError):
        record(ledger.run, Mark(began_ns, MarkKind.HEALING_BEGUN, standing.fault))
    done = kind.undo(aim, deadline_ns, say)
    ledger.passed(standing.fault, FaultEdge.HEALED, began_ns, Healing(began_ns, now_ns(), done))


def prove(ledger: Ledger, standing: OpenFault, kind: Kind, aim: Aim, deadline_ns: int) -> tuple[Proof, ...]:
    """Check until everything holds or the deadline has passed; returns what does not hold, empty when the heal is proven.

    While another fault is in effect the deadline is extended: that fault may be why something is not healthy yet.
    """
    if kind.prove is None:
        raise RuntimeError(f"{kind.name} cannot verify that it is healed")
    proofs: tuple[Proof, ...] = ()

    def proven() -> bool:
        nonlocal proofs
        proofs = kind.prove(aim) if kind.prove else ()
        return bool(proofs) and all(proof.holds for proof in proofs)

    while not until(proven, min(deadline_ns, after(ASK_OTHERS_S)), max(kind.ask_every_s, 0.1)):
        if others_in_effect(ledger, standing, aim.deployment.topology, now_ns()):
            deadline_ns = max(deadline_ns, after(kind.healed_within_s))
        if now_ns() >= deadline_ns:
            return tuple(proof for proof in proofs if not proof.holds)
    ledger.passed(standing.fault, FaultEdge.VERIFIED_HEALED, now_ns(), HealProof(tuple(str(proof) for proof in proofs)))
    return ()


def heal(
    ledger: Ledger, fault: str, deployment: Deployment, say: Say, within_s: float | None = None, kinds: Mapping[str, Kind] = KINDS
) -> list[str]:
    """Undo one fault and prove it, in one process at a time; does nothing if it is not open. Returns what could not be proven."""
    standing = ledger.find(fault)
    if standing is None:
        return []
    kind = of(standing.undo.kind, standing.undo.scope, deployment, kinds=kinds)
    deadline_ns = after(kind.healed_within_s if within_s is None else within_s)
    with ledger.healing(fault, deadline_ns):
        standing = ledger.find(fault)
        if standing is None:
            return []
        if not may_exist(Path(deployment.root, FILE)):
            ledger.destroyed(fault, f"the environment at {deployment.root} is gone")
            return []
        aim = kind.aim(deployment, standing.undo.scope, standing.undo.parameters)
        undo(ledger, standing, kind, aim, deadline_ns, say)
        return [f"{fault}: {proof}" for proof in prove(ledger, standing, kind, aim, deadline_ns)]
