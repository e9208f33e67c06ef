"""A drill that the hooks of the platform's operator carry out: start, status, finish, verify, abort. On a remote platform there is no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from closeshave.clock import now_ns
from closeshave.deployment import UNSAID, Call, DrillHook
from closeshave.drills.kind import DrillDisturbed, DrillFailed, DrillKind, DrillOverdue, DrillStep, DrillWork, Facts
from closeshave.faults.calls import Done, Way, carry_out, straight
from closeshave.faults.drillhook import kept, label, way_back
from closeshave.faults.hook import ASK_EVERY_S
from closeshave.faults.kind import OUTSIDE, Aim, Kind, Proof
from closeshave.faults.waiting import left_s
from closeshave.files import write_atomically
from closeshave.history import BY_HOOKS, Mark, record
from closeshave.vocabulary import MarkKind

START, WAIT, FINISH = "start", "wait until it is done", "finish"
"""The steps, as reports show them."""


def bind(hook: DrillHook, environ: Mapping[str, str], way: Way = straight) -> DrillKind:
    """The drill as this hook carries it out. ``environ`` is added to the environment of its commands while it is carried out, and ``way`` gives the proxy
    for a URL. What puts it back gets no such addition: it may run when the run is over.
    """
    calls = _Calls(hook, environ, way)
    back: Kind = way_back(hook, {}, way)
    assert back.undo is not None  # that of a drill's hook has both
    assert back.prove is not None
    steps = [DrillStep(START, calls.start)]
    if hook.status != UNSAID:
        steps.append(DrillStep(WAIT, calls.wait))
    if hook.finish != UNSAID:
        steps.append(DrillStep(FINISH, calls.finish))
    return DrillKind(
        name=hook.kind,
        does="Calls the hooks of the platform's operator.",
        proven_by="The operator's verify call, which shares nothing with the others, and which did not succeed before the drill.",
        put_back_by="Calls the operator's abort, unless the proven end state stays; proven by the operator's heal_check.",
        scope=tuple(hook.scope),
        steps=tuple(steps),
        unfit=calls.unfit,
        prove=calls.prove,
        undo=back.undo,
        safe=back.prove,
        environments=OUTSIDE,
        proven_within_s=hook.verified_within,
        put_back_within_s=hook.healed_within,
        ask_every_s=ASK_EVERY_S,
    )


class _Calls:
    """The calls of one hook, as the steps of a drill need them."""

    def __init__(self, hook: DrillHook, environ: Mapping[str, str], way: Way) -> None:
        self._hook = hook
        self._do = partial(carry_out, environ=environ, way=way)

    def unfit(self, _aim: Aim) -> str:
        """The platform must be in a safe state, and ``verify`` must not be content yet."""
        well, saw = self._asked("heal_check", self._hook.heal_check, self._hook.heal_check.timeout)
        if not well:
            return f"the platform is not in a safe state: {saw}"
        well, saw = self._asked("verify", self._hook.verify, self._hook.verify.timeout)
        return f"{saw} before the drill, so it cannot prove that the drill was carried out" if well else ""

    def start(self, work: DrillWork) -> Facts:
        """Begin the procedure."""
        kept(work.aim.deployment, self._hook).unlink(missing_ok=True)
        saw = self._must("start", self._hook.start, work)
        if self._hook.status == UNSAID and self._hook.finish != UNSAID:
            self._doubt_heal_check(work, lambda: True)
        return {BY_HOOKS: True, "saw": saw}

    def wait(self, work: DrillWork) -> Facts:
        """Ask until the procedure is done."""
        asked, saw = 0, ""

        def obstacle() -> str:
            nonlocal asked, saw
            well, saw = self._asked("status", self._hook.status, self._left(work, self._hook.status))
            asked += 1
            if not well and asked == 1:
                self._doubt_heal_check(work, self._still_under_way)
            return "" if well else saw

        work.until(obstacle, "it was not done within its limit", ASK_EVERY_S)
        return {"asked": asked, "saw": saw}

    def finish(self, work: DrillWork) -> Facts:
        """The last step."""
        return {"saw": self._must("finish", self._hook.finish, work)}

    def prove(self, work: DrillWork) -> tuple[Proof, ...]:
        """Ask whether the end state is as it must be. If it stays, ``abort`` must not be called from now on. Raises :class:`DrillDisturbed` if nobody
        could be asked."""
        done = self._do(self._hook.verify, min(self._hook.verify.timeout, self._hook.verified_within))
        saw = f"verify of the hook for {label(self._hook)} {done.saw}"
        if done.sent_ns is None:
            raise DrillDisturbed(saw)
        if done.well and self._hook.stays:
            place = kept(work.aim.deployment, self._hook)
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, f"{work.id}\n")
        return (Proof("the end state is as it must be", done.well, saw),)

    def _must(self, name: str, call: Call, work: DrillWork) -> str:
        """Carry out a call that is a step. Raises :class:`DrillFailed`, :class:`DrillOverdue` if it did not end in time, and :class:`DrillDisturbed` if it
        could not even be made."""
        within_s, began_s = self._left(work, call), time.monotonic()
        done: Done = self._do(call, within_s)
        saw = f"{name} of the hook for {label(self._hook)} {done.saw}"
        if done.well:
            return saw
        if done.sent_ns is None:
            raise DrillDisturbed(saw)
        raise DrillOverdue(saw) if time.monotonic() - began_s >= within_s else DrillFailed(saw)

    def _still_under_way(self) -> bool:
        return not self._asked("status", self._hook.status, self._hook.status.timeout)[0]

    def _doubt_heal_check(self, work: DrillWork, under_way: Callable[[], bool]) -> None:
        """Note it if ``heal_check`` is content in the middle of the drill: then it cannot say later that nothing is half done."""
        well, saw = self._asked("heal_check", self._hook.heal_check, self._left(work, self._hook.heal_check))
        if well and under_way():
            said = f"{work.id}: {saw} while the drill was under way, so it cannot prove that nothing is left half done"
            record(work.keeps.parents[1], Mark(now_ns(), MarkKind.HEAL_CHECK_WORTHLESS, said))

    def _asked(self, name: str, call: Call, within_s: float) -> tuple[bool, str]:
        done = self._do(call, within_s)
        return done.well, f"{name} of the hook for {label(self._hook)} {done.saw}"

    def _left(self, work: DrillWork, call: Call) -> float:
        return min(call.timeout, max(0.1, left_s(work.deadline_ns)))
