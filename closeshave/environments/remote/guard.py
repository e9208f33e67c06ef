"""Whether a platform may be loaded at all: every reason to refuse, from the file, the platform's answers and the operator's permission. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from closeshave.caps import chance, offered
from closeshave.deployment import DrillHook, Hook
from closeshave.environments.driver import Permission
from closeshave.environments.remote import permission
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.look import RegionAnswer
from closeshave.plan import Drill, Plan


def refusals(definition: Remote, seen: Sequence[RegionAnswer], given: Permission, key: bytes, now_s: float) -> Iterator[str]:
    """Why this platform must not be loaded, one sentence each; none when it may."""
    yield from unsound(definition, seen)
    if definition.stage == "production":
        yield from _not_permitted(definition, given, key, now_s)


def unsound(definition: Remote, seen: Sequence[RegionAnswer]) -> Iterator[str]:
    """Why this is not the platform of the file, or why a test there would move real money, one sentence each."""
    for region in seen:
        yield from _wrong_platform(definition, region)
        yield from _wrong_keys(definition, region)


def over_caps(definition: Remote, plan: Plan, requests_per_session: float) -> Iterator[str]:
    """What in a plan exceeds the caps of the file, one sentence each. ``requests_per_session`` is the scenario's mean."""
    caps, topology = definition.caps, definition.topology
    plan = replace(plan, traffic=replace(plan.traffic, requests_per_session=requests_per_session))
    canaries_per_s = offered.of_canaries(plan, topology)
    for phase in plan.phases:
        per_s = chance.at_most_per_s(plan, phase, topology)
        # Written so that NaN is refused too.
        if not per_s <= caps.requests_per_s:
            mean_per_s = offered.of_phase(plan, phase, topology)
            yield (
                f"phase {phase.name} can send {per_s:.1f} requests/s for {chance.WINDOW_S:g} s: {mean_per_s:.1f} on average "
                f"({phase.sessions_per_s:g} sessions/s of {offered.of_session(plan):g} requests, {offered.contests_per_s(plan):g} contests/s of "
                f"{offered.CONTEST_REQUESTS:g}, {canaries_per_s:g}/s from canaries), and the rest because arrivals are random; "
                f"{definition.name} allows {caps.requests_per_s:g}"
            )
    if plan.limits.requests > caps.requests:
        yield f"limits.requests is {plan.limits.requests:,}; {definition.name} allows {caps.requests:,}"
    if plan.limits.duration > caps.duration:
        yield f"limits.duration is {plan.limits.duration:g} s; {definition.name} allows {caps.duration:g} s"
    yield from _too_broad(definition, plan)


def unprepared(definition: Remote, plan: Plan, environ: Mapping[str, str], found: Callable[[str], object]) -> Iterator[str]:
    """What the proxy and the hooks of the plan's faults and drills lack on this machine, one sentence each, so that it is known before anything is begun.

    ``found`` returns the path of a program, or nothing if there is none.
    """
    if definition.proxy and (variable := definition.proxy.login) and ":" not in environ.get(variable, ""):
        yield f"the proxy needs user:password in the environment variable {variable}, which is not set in that form"
    wanted = {(planned.kind, _aim(planned.scope)) for planned in plan.disruptions}
    hooks: tuple[Hook | DrillHook, ...] = (*definition.hooks, *definition.drill_hooks)
    for hook in hooks:
        if (hook.kind, _aim(hook.scope)) not in wanted:
            continue
        for call in hook.calls.values():
            if call.command and not found(call.command[0]):
                yield f"the hook for {hook.kind} needs the program {call.command[0]!r}, which this machine does not have"
            for variable in call.headers_from.values():
                if not environ.get(variable):
                    yield f"the hook for {hook.kind} needs the environment variable {variable}, which is not set"


def _aim(scope: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, str(value)) for key, value in scope.items()))


def _too_broad(definition: Remote, plan: Plan) -> Iterator[str]:
    """Blast radius: the most regions and shards that are affected at the same instant."""
    windows = [(plan.starts_s(fault.phase) + fault.at, fault.hold, fault) for fault in plan.disruptions]
    for key, most in (("region", definition.caps.regions_at_once), ("shard", definition.caps.shards_at_once)):
        for at_s, _, fault in windows:
            if key not in fault.scope:
                continue
            together = {
                str(other.scope[key]) for from_s, hold_s, other in windows if key in other.scope and from_s <= at_s < from_s + hold_s
            }
            if len(together) > most:
                sort = "drill" if isinstance(fault, Drill) else "fault"
                yield f"{sort} {fault.id} would affect {len(together)} {key}s at once ({', '.join(sorted(together))}); {definition.name} allows {most}"


def _wrong_platform(definition: Remote, region: RegionAnswer) -> Iterator[str]:
    if region.trouble:
        yield f"{region.region}: {region.trouble}"
        return
    for name, expected in definition.fingerprint.expect.items():
        told = region.answer.get(name)
        if told != expected:
            yield (
                f"{region.region}: the fingerprint does not match: {definition.fingerprint.path} says {name} = {told!r}, the file says {expected!r}; "
                "this is not the platform of the environment file"
            )


def _wrong_keys(definition: Remote, region: RegionAnswer) -> Iterator[str]:
    if region.live_keys_at and definition.stage != "production":
        yield (
            f"{region.region}: a {definition.stage} platform shows live payment keys at {', '.join(region.live_keys_at)}: "
            "a test would move real money, so no load is sent"
        )


def _not_permitted(definition: Remote, given: Permission, key: bytes, now_s: float) -> Iterator[str]:
    if not given.token:
        yield (
            f"{definition.name} is production: create a token that expires (closeshave allow {definition.name} --hours 2) "
            f"and give it in {permission.VARIABLE}"
        )
    else:
        try:
            permission.check(given.token, definition, key, now_s)
        except permission.TokenRefused as error:
            yield str(error)
    if given.typed != definition.name:
        yield f"{definition.name} is production: type its name (--confirm {definition.name})"
