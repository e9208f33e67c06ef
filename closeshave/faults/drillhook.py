"""The way back of a drill that the hooks of the platform's operator carry out. It stands in the ledger like a fault, so whoever heals knows it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from closeshave.deployment import Deployment, DrillHook
from closeshave.faults.calls import Way, carry_out, straight
from closeshave.faults.hook import ASK_EVERY_S, HookFailed
from closeshave.faults.kind import OUTSIDE, Aim, Kind, Proof, Say
from closeshave.faults.waiting import left_s
from closeshave.history import Injection
from closeshave.plan import Expected


def find(kind: str, scope: Mapping[str, object], hooks: Sequence[DrillHook]) -> DrillHook | None:
    """The hook for a kind of drill on exactly this scope; ``None`` where the operator gave none. Pure."""
    wanted = _aim(scope)
    return next((hook for hook in hooks if hook.kind == kind and _aim(hook.scope) == wanted), None)


def label(hook: DrillHook) -> str:
    """``deploy.rolling on region us-east-1``."""
    return f"{hook.kind} on {', '.join(f'{key} {value}' for key, value in hook.scope.items()) or 'everything'}"


def kept(deployment: Deployment, hook: DrillHook) -> Path:
    """A file in the environment's root: the end state of this drill is proven and stays, so that ``abort`` must not be called any more."""
    named = hashlib.sha256(repr((hook.kind, sorted(_aim(hook.scope).items()))).encode()).hexdigest()[:12]
    return Path(deployment.root, "drills", f"{named}.stays")


def way_back(hook: DrillHook, environ: Mapping[str, str], way: Way = straight) -> Kind:
    """What puts the platform back: its operator's ``abort``, unless the end state is proven and stays. ``environ`` and ``way`` as for a fault's hook."""

    def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
        if kept(aim.deployment, hook).exists():
            return (f"nothing to do: the end state of {label(hook)} is proven, and it stays",)
        done = carry_out(hook.abort, min(hook.abort.timeout, left_s(deadline_ns)), environ, way)
        saw = f"abort of the hook for {label(hook)} {done.saw}"
        say(saw)
        if not done.well:
            raise HookFailed(saw)
        return (saw,)

    def safe(_aim: Aim) -> tuple[Proof, ...]:
        done = carry_out(hook.heal_check, hook.heal_check.timeout, environ, way)
        saw = f"heal_check of the hook for {label(hook)} {done.saw}"
        return (Proof(f"the platform is in a safe state after {label(hook)}", done.well, saw),)

    return Kind(
        name=hook.kind,
        does="Calls the hooks of the platform's operator.",
        observed_by="Never: it is no fault.",
        undone_by="Calls the operator's abort; proven by the operator's heal_check.",
        scope=tuple(hook.scope),
        expected=Expected.TOLERATES,
        unfit=lambda _aim: "",
        inject=_never,
        look=lambda _aim, _injection: None,
        undo=undo,
        prove=safe,
        healed_within_s=hook.healed_within,
        environments=OUTSIDE,
        ask_every_s=ASK_EVERY_S,
    )


def _aim(scope: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in scope.items()}


def _never(_aim: Aim, _strike_ns: int) -> Injection:
    raise RuntimeError("a drill is carried out, not injected")
