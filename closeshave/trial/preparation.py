"""Finds everything that is wrong with a trial before anything is started."""

from __future__ import annotations

import ast
import shutil
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from closeshave import extensions
from closeshave.caps import chance
from closeshave.deployment import Call, DrillHook, ExperimentPart, Hook
from closeshave.drills import catalogue as drills
from closeshave.environments import drivers
from closeshave.environments.definition import Definition, read_definition, speaks
from closeshave.environments.remote.definition import Remote
from closeshave.faults import catalogue, guard, ownexperiment
from closeshave.files.closest import meant
from closeshave.files.rundir import Inputs
from closeshave.files.shipped import PACKAGE, SHIPPED, locate
from closeshave.files.taken import OptionSource, Taken
from closeshave.files.yamlfile import InvalidFile, Problem, document, duration_text, line_of
from closeshave.gameday.planned import GameDayPlan
from closeshave.history import Rate
from closeshave.judge import asked, kinds
from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.plan import Expected, Fault, LocustFile, Plan, read_plan
from closeshave.plurals import counted
from closeshave.probes.catalogue import PROBES as FUNCTIONAL
from closeshave.probes.catalogue import matching
from closeshave.probes.places import MILD
from closeshave.shapes import Replayed
from closeshave.target import Measure, Target, read_target
from closeshave.traffic import canary_room, conventions, generator, limits, ownfilecheck, probes
from closeshave.traffic.arrivals import replayed
from closeshave.traffic.known_profiles import ADDED, read_profile
from closeshave.traffic.ownfilecheck import Scenario
from closeshave.trial import candidates, fitting, gamedays, nemesis, operation_names
from closeshave.trial.probing import PROBES
from closeshave.vocabulary import ALERTS

REPLAY_OVER_S = chance.WINDOW_S
"""The window in seconds for replayed arrivals, the same as that of a live cap."""
DISK_BYTES_MIN = 1 << 30
"""A run writes some hundred megabytes; with less than this free it does not start, instead of failing in the middle."""
SCENARIOS = frozenset(base / "scenarios" / name for base in (PACKAGE.parent, SHIPPED) for name in ("booking.py", "gate.py"))
"""The shipped scenarios. Tests import them, so that validating a plan that uses one does not have to wait for that."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial that is ready to start: read, checked, and consistent."""

    plan: Plan
    """The plan with all faults: those in its file and those that its nemesis drew."""
    drawn: tuple[Fault, ...]
    """Only the drawn faults."""
    target: Target
    definition: Definition
    inputs: Inputs
    written: Plan
    """The same plan at the rates and lengths of its file."""
    rate_scale: float = 1.0
    """The factor on the rates of the plan's file."""
    rate_by: Literal["plan", "option", "calibration"] = "plan"
    """What set the factor."""
    gameday: GameDayPlan | None = None
    """What a game day needs; ``None`` for a trial whose clock nobody holds."""

    @property
    def breaks(self) -> bool:
        """Whether faults or drills will begin."""
        return bool(self.plan.disruptions) and not (self.gameday is not None and self.gameday.rehearsal)

    @property
    def calibrates(self) -> bool:
        """Whether a calibration on this machine must still find the rate."""
        return self.rate_by == "plan" and self.written.rate == "auto" and drivers.of(self.definition.kind).ours

    def calibrated(self, scale: float) -> Prepared:
        """The same trial at the share of its rates that this machine sustains."""
        return replace(self, plan=fitting.fitted(self.written, scale), rate_scale=scale, rate_by="calibration")

    @property
    def rate(self) -> Rate:
        """The rates of the trial and of its plan."""
        return Rate(
            by=self.rate_by,
            scale=self.rate_scale,
            planned_sessions_per_s=self.written.peak_per_s,
            sessions_per_s=self.plan.peak_per_s,
            planned_calm_s=self.written.calm_s,
            calm_s=self.plan.calm_s,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, but may not be what the author of the plan wants."""
        return tuple(_short_holds(self.plan, self.target))


def prepare(
    plan: str,
    *,
    environment: str | None = None,
    target: str | None = None,
    seed: int | None = None,
    processes: int | None = None,
    rate_scale: float | None = None,
    accounts: Path | None = None,
    taken: tuple[Taken, ...] = (),
) -> Prepared:
    """Read the plan and the files that it (or the command) names, and check that they fit together.

    ``rate_scale`` multiplies the rates of sessions, contests and canaries; without it they are the plan's, until a calibration finds what this
    machine sustains where the plan asks for one. ``accounts`` is another file of customers than the environment's. ``taken`` says where these options
    came from. Raises :class:`InvalidFile` with every problem found: everything that is known without asking the platform, for ``validate`` as for
    ``run``; also when an installed package adds something that cannot be used.
    """
    extensions.refuse_broken()
    scale = 1.0 if rate_scale is None else rate_scale
    if not 0 < scale <= fitting.MOST:
        raise InvalidFile(Problem("--rate-scale", 0, "", f"{scale:g} is not above 0 and at most {fitting.MOST:g}"))
    plan_path = locate("scenarios", plan)
    read = _with_own_file(read_plan(plan_path), plan_path)
    if seed is not None:
        read = replace(read, seed=seed)
    if processes is not None:
        read = replace(read, traffic=replace(read.traffic, processes=processes))
    if scale != 1 and any(isinstance(phase.shape, Replayed) for phase in read.phases):
        raise InvalidFile(Problem(str(plan_path), 0, "", "arrivals that are replayed from a file cannot be scaled by --rate-scale"))
    written, read = read, fitting.fitted(read, scale)
    inputs = Inputs(
        plan=plan_path,
        target=_found(plan_path, "target", "environments/targets", target or read.target),
        environment=_found(plan_path, "environment", "environments", environment or read.environment),
        taken=taken,
    )
    definition = read_definition(inputs.environment)
    experiments = (call.experiment for call in _calls(definition))
    own = read.traffic.locust
    of_plan = [own.file if own else None, *(str(plan_path.absolute().parent / each.runbook) for each in read.inject if each.runbook)]
    inputs = replace(inputs, beside=_beside(inputs.environment, experiments) | _beside(plan_path, of_plan))
    if accounts is not None:
        definition = _with_accounts(definition, accounts)
    drawn = _draw(read, definition)
    whole = replace(read, faults=(*read.faults, *drawn))
    written = replace(written, faults=whole.faults)
    by: Literal["plan", "option"] = "plan" if rate_scale is None else "option"
    prepared = Prepared(whole, drawn, read_target(inputs.target), definition, inputs, written, scale, by)
    problems = [
        *_production_problems(prepared),
        *_target_problems(prepared),
        *_probe_problems(prepared),
        *_round_problems(prepared),
        *_account_problems(prepared),
        *_hook_problems(prepared),
        *_nemesis_problems(prepared),
        *_fault_problems(prepared),
        *_drill_problems(prepared),
        *gamedays.problems(whole, plan_path, definition.topology),
        *_alert_problems(prepared),
    ]
    unreadable = [*_conventions_problems(prepared), *_scenario_problems(prepared)]
    problems += unreadable
    if not unreadable:
        # What the plan would send needs the profile and the replayed files.
        problems += [*_sending_problems(prepared), *_canary_problems(prepared)]
    if problems:
        raise InvalidFile(*problems)
    return prepared


def _beside(file: Path, named: Iterable[str | None]) -> dict[str, Path]:
    """Files below the directory of a file that names them: a run keeps copies in the same places, so that its copy of the file finds them."""
    there = file.absolute().parent
    found = (Path(name) for name in named if name is not None)
    return {str(path.relative_to(there)): path for path in found if path.is_relative_to(there) and path.is_file()}


def _account_problems(prepared: Prepared) -> list[Problem]:
    """A plan whose customers log in, on an environment without accounts."""
    definition, path = prepared.definition, prepared.inputs.environment
    place = ("accounts",) if isinstance(definition, Remote) else ("application", "accounts")
    accounts = definition.accounts if isinstance(definition, Remote) else definition.application.accounts
    if not accounts.none or prepared.plan.traffic.locust is not None:
        return []
    said = f"none: the customers of plan {prepared.plan.name} log in; give accounts, or the plan a Locust file of your own (traffic.locust)"
    return [Problem(str(path), line_of(document(path), place), ".".join(place), said)]


def _with_accounts(definition: Definition, path: Path) -> Definition:
    if not isinstance(definition, Remote):
        raise InvalidFile(
            Problem(
                "--accounts",
                0,
                "",
                f"an environment of kind {definition.kind} creates its own customers; --accounts is for remote platforms",
            )
        )
    return replace(definition, accounts=replace(definition.accounts, file=str(path.absolute())))


def check_disk(directory: Path) -> None:
    """Raise :class:`OSError` when there is too little disk space for the run."""
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if free < DISK_BYTES_MIN:
        raise OSError(f"only {free >> 20} MiB are free below {directory}; a run needs {DISK_BYTES_MIN >> 20} MiB")


def _found(plan: Path, key: str, folder: str, name: str) -> Path:
    path = plan.parent / name
    if path.suffix and path.is_file():
        return path.resolve()
    try:
        return locate(folder, name)
    except InvalidFile as error:
        message = error.problems[0].message
        raise InvalidFile(Problem(str(plan), line_of(document(plan), (key,)), key, f"{name!r}: {message}")) from None


def _production_problems(prepared: Prepared) -> list[Problem]:
    """Production that no person named: a variable or a file that was left behind must not send load there."""
    definition = prepared.definition
    if not isinstance(definition, Remote) or definition.stage != "production":
        return []
    message = f"{definition.name} is production, which only the command line (--environment {definition.name}) or the plan may name"
    return [
        Problem(one.place, 0, one.option, message)
        for one in prepared.inputs.taken
        if one.option == "environment" and one.source is not OptionSource.COMMAND_LINE
    ]


def _draw(plan: Plan, definition: Definition) -> tuple[Fault, ...]:
    if plan.nemesis is None:
        return ()
    kinds = candidates.kinds_of(plan.nemesis, definition.kind, catalogue.offered(definition.hooks))
    # The plan's own faults may be wrong already: that is reported for them, and not for the drawn ones.
    before = set(_troubles(plan, definition))

    def fits(faults: tuple[Fault, ...]) -> bool:
        return set(_troubles(replace(plan, faults=faults), definition)) <= before

    possible = candidates.possible_faults(plan.nemesis, definition.topology, kinds)
    able = [
        each
        for each in possible
        if catalogue.able(each.kind, each.scope, definition.kind, definition.hooks) and not _unserved(definition, each.kind, each.scope, {})
    ]
    return nemesis.draw(plan, able, fits)


def _unserved(definition: Definition, kind: str, scope: Mapping[str, object], parameters: Mapping[str, object]) -> list[str]:
    """What a fault needs and the environment does not have; nothing where a hook of its operator injects it."""
    driver = drivers.of(definition.kind)
    return catalogue.unserved(kind, scope, driver.offers(definition), driver.tiers(definition), parameters)


def _troubles(plan: Plan, definition: Definition) -> list[str]:
    """What is wrong with the combination of the plan's faults."""
    return [*guard.over_caps(plan), *guard.conflicting(plan, definition.topology)]


def _nemesis_problems(prepared: Prepared) -> list[Problem]:
    wanted = prepared.plan.nemesis
    if wanted is None:
        return []
    path, definition = prepared.inputs.plan, prepared.definition
    found = candidates.problems(wanted, definition.kind, definition.topology, catalogue.offered(definition.hooks))
    if not found and not prepared.drawn:
        found = [("", "no fault fits into its phase: make the phase longer, or raise overlap_max")]
    raw = document(path)
    places = [tuple(filter(None, ("nemesis", key))) for key, _ in found]
    return [Problem(str(path), line_of(raw, place), ".".join(place), said) for place, (_, said) in zip(places, found, strict=True)]


def _fault_problems(prepared: Prepared) -> list[Problem]:
    path = prepared.inputs.plan
    raw = document(path)
    troubles = [*_troubles(prepared.plan, prepared.definition), *_linkless(prepared)]
    found = [Problem(str(path), line_of(raw, ("faults",)), "faults", message) for message in troubles]
    for index, fault in enumerate(prepared.plan.faults):
        if fault in prepared.drawn:
            continue
        place = line_of(raw, ("faults", index))
        messages = catalogue.check(fault, prepared.definition.kind, hooks=prepared.definition.hooks)
        if not messages:
            messages += _experiment_problems(fault)
            messages += _scope_problems(prepared, fault.scope)
            messages += [
                f"fault {fault.id}: {message}" for message in _unserved(prepared.definition, fault.kind, fault.scope, fault.parameters)
            ]
        found += [Problem(str(path), place, f"faults.{index}", message) for message in messages]
    return found


def _drill_problems(prepared: Prepared) -> list[Problem]:
    """Drills that there are not, that this environment cannot do, and promises that the target does not have."""
    path, definition = prepared.inputs.plan, prepared.definition
    raw, found = document(path), []
    promised = [claim.id for claim in prepared.target.claims]
    for index, drill in enumerate(prepared.plan.drills):
        driver = drivers.of(definition.kind)
        hooks = driver.drill_hooks(definition)
        messages = drills.check(drill, definition.kind, hooks=hooks)
        messages = messages or [f"drill {drill.id}: {said}" for said in _scope_problems(prepared, drill.scope)]
        if not drills.by_hooks(drill, hooks):
            messages = messages or drills.lacking(drill, driver.has(definition, drill.scope))
            messages = messages or drills.unknown_release(drill, driver.releases(definition))
            messages = messages or drills.beyond(drill, driver.instances(definition))
            messages = messages or drills.misfit(drill, definition.topology)
        found += [Problem(str(path), line_of(raw, ("drills", index)), f"drills.{index}", message) for message in messages]
        for claim in drill.claims:
            if claim not in promised:
                place = ("drills", index, "claims")
                said = f"{claim!r} is not a promise of {prepared.target.name}{meant(claim, promised)}; available: {', '.join(promised) or 'none'}"
                found.append(Problem(str(path), line_of(raw, place), f"drills.{index}.claims", said))
    return found


def _alert_problems(prepared: Prepared) -> list[Problem]:
    """Alerts that nobody would tell of, of rules that there are not, and promises that the target does not have."""
    asked, path, definition = prepared.plan.alerts, prepared.inputs.plan, prepared.definition
    if asked is None:
        return []
    raw, driver = document(path), drivers.of(definition.kind)

    def problem(said: str, *place: str | int) -> Problem:
        return Problem(str(path), line_of(raw, place), ".".join(map(str, place)), said)

    if ALERTS not in driver.has(definition, {}):
        needs = "a section alerts" if driver.ours else "its Prometheus (metrics.prometheus)"
        return [problem(f"the plan asks for alerts, and the environment {definition.name} tells of none; its file needs {needs}", "alerts")]
    found, rules = [], driver.alert_rules(definition)
    promised = [claim.id for claim in prepared.target.claims]
    for index, each in enumerate(asked.expected):
        if rules is not None and each.alert not in rules:
            said = f"no rule of {definition.name} is called {each.alert!r}{meant(each.alert, rules)}; docs/alerts.md lists those that ship"
            found.append(problem(said, "alerts", "expected", index, "alert"))
        for claim in each.claims:
            if claim not in promised:
                there = ", ".join(promised) or "none"
                said = f"{claim!r} is not a promise of {prepared.target.name}{meant(claim, promised)}; available: {there}"
                found.append(problem(said, "alerts", "expected", index, "claims"))
    return found


def _experiment_problems(fault: Fault) -> list[str]:
    """That of a kind of an installed package is made from the kind; ours are files that a person may have removed."""
    try:
        if fault.kind in catalogue.OWN:
            locate("chaos", str(fault.experiment))
    except InvalidFile as error:
        how = "'python -m closeshave.faults.experiments chaos' makes the experiments of a checkout"
        return [f"no experiment for kind {fault.kind}: {error.problems[0].message}; {how}"]
    return []


def _linkless(prepared: Prepared) -> list[str]:
    """Faults on links that have no Toxiproxy by the environment file."""
    there = drivers.of(prepared.definition.kind).links_of(prepared.definition)
    return [] if there is None else catalogue.lacking(prepared.plan.faults, there, f"{prepared.inputs.environment} (links)")


def _target_problems(prepared: Prepared) -> list[Problem]:
    """Unknown names in a target, and objectives that the plan lists but cannot judge."""
    path, plan = prepared.inputs.target, prepared.plan
    names = {*catalogue.KINDS, *(hook.kind for hook in prepared.definition.hooks)}
    known: dict[str, tuple[str, Collection[str]]] = {
        "faults": ("not a kind of fault", names),
        "invariants": ("not an invariant", INVARIANTS),
        "operations": ("not an operation", conventions.OPERATIONS),
        "except_operations": ("not an operation", conventions.OPERATIONS),
    }
    found, raw = [], document(path)
    for index, objective in enumerate(prepared.target.objectives):
        for key, (what, there) in known.items():
            for pattern in getattr(objective, key):
                if prepared.plan.traffic.locust is not None and key.endswith("operations"):
                    # Which requests a Locust file names, nobody knows before it has sent them.
                    continue
                if kinds.matches_nothing(pattern, there) if key == "faults" else pattern not in there:
                    message = f"{pattern!r} is {what}{kinds.suggestion(pattern, there)}; available: {', '.join(sorted(there))}"
                    found.append(Problem(str(path), line_of(raw, ("objectives", index, key)), f"objectives.{index}.{key}", message))
    raw, path = document(prepared.inputs.plan), prepared.inputs.plan
    for index, pattern in enumerate(plan.tests):
        about = [objective for objective in prepared.target.objectives if asked.named((pattern,), objective)]
        troubles = [trouble for objective in about if (trouble := asked.unable(plan, objective))]
        ids = sorted({objective.id for objective in prepared.target.objectives})
        said = (
            f"{pattern!r} is not an objective of {prepared.target.name}{kinds.suggestion(pattern, ids)}; available: {', '.join(ids)}"
            if not about
            else ""
        )
        said = said or (f"this plan cannot judge {pattern}: {troubles[0]}" if len(troubles) == len(about) else "")
        if said:
            found.append(Problem(str(path), line_of(raw, ("tests", index)), f"tests.{index}", said))
    return found


def _probe_problems(prepared: Prepared) -> list[Problem]:
    raw, path = document(prepared.inputs.plan), prepared.inputs.plan
    return [
        Problem(
            str(path),
            line_of(raw, ("probes", index)),
            f"probes.{index}",
            f"no installed package has a probe {name!r}{kinds.suggestion(name, PROBES)}; available: {', '.join(sorted(PROBES)) or 'none'}",
        )
        for index, name in enumerate(prepared.plan.probes)
        if name not in PROBES
    ]


def _round_problems(prepared: Prepared) -> list[Problem]:
    """Rounds of probes that there are not, that would disturb the load, or that nobody could tell from the customers' requests."""
    raw, path = document(prepared.inputs.plan), prepared.inputs.plan

    def problem(index: int, key: str, said: str) -> Problem:
        return Problem(str(path), line_of(raw, ("rounds", index, key)), f"rounds.{index}.{key}", said)

    found = []
    for index, each in enumerate(prepared.plan.rounds):
        if not drivers.of(prepared.definition.kind).ours:
            found.append(
                problem(
                    index, "probes", "rounds of probes need an environment that the harness starts; ask a remote one by closeshave probe"
                )
            )
        for pattern in each.probes:
            probes = [FUNCTIONAL[name] for name in matching([pattern])]
            if not probes:
                found.append(
                    problem(index, "probes", f"no probe is called {pattern!r}{kinds.suggestion(pattern, FUNCTIONAL)}; see docs/probes.md")
                )
            if strong := [probe.name for probe in probes if probe.reach not in MILD]:
                found.append(problem(index, "probes", f"{strong[0]} would disturb the load; ask it by closeshave probe, without load"))
    return found


def _hook_problems(prepared: Prepared) -> list[Problem]:
    path, definition = prepared.inputs.environment, prepared.definition
    told = [("hooks", index, catalogue.check_hook(hook), hook.scope) for index, hook in enumerate(definition.hooks)]
    of_drills = drivers.of(definition.kind).drill_hooks(definition)
    told += [("drill_hooks", index, drills.check_hook(hook), hook.scope) for index, hook in enumerate(of_drills)]
    found = [
        Problem(str(path), line_of(document(path), (key, index)), f"{key}.{index}", message)
        for key, index, wrong, scope in told
        for message in (*wrong, *_scope_problems(prepared, dict(scope)))
    ]
    parts: dict[Path, list[ExperimentPart]] = {}
    for call in _calls(definition):
        if call.experiment is not None:
            parts.setdefault(Path(call.experiment), []).append(call.part or "method")
    return [*found, *(problem for file, needed in parts.items() for problem in ownexperiment.problems(file, needed))]


def _calls(definition: Definition) -> Iterator[Call]:
    """Every call of its operator's hooks, for faults and for drills."""
    hooks: tuple[Hook | DrillHook, ...] = (*definition.hooks, *drivers.of(definition.kind).drill_hooks(definition))
    for hook in hooks:
        yield from hook.calls.values()


def _conventions_problems(prepared: Prepared) -> list[Problem]:
    """Impossible statements of the environment file about the platform's API."""
    able, path = prepared.definition.capabilities, prepared.inputs.environment
    found = operation_names.problems(able, path)
    try:
        conventions.of(able, prepared.definition.topology, api=speaks(prepared.definition))
    except ValueError as error:
        place = operation_names.place(path)
        found.append(Problem(str(path), line_of(document(path), place), ".".join(place), str(error)))
    return found


def _sending_problems(prepared: Prepared) -> list[Problem]:
    """What in the plan exceeds the platform's limits, and the rate scale that would fit."""
    definition, path, written = prepared.definition, prepared.inputs.plan, prepared.written
    driver = drivers.of(definition.kind)

    def troubles(plan: Plan) -> list[str]:
        loudest = _loudest(plan)
        found = list(driver.objections(definition, loudest))
        if not definition.capabilities.forwarded_for and plan.traffic.locust is None:
            spoken = conventions.of(definition.capabilities, definition.topology, api=speaks(definition))
            found += limits.exceeded(loudest, definition.topology, spoken.limits, spoken.steps_off)
        return found

    found = troubles(prepared.plan)
    if not found:
        return []
    # An objection that remains at the lowest rate has nothing to do with rates.
    other = set(troubles(fitting.fitted(written, fitting.LEAST)))
    if set(found) - other and not any(isinstance(phase.shape, Replayed) for phase in written.phases):
        fit = fitting.largest(lambda factor: set(troubles(fitting.fitted(written, factor))) <= other)
        found.append(f"it fits with --rate-scale {fit:g}" if fit else "it fits with no --rate-scale")
    return [Problem(str(path), line_of(document(path), ("phases",)), "phases", message) for message in found]


def _canary_problems(prepared: Prepared) -> list[Problem]:
    """Too few slots for the canaries, where the environment file says how many there are."""
    definition, plan, path = prepared.definition, prepared.plan, prepared.inputs.plan
    able, topology = definition.capabilities, definition.topology
    if able.slots_per_day is None or plan.traffic.locust is not None:
        return []
    days = len(conventions.of(able, topology, "first" if prepared.calibrates else "all", speaks(definition)).canary_days)
    found = []
    for shard in topology.shards:
        franchises = len(probes.franchises(topology, shard.id))
        where = f"{counted(franchises, 'franchise')} with {counted(able.slots_per_day, 'slot')} a day, on {counted(days, 'day')}"
        slots = franchises * able.slots_per_day * days
        if said := canary_room.lacking(
            topology, plan.canaries, plan.duration_s, shard.id, slots, where=where, rate_scale=prepared.rate_scale
        ):
            found.append(Problem(str(path), line_of(document(path), canary_room.KEY), ".".join(canary_room.KEY), said))
    return found


def _loudest(plan: Plan) -> Plan:
    """The plan at the highest rates that its traffic profile and its replayed arrivals cause."""
    peak = read_profile(plan.traffic.profile).peak
    return replace(
        plan,
        phases=tuple(
            replace(phase, sessions_per_s=_replayed_per_s(phase.shape, phase.duration))
            if isinstance(phase.shape, Replayed)
            else replace(phase, sessions_per_s=phase.sessions_per_s * peak)
            for phase in plan.phases
        ),
    )


def _replayed_per_s(shape: Replayed, duration_s: float) -> float:
    """The highest mean rate of arrivals in any stretch of :data:`REPLAY_OVER_S` seconds."""
    at_s = replayed(locate("scenarios", shape.file), duration_s)
    within = np.searchsorted(at_s, at_s + REPLAY_OVER_S) - np.arange(len(at_s))
    return float(within.max(initial=0)) / min(REPLAY_OVER_S, duration_s)


def _short_holds(plan: Plan, target: Target) -> Iterator[str]:
    """Warnings about faults that are healed before the promised recovery time is over, and without a tighter bound that could fail the platform before."""
    bounds = [one for one in asked.asked(plan, target).objectives if one.measure is Measure.RECOVERY and one.at_most is not None]
    for fault in plan.faults:
        if fault.expected is Expected.RESTORED:
            continue
        covering = [(one, one.at_most) for one in bounds if one.at_most is not None and one.covers(fault)]
        if any(at_most <= fault.hold for _, at_most in covering):
            continue
        for objective, at_most in covering:
            yield (
                f"{fault.id} is healed after {duration_text(fault.hold)}, but {objective.id} allows {duration_text(at_most)}: if the "
                "platform has not recovered by then, the verdict is inconclusive; hold the fault longer, or add an objective with a tighter bound"
            )


def _scope_problems(prepared: Prepared, scope: object) -> list[str]:
    topology = prepared.definition.topology
    assert isinstance(scope, dict)
    found = []
    if "region" in scope and scope["region"] not in topology.regions:
        there = topology.regions
        near = meant(str(scope["region"]), there)
        found.append(f"scope.region: {scope['region']!r} is not a region of this environment{near}; available: {', '.join(there)}")
    if "shard" in scope and scope["shard"] not in {shard.id for shard in topology.shards}:
        found.append(
            f"scope.shard: {scope['shard']!r} is not a shard of this environment; available: {', '.join(str(s.id) for s in topology.shards)}"
        )
    return found


def _scenario_problems(prepared: Prepared) -> list[Problem]:
    traffic, path = prepared.plan.traffic, prepared.inputs.plan
    if traffic.locust is not None:
        return _locust_problems(prepared, traffic.locust)
    found = []
    for key, folder, suffix in (("scenario", "scenarios", ".py"), ("profile", "scenarios/profiles", ".yaml")):
        if key == "profile" and traffic.profile in ADDED:
            continue
        try:
            locate(folder, getattr(traffic, key), suffix)
        except InvalidFile as error:
            found.append(
                Problem(
                    str(path),
                    line_of(document(path), ("traffic", key)),
                    f"traffic.{key}",
                    f"{getattr(traffic, key)!r}: {error.problems[0].message}",
                )
            )
    if found:
        return found
    file = generator.scenario(traffic.scenario)
    if (wrong := _no_python(file)) is not None:
        return [wrong]
    read_profile(traffic.profile)
    unusable = [] if file in SCENARIOS else ownfilecheck.check(Scenario(str(file), contests=traffic.contests_per_s > 0))
    return unusable + _replay_problems(prepared)


def _with_own_file(plan: Plan, path: Path) -> Plan:
    """A relative path of its Locust file counts from the plan. That of a scenario does if the file is there; otherwise it is below ``scenarios/``."""
    if plan.traffic.locust is None:
        beside = path.absolute().parent / plan.traffic.scenario
        # A shipped scenario keeps its name, which is the same on every machine.
        if not beside.is_file() or beside.resolve() in SCENARIOS:
            return plan
        return replace(plan, traffic=replace(plan.traffic, scenario=str(beside)))
    own = replace(plan.traffic.locust, file=str(path.absolute().parent / plan.traffic.locust.file))
    return replace(plan, traffic=replace(plan.traffic, locust=own))


def _locust_problems(prepared: Prepared, own: LocustFile) -> list[Problem]:
    """What is wrong with a Locust file of the user's own, and what this environment cannot do for one."""
    plan, definition = prepared.inputs.plan, prepared.definition
    raw, shards = document(plan), definition.topology.shards

    def problem(key: str, message: str) -> Problem:
        return Problem(str(plan), line_of(raw, ("traffic", "locust", key)), f"traffic.locust.{key}", message)

    if not Path(own.file).is_file():
        return [problem("file", f"{own.file}: no such file; a relative path counts from the plan's directory")]
    if (wrong := _no_python(Path(own.file))) is not None:
        return [wrong]
    found = []
    there = ", ".join(str(shard.id) for shard in shards)
    if own.shard is not None and own.shard not in {shard.id for shard in shards}:
        found.append(problem("shard", f"{own.shard} is not a shard of this environment; available: {there}"))
    if own.shard is None and len(shards) > 1 and (own.canary is not None or own.effects):
        found.append(
            problem("shard", f"is missing: the environment has several shards, so say to which the file's requests belong: {there}")
        )
    if isinstance(definition, Remote) and definition.proxy is not None:
        found.append(
            problem(
                "file", "clients of Locust do not use the proxy of the environment file: this platform needs the harness's own journeys"
            )
        )
    if not found:
        found += ownfilecheck.check(own)
    read_profile(prepared.plan.traffic.profile)
    return found + _replay_problems(prepared)


def _no_python(path: Path) -> Problem | None:
    """Why Locust could not even read a file. It is parsed and not run."""
    try:
        with warnings.catch_warnings():
            # An escape that means nothing is Locust's to warn of.
            warnings.simplefilter("ignore")
            ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        return Problem(str(path), error.lineno or 0, "", f"not valid Python: {error.msg}")
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        return Problem(str(path), 0, "", f"not valid Python: {error}")
    return None


def _replay_problems(prepared: Prepared) -> list[Problem]:
    found = []
    for index, phase in enumerate(prepared.plan.phases):
        if isinstance(phase.shape, Replayed):
            try:
                replayed(locate("scenarios", phase.shape.file), phase.duration)
            except ValueError as error:
                place = ("phases", index, "shape", "file")
                path = prepared.inputs.plan
                what = error.problems[0].message if isinstance(error, InvalidFile) else str(error)
                found.append(Problem(str(path), line_of(document(path), place), f"phases.{index}.shape.file", what))
    return found
