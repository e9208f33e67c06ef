"""A kind of fault that a hook of the platform's operator injects: the hook's calls replace the catalogue's four functions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from closeshave.clock import now_ns
from closeshave.deployment import Asked, Call, Hook
from closeshave.faults.calls import Done, Way, carry_out, straight
from closeshave.faults.kind import OUTSIDE, OWNED, Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.waiting import after, left_s, until, wait_until
from closeshave.history import Injection, SeenMeanwhile, Sighting, TouchedText

EVERYWHERE = OWNED | OUTSIDE
"""The kinds of environments in which a hook works."""
ASK_EVERY_S = 1.0
"""A remote platform is asked rarely."""
WATCH_EVERY_S = 0.2
"""While a fault is being injected it is asked more often, because a fail-over takes only seconds."""
EXPERIMENT_EVERY_S = 0.5
"""A probe of an experiment starts an interpreter, which takes a quarter of a second of processor time."""
CHECK_TRIES = 5
"""A heal check may report a healthy platform so many times while the fault is in effect, because it may notice late."""

Do = Callable[[Call, float], Done]
"""Carries out a call of a hook, for at most so many seconds."""


class HookFailed(RuntimeError):
    """A hook failed; names the hook, the call and how it ended, never its output."""


def find(kind: str, scope: Mapping[str, object], hooks: Sequence[Hook]) -> Hook | None:
    """The hook for a kind of fault on exactly this scope; ``None`` where the operator gave none. Pure."""
    wanted = {key: str(value) for key, value in scope.items()}
    return next((hook for hook in hooks if hook.kind == kind and {key: str(value) for key, value in hook.scope.items()} == wanted), None)


def label(hook: Hook) -> str:
    """``shard.primary-killed on shard 1``."""
    return f"{hook.kind} on {', '.join(f'{key} {value}' for key, value in hook.scope.items()) or 'everything'}"


def proves_nothing_because(hook: Hook, do: Do, stop: Callable[[], bool]) -> str:
    """Why the heal check proves nothing: it repeatedly reports a healthy platform while the fault is seen in effect. Empty when it does not.

    Called between two observations, so that a fault that has just ended does not count.
    """
    for _ in range(CHECK_TRIES):
        check = do(hook.heal_check, hook.heal_check.timeout)
        if not check.well or stop() or not do(hook.observe, hook.observe.timeout).well:
            return ""
        wait_until(after(ASK_EVERY_S), stop)
    text = hook.heal_check.expect
    why = f"; {text!r} is also in the answer of the broken platform, so expect a status or members instead" if isinstance(text, str) else ""
    return f"the heal_check of the hook for {label(hook)} {check.saw} while the fault was in effect, so it cannot prove healing{why}"


@dataclass(slots=True)
class Meanwhile:
    """What is seen from the start of ``inject`` until it has returned and, if the hook reports it, the old primary has ended."""

    hook: Hook
    do: Do
    over: threading.Event = field(default_factory=threading.Event)
    seen: SeenMeanwhile | None = None
    _alive_ns: int | None = None
    """When the hook was last asked and did not yet report that the old primary has ended."""
    _ended_ns: int | None = None

    def watch(self) -> None:
        """Ask whether the fault is in effect and whether the old primary has ended, until the call is over."""
        while not self.over.is_set():
            if self._ended_ns is None and isinstance(self.hook.ends, Asked):
                asked_ns = now_ns()
                self._note(asked_ns, self.do(self.hook.ends.asked, self.hook.ends.asked.timeout).well)
            if self.seen is None:
                self._look()
            elif self.seen.worthless is None and (self._ended_ns is not None or not isinstance(self.hook.ends, Asked)):
                self._check(self.seen)
            self.over.wait(EXPERIMENT_EVERY_S if self.hook.observe.experiment is not None else WATCH_EVERY_S)

    def wait_ended(self, began_ns: int, within_s: float) -> tuple[int, int] | None:
        """The interval in which the old primary ended; ``None`` if no call reports it. Waits for the report for at most ``within_s`` seconds."""
        if self.hook.ends is None:
            return None
        until(lambda: self._ended_ns is not None, after(within_s), WATCH_EVERY_S)
        return None if self._ended_ns is None else (max(began_ns, self._alive_ns or began_ns), self._ended_ns)

    def _look(self) -> None:
        asked_ns = now_ns()
        done = self.do(self.hook.observe, self.hook.observe.timeout)
        if self.hook.ends == "when-observed":
            self._note(asked_ns, done.well)
        if done.well and not self.over.is_set():
            saw = f"observe of the hook for {label(self.hook)} {done.saw}"
            self.seen = SeenMeanwhile(f"the hook for {label(self.hook)}", saw, now_ns())

    def _check(self, seen: SeenMeanwhile) -> None:
        """Only a complete answer counts: a check that was cut short because the call returned is repeated while the fault is held."""
        why = proves_nothing_because(self.hook, self.do, self.over.is_set)
        if not self.over.is_set():
            self.seen = replace(seen, worthless=why)

    def _note(self, asked_ns: int, ended: bool) -> None:
        if ended:
            self._ended_ns = now_ns()
        else:
            self._alive_ns = asked_ns


def bind(kind: Kind, hook: Hook, environ: Mapping[str, str], way: Way = straight) -> Kind:
    """``kind`` as this hook injects it. ``environ`` is added to the environment of its commands; ``way`` as for calls."""
    do = partial(carry_out, environ=environ, way=way)

    def ask(what: str, call: Call, timeout_s: float) -> tuple[bool, str]:
        done = do(call, min(call.timeout, timeout_s))
        return done.well, f"{what} of the hook for {label(hook)} {done.saw}"

    def unfit(_aim: Aim) -> str:
        well, saw = ask("heal_check", hook.heal_check, hook.heal_check.timeout)
        return "" if well else f"the platform is not healthy: {saw}"

    def inject(aim: Aim, strike_ns: int) -> Injection:
        wait_until(strike_ns)
        meanwhile = Meanwhile(hook, do)
        # Observed from the start: the call may return after the effect has ended, or before it begins.
        watcher = threading.Thread(target=meanwhile.watch, daemon=True)
        watcher.start()
        done = do(hook.inject, hook.inject.timeout)
        returned_ns = now_ns()
        saw = f"inject of the hook for {label(hook)} {done.saw}"
        if not done.well:
            meanwhile.over.set()
            raise HookFailed(saw)
        began_ns = done.sent_ns or returned_ns
        ended = (began_ns, returned_ns) if hook.ends == "at-once" else meanwhile.wait_ended(began_ns, hook.observed_within)
        meanwhile.over.set()
        # A call of the watcher that hangs must not keep the fault from being written down.
        watcher.join(ASK_EVERY_S)
        touched = (TouchedText(saw),)
        return Injection(aim.label, touched, began_ns, None, targets=(), returned_ns=returned_ns, ended_ns=ended, seen=meanwhile.seen)

    def look(_aim: Aim, _injection: Injection) -> Sighting | NotSeen:
        well, saw = ask("observe", hook.observe, hook.observe.timeout)
        return Sighting(f"the hook for {label(hook)}", saw) if well else NotSeen(saw)

    def why_worthless(_aim: Aim, _injection: Injection, stop: Callable[[], bool]) -> str:
        return proves_nothing_because(hook, do, stop)

    def undo(_aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
        well, saw = ask("undo", hook.undo, left_s(deadline_ns))
        say(saw)
        if not well:
            raise HookFailed(saw)
        return (saw,)

    def prove(_aim: Aim) -> tuple[Proof, ...]:
        well, saw = ask("heal_check", hook.heal_check, hook.heal_check.timeout)
        return (Proof(f"the platform is healthy again after {label(hook)}", well, saw),)

    return replace(
        kind,
        does="Calls the hook of the platform's operator.",
        observed_by="The operator's observe call, which shares nothing with the injection.",
        undone_by="Calls the operator's undo; proven by the operator's heal_check.",
        unfit=unfit,
        inject=inject,
        look=look,
        why_worthless=why_worthless,
        undo=undo,
        prove=prove,
        parameters=(),
        lead_s=lambda _aim: 0.5,
        observed_within_s=hook.observed_within,
        healed_within_s=hook.healed_within,
        environments=EVERYWHERE,
        needs="",
        links=(),
        lasting=hook.lasting,
        course=lambda _aim: (),
        ask_every_s=ASK_EVERY_S,
    )
