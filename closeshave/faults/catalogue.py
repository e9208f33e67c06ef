"""Every kind of fault there is, our own and installed packages', and the check of a plan's faults against them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType, ModuleType

from closeshave import extensions
from closeshave.deployment import Deployment, Hook
from closeshave.faults import broker, cache, certificate, data, dependency, drillhook, hook, region, service, shard, websocket, worker
from closeshave.faults.family import kinds_of
from closeshave.faults.kind import OUTSIDE, USES, Kind
from closeshave.faults.kubernetes.binding import bound
from closeshave.files.closest import meant
from closeshave.plan import Fault
from closeshave.vocabulary import BACKGROUND

FAMILIES: Mapping[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (shard, cache, region, service, dependency, data, certificate, worker, broker, websocket)
}
"""The families of our own kinds, in the order in which they are explained; each kind is a module in the folder of its family."""
OWN: Mapping[str, Kind] = {kind.name: kind for family in FAMILIES.values() for kind in kinds_of(family)}
"""Our own kinds, by name."""
NAME = re.compile(r"[a-z]+\.[a-z0-9-]+")


def _unfit(added: extensions.Extension) -> str:
    """Why what a package adds cannot be a kind of fault; empty when it can."""
    if not isinstance(added.value, Kind):
        return f"is {type(added.value).__name__}, not closeshave.faults.kind.Kind"
    if added.value.name != added.name:
        return f"is a kind called {added.value.name!r}: the entry point must have the same name"
    if not NAME.fullmatch(added.name):
        return "is no name of a kind: write family.name, in small letters, digits and dashes, like queue.consumer-paused"
    return "has the name of a kind that Closeshave has itself" if added.name in OWN else ""


KINDS: Mapping[str, Kind] = {**OWN, **{added.name: added.value for added in extensions.load(extensions.FAULTS, _unfit)}}
"""Every kind that there is here, by name: our own, and those of installed packages."""

NOTHING: Mapping[str, str] = MappingProxyType({})


def of(
    kind: str, scope: Mapping[str, object], deployment: Deployment, environ: Mapping[str, str] = NOTHING, kinds: Mapping[str, Kind] = KINDS
) -> Kind:
    """A kind of fault as it is injected on ``deployment``: by the catalogue, or by a hook of the platform's operator for exactly this scope; or the way
    back of a drill that such hooks carry out.

    ``environ`` is added to the environment of the hook's commands. Raises :class:`LookupError` for an unknown kind, or if it cannot be injected there.
    """
    if (drill := drillhook.find(kind, scope, deployment.drill_hooks)) is not None:
        return drillhook.way_back(drill, environ, deployment.way)
    catalogued = bound(kinds[kind], deployment.kind)
    own = hook.find(kind, scope, deployment.hooks)
    if own is not None:
        return hook.bind(catalogued, own, environ, deployment.way)
    if deployment.kind not in catalogued.environments:
        raise LookupError(f"{deployment.name} has no hook for {kind} on {dict(scope)}")
    return catalogued


def offered(hooks: Sequence[Hook], environment: str | None = None) -> Mapping[str, Kind]:
    """Every kind as such an environment has it; those with an operator's hook are injected by the hook."""
    there = {name: bound(kind, environment) for name, kind in KINDS.items()}
    return {**there, **{one.kind: hook.bind(KINDS[one.kind], one, NOTHING) for one in hooks if one.kind in KINDS}}


def able(kind: str, scope: Mapping[str, object], environment: str, hooks: Sequence[Hook]) -> bool:
    """Whether a kind can be injected on this scope of such an environment."""
    return environment in bound(KINDS[kind], environment).environments or hook.find(kind, scope, hooks) is not None


def links_of(faults: Iterable[Fault]) -> frozenset[str]:
    """Kinds of links that these faults disturb. Without a Toxiproxy on such a link the fault cannot be injected."""
    return frozenset(kind for fault in faults if fault.kind in KINDS for kind in KINDS[fault.kind].links)


def uses(faults: Iterable[Fault]) -> frozenset[str]:
    """What these faults need of the environment (:data:`closeshave.faults.kind.USES`); a fault of the broker's tier needs background work."""
    named = {need for fault in faults if fault.kind in KINDS for need in KINDS[fault.kind].uses}
    return frozenset(named | ({BACKGROUND} if any(fault.scope.get("tier") == "broker" for fault in faults) else set()))


def kill_etcd(faults: Iterable[Fault]) -> bool:
    """Whether any of these faults kills members of etcd; true for a kind that is not in the catalogue."""
    return any(fault.kind not in KINDS or KINDS[fault.kind].kills_etcd for fault in faults)


def lacking(faults: Iterable[Fault], there: Collection[str], where: str) -> list[str]:
    """One sentence for each of these faults that disturbs links without a Toxiproxy; ``there`` are the kinds of links that have one in ``where``."""
    return [
        f"fault {fault.id}: {fault.kind} disturbs {' and '.join(missing)} links, which have no Toxiproxy in {where}"
        for fault in faults
        if (missing := sorted(links_of([fault]) - frozenset(there)))
    ]


def unserved(
    kind: str,
    scope: Mapping[str, object],
    offers: Collection[str] | None,
    tiers: Collection[str] | None,
    parameters: Mapping[str, object] = MappingProxyType({}),
) -> list[str]:
    """What a fault of this kind at this scope, with these parameters, needs and an environment does not have, one sentence each; ``None``: it is not
    known what it has."""
    needs = [*KINDS[kind].uses, *_needed(KINDS[kind], parameters)] if kind in KINDS and offers is not None else []
    found = [f"{kind} needs {USES[need]}" for need in needs if need not in (offers or ())]
    if tiers is not None and "tier" in scope and scope["tier"] not in tiers and not (kind in KINDS and "tier" not in KINDS[kind].scope):
        found.append(
            f"scope.tier: this environment has no tier {scope['tier']!r}{meant(str(scope['tier']), tiers)}; available: {', '.join(tiers) or 'none'}"
        )
    return found


def _needed(kind: Kind, parameters: Mapping[str, object]) -> Iterator[str]:
    """What the values of its parameters need."""
    for parameter in kind.parameters:
        if need := parameter.needs.get(str(parameters.get(parameter.name, parameter.default))):
            yield need


def check_hook(own: Hook) -> list[str]:
    """What is wrong with an operator's hook, one sentence each; empty when it can inject faults of its kind."""
    kind = KINDS.get(own.kind)
    if kind is None:
        return [f"there is no kind of fault {own.kind}{meant(own.kind, KINDS)}; available: {', '.join(sorted(KINDS))}"]
    return kind.problems(own.scope, {})


def check(fault: Fault, environment: str | None = None, kinds: Mapping[str, Kind] = KINDS, hooks: Sequence[Hook] = ()) -> list[str]:
    """What is wrong with a fault of a plan, one sentence each; empty when it can be run.

    ``environment`` is the kind of environment (``embedded`` …) on which it will run, if that is known; ``hooks`` are those of its operator.
    """
    catalogued = kinds.get(fault.kind)
    if catalogued is None:
        return [
            f"fault {fault.id}: there is no kind of fault {fault.kind}{meant(fault.kind, kinds)}; available: {', '.join(sorted(kinds))}"
        ]
    own = hook.find(fault.kind, fault.scope, hooks)
    kind = bound(catalogued, environment) if own is None else hook.bind(catalogued, own, NOTHING)
    problems = kind.problems(fault.scope, fault.parameters)
    if kind.undo is None or kind.prove is None:
        problems.append(f"{kind.name} has no undo that can be verified, so it cannot be injected")
    if environment is not None and environment not in kind.environments:
        why = f", because it needs {kind.needs}" if kind.needs and environment not in OUTSIDE else ""
        problems.append(
            f"{kind.name} does not work on {environment} environments{_hooked(environment, hooks)}{why}; "
            f"it works on: {', '.join(sorted(kind.environments))}"
        )
    return [f"fault {fault.id}: {problem}" for problem in problems]


def _hooked(environment: str, hooks: Sequence[Hook]) -> str:
    """The other way to inject the fault on a remote platform: a hook of its operator."""
    if environment not in OUTSIDE:
        return ""
    there = "; ".join(map(hook.label, hooks)) or "none"
    return f" unless a hook of its operator injects it at exactly this scope; hooks: {there}"
