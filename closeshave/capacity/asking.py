"""What a search is asked to do, from the words of its command: found, checked and fixed before anything is started."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from closeshave.capacity import directory, quotas
from closeshave.capacity.directory import CapacityOrder
from closeshave.capacity.ground import Ground, LentGround, OwnGround
from closeshave.capacity.level import LevelAsk, LevelPurpose
from closeshave.capacity.levelplan import AFTER_S, before_s, level_plan, written
from closeshave.capacity.levelreading import objectives
from closeshave.capacity.running import CapacityTask
from closeshave.capacity.search import SearchRules
from closeshave.capacity.states import CALM, FailureState, parsed
from closeshave.environments import drivers
from closeshave.environments.driver import Permission
from closeshave.environments.fingerprint import machine
from closeshave.files import digest
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.plan import Plan, Role
from closeshave.target import Objective
from closeshave.traffic.keptlogins import KeptLogins
from closeshave.trial import fitting, named_files
from closeshave.trial.preparation import Prepared, prepare
from closeshave.trial.series import Series

BUDGET_MOST_S = 900.0
"""A search of one state never takes longer."""
LONGEST = 4.0
"""The longest level, as a multiple of the plan's calm phases."""
NOBODY = Permission()
HIGHEST = 256.0
"""On an environment of ours no level has more than so many times the first level's rate."""


@dataclass(frozen=True, slots=True)
class CapacityWords:
    """The options of the command."""

    plan: str
    environment: str | None = None
    target: str | None = None
    under: tuple[str, ...] = ()
    seed: int | None = None
    quota_cores: float | None = None
    permission: Permission = NOBODY


def prepared(
    words: CapacityWords, console: Console, capacities: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> CapacityTask:
    """A new search, its directory made. Raises :class:`InvalidFile`; then nothing was made."""
    task = _found(words, console, now().isoformat(timespec="seconds"))
    return _in(directory.create(capacities, task.order, now()), task)


def continued(path: Path, console: Console, permission: Permission = NOBODY) -> CapacityTask:
    """A search that was stopped. Raises :class:`closeshave.files.rundir.NotARun`, :class:`closeshave.files.jsonfile.Damaged`, :class:`InvalidFile`."""
    path = path.resolve()
    before = directory.order_of(path)
    words = CapacityWords(before.plan, before.environment, before.target, before.under, before.seed, before.quota_cores, permission)
    task = _found(words, console, before.started_at)
    directory.refuse_changed(path, before, task.order)
    return _in(path, replace(task, order=before))


def _in(path: Path, task: CapacityTask) -> CapacityTask:
    """Levels lie in the directory of their search."""
    task.ground.runs = path
    return replace(task, directory=path)


def _found(words: CapacityWords, console: Console, started_at: str) -> CapacityTask:
    states = tuple(parsed(text) for text in words.under)
    if len({state.name for state in states}) < len(states):
        raise InvalidFile(Problem("--under", 0, "", "name each fault once"))
    base = prepare(words.plan, environment=words.environment, target=words.target, seed=words.seed)
    plan = base.written
    _refuse_plan(base)
    promised = _promised(base)
    rules = _rules(base)
    driver = drivers.of(base.definition.kind)
    if driver.ours:
        if words.quota_cores is not None and (why := quotas.refused(base.definition.kind)):
            raise InvalidFile(Problem("--quota", 0, "", why))
    elif words.quota_cores is not None:
        raise InvalidFile(Problem("--quota", 0, "", "the processors of a remote platform cannot be limited from here"))
    else:
        _refuse_unpermitted(base, rules, words.permission)
    for state in (CALM, *states):
        _refuse_level(base, plan, rules, state)
    order = CapacityOrder(
        plan=str(base.inputs.plan),
        environment=words.environment,
        target=words.target,
        under=words.under,
        seed=plan.seed,
        quota_cores=words.quota_cores,
        started_at=started_at,
        plan_digest=digest(base.inputs.plan),
        environment_digest=digest(base.inputs.environment),
        target_digest=digest(base.inputs.target),
        files=named_files.digests([base]),
        machine=machine(),
    )
    return CapacityTask(Path(), order, base, plan, rules, states, promised, _ground(base, console, words, unbroken=not states))


def _ground(base: Prepared, console: Console, words: CapacityWords, *, unbroken: bool) -> Ground:
    if not drivers.of(base.definition.kind).ours:
        return LentGround(Path(), console, words.permission)
    return OwnGround(Path(), Series(Path(), console, str(base.inputs.environment), KeptLogins(), unbroken=unbroken), words.quota_cores)


def _refuse_plan(base: Prepared) -> None:
    plan, path = base.written, str(base.inputs.plan)
    raw = document(base.inputs.plan)
    for key, there in (("faults", plan.faults), ("drills", plan.drills), ("nemesis", plan.nemesis)):
        if there:
            said = "the plan of a capacity search has none; name the fault that is held meanwhile by --under"
            raise InvalidFile(Problem(path, line_of(raw, (key,)), key, said))
    if not plan.calm_s:
        raise InvalidFile(
            Problem(path, line_of(raw, ("phases",)), "phases", "a capacity needs a calm phase: its rate is that of the first level")
        )
    own = plan.traffic.locust
    if own is not None and own.model == "closed":
        said = "a capacity needs the open model: in the closed one a slow platform gets fewer requests, and no rate is too high"
        raise InvalidFile(Problem(path, line_of(raw, ("traffic", "locust")), "traffic.locust.model", said))


def _promised(base: Prepared) -> tuple[Objective, ...]:
    """Raises :class:`InvalidFile` for a target without an objective on response times that this plan tests."""
    found = objectives(base.target, base.written)
    if not found:
        tests = " that the plan tests" if base.written.tests else ""
        said = f"a capacity is the largest rate at which objectives on response times hold, and this target has none for calm load{tests}"
        raise InvalidFile(Problem(str(base.inputs.target), 0, "objectives", f"{said}; add one with measure: latency and a percentile"))
    return found


def _rules(base: Prepared) -> SearchRules:
    """What is fixed before the first level. Raises :class:`InvalidFile` where not even the first level may be sent."""
    plan, path = base.written, str(base.inputs.plan)
    first = max(phase.sessions_per_s for phase in plan.phases if phase.role is Role.CALM)
    level_s = plan.calm_s
    longest_s = level_s * LONGEST * SearchRules(first, first).confirm * 2
    budget_s = min(BUDGET_MOST_S, plan.limits.duration)
    around_s = before_s(CALM) + 10.0
    least_s = level_s + around_s + level_s * 3 + around_s
    if budget_s < least_s:
        said = f"the load of a search may last {budget_s:g} s, and one level with its confirmation takes {least_s:g} s"
        raise InvalidFile(Problem(path, line_of(document(base.inputs.plan), ("limits", "duration")), "limits.duration", said))
    by_requests = plan.limits.requests / (plan.traffic.requests_per_session * (longest_s + before_s(CALM) + AFTER_S))
    most = min(first * HIGHEST, by_requests)
    if most < first:
        said = f"the longest level at {first:g} sessions/s would send more than {plan.limits.requests:,} requests; raise the limit or lower the rate"
        raise InvalidFile(Problem(path, line_of(document(base.inputs.plan), ("limits", "requests")), "limits.requests", said))
    most = min(most, _allowed(base, first))
    return SearchRules(first=first, most=most, level_s=level_s, level_s_most=level_s * LONGEST, budget_s=budget_s, around_s=around_s)


def _allowed(base: Prepared, first: float) -> float:
    """The highest rate that the owner of the environment allows. Raises :class:`InvalidFile` where it is below the first level."""
    driver = drivers.of(base.definition.kind)
    cap_per_s = driver.rate_cap(base.definition)
    if cap_per_s is None:
        return first * HIGHEST

    def fits(factor: float) -> bool:
        ask = LevelAsk(first * factor, base.written.calm_s, LevelPurpose.STEP)
        return not driver.objections(base.definition, level_plan(base.written, ask, CALM, 1.5))

    factor = fitting.largest(fits)
    if factor is None or factor < 1:
        most = f"its caps allow {first * factor:.4g}" if factor else "its caps allow none of it"
        said = f"the first level has {first:g} sessions/s, and {most} (requests_per_s: {cap_per_s:g}); lower the rate of the calm phase"
        raise InvalidFile(Problem(str(base.inputs.plan), line_of(document(base.inputs.plan), ("phases",)), "phases", said))
    return first * factor


def _refuse_unpermitted(base: Prepared, rules: SearchRules, permission: Permission) -> None:
    """What would refuse the first level of a remote platform refuses the search."""
    ask = LevelAsk(rules.first, rules.level_s, LevelPurpose.STEP)
    driver = drivers.of(base.definition.kind)
    refused = driver.admit(base.definition, level_plan(base.written, ask, CALM, rules.overload), permission)
    if refused:
        raise InvalidFile(*(Problem(str(base.inputs.environment), 0, "", reason) for reason in refused))


def _refuse_level(base: Prepared, plan: Plan, rules: SearchRules, state: FailureState) -> None:
    """The first level of a state, checked as every plan is, from a file that is not kept. Raises :class:`InvalidFile`."""
    ask = LevelAsk(rules.first, rules.level_s, LevelPurpose.STEP)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "level.yaml")
        path.write_text(written(level_plan(plan, ask, state, rules.overload)), encoding="utf-8")
        try:
            prepare(str(path), environment=str(base.inputs.environment), target=str(base.inputs.target))
        except InvalidFile as error:
            where = "--under" if state.kind else str(base.inputs.plan)
            ours = [one if one.file != str(path) else Problem(where, 0, "", one.message) for one in error.problems]
            raise InvalidFile(*ours) from None
