"""A kind of fault as the operator of a platform does it: four calls of their own in place of the catalogue's four functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from closeshave.clock import now_ns
from closeshave.deployment import Call, Hook
from closeshave.faults.calls import carry_out
from closeshave.faults.kind import Aim, Injection, Kind, Proof, Say, Sighting
from closeshave.faults.waiting import left_s, wait_until

ASK_EVERY_S = 1.0
"""Somebody else's platform is asked gently."""


class HookFailed(RuntimeError):
    """A hook did not do what it is for; names the hook, the call and how it ended, never its output."""


def find(kind: str, scope: Mapping[str, object], hooks: Sequence[Hook]) -> Hook | None:
    """The hook for a kind of fault on exactly this scope; ``None`` where the operator gave none. Pure."""
    wanted = {key: str(value) for key, value in scope.items()}
    return next((hook for hook in hooks if hook.kind == kind and {key: str(value) for key, value in hook.scope.items()} == wanted), None)


def label(hook: Hook) -> str:
    """``shard.primary-killed on shard 1``."""
    return f"{hook.kind} on {', '.join(f'{key} {value}' for key, value in hook.scope.items()) or 'everything'}"


def bind(kind: Kind, hook: Hook, environ: Mapping[str, str]) -> Kind:
    """``kind`` as this hook does it. ``environ`` is what its commands carry besides the harness's own environment."""

    def ask(what: str, call: Call, timeout_s: float) -> tuple[bool, str]:
        done = carry_out(call, min(call.timeout, timeout_s), environ)
        return done.well, f"{what} of the hook for {label(hook)} {done.saw}"

    def unfit(_aim: Aim) -> str:
        well, saw = ask("heal_check", hook.heal_check, hook.heal_check.timeout)
        return "" if well else f"the platform is not whole: {saw}"

    def inject(aim: Aim, strike_ns: int) -> Injection:
        wait_until(strike_ns)
        began_ns = now_ns()
        well, saw = ask("inject", hook.inject, hook.inject.timeout)
        if not well:
            raise HookFailed(saw)
        return Injection(aim.label, (saw,), began_ns, now_ns(), targets=())

    def look(_aim: Aim, _injection: Injection) -> Sighting | None:
        well, saw = ask("observe", hook.observe, hook.observe.timeout)
        return Sighting(f"the hook for {label(hook)}", saw) if well else None

    def undo(_aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
        well, saw = ask("undo", hook.undo, left_s(deadline_ns))
        say(saw)
        if not well:
            raise HookFailed(saw)
        return (saw,)

    def prove(_aim: Aim) -> tuple[Proof, ...]:
        well, saw = ask("heal_check", hook.heal_check, hook.heal_check.timeout)
        return (Proof(f"the platform is whole again after {label(hook)}", well, saw),)

    return replace(
        kind,
        does="Calls the hook of the platform's operator.",
        observed_by="The operator's own observation, a call that shares nothing with the injection.",
        undone_by="Calls the operator's undo; proven by the operator's check.",
        unfit=unfit,
        inject=inject,
        look=look,
        undo=undo,
        prove=prove,
        parameters=(),
        lead_s=lambda _aim: 0.5,
        observed_within_s=hook.observed_within,
        healed_within_s=hook.healed_within,
        environments=frozenset({"remote"}),
        needs="",
        lasting=hook.lasting,
        course=lambda _aim: (),
        ask_every_s=ASK_EVERY_S,
    )
