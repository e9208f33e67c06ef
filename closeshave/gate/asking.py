"""What a gate is asked to do, from the words of its command: found, checked and fixed before anything is started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.console import Console

from closeshave.comparison.fingerprint import RunFingerprint, differences, unknown
from closeshave.environments import drivers
from closeshave.environments.definition import read_definition
from closeshave.environments.fingerprint import machine
from closeshave.environments.stack import Stack
from closeshave.files import digest
from closeshave.files.closest import meant
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.gate import baseline, directory
from closeshave.gate.baseline import Baseline, BaselineUnusable
from closeshave.gate.design import Side
from closeshave.gate.directory import GateOrder
from closeshave.gate.legs import GateSide
from closeshave.gate.rules import rules
from closeshave.gate.running import GateTask
from closeshave.plan import Waiver
from closeshave.traffic.keptlogins import KeptLogins
from closeshave.trial import named_files
from closeshave.trial.preparation import Prepared, prepare
from closeshave.trial.series import Series

NAME = "letters, digits, dots, dashes and underscores, and no dot first"


@dataclass(frozen=True, slots=True)
class GateWords:
    """The options of the command."""

    plan: str
    base: str | None = None
    candidate: str | None = None
    target: str | None = None
    save: str = ""
    seed: int | None = None
    rate_scale: float | None = None
    environment: str | None = None
    """The environment whose releases ``base`` and ``candidate`` are."""


@dataclass(frozen=True, slots=True)
class _Named:
    """One side, as the words name it."""

    environment: str | None
    """``None``: that of the plan."""
    release: str | None = None


def prepared(words: GateWords, console: Console, gates: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> GateTask:
    """A new gate, its directory made. Raises :class:`InvalidFile`, and :class:`BaselineUnusable` for a baseline that is refused before any leg."""
    order, sides, candidate = _found(words, console, now)
    if order.kind == "baseline" and not order.save:
        baseline.refuse_few(_refuse_early(Path(order.base), candidate, order))
    elif order.save and (kept := baseline.FOLDER / f"{order.save}.json").exists():
        _refuse_early(kept, candidate, order)
    return GateTask(_in(directory.create(gates, order, now()), sides), order, sides, _waivers(candidate), candidate.plan.name)


def continued(path: Path, console: Console) -> GateTask:
    """A gate that was stopped. Raises :class:`closeshave.files.rundir.NotARun`, :class:`closeshave.files.jsonfile.Damaged`, :class:`InvalidFile`."""
    path = path.resolve()
    before = directory.order_of(path)
    # Where no candidate was named, it is what the environment starts with.
    named = None if before.candidate == before.environment else before.candidate
    words = GateWords(
        plan=before.plan,
        base=before.base or None,
        candidate=named,
        target=before.target,
        save=before.save,
        seed=before.seed,
        rate_scale=before.rate_scale,
        environment=before.environment,
    )
    now, sides, candidate = _found(words, console, lambda: datetime.fromisoformat(before.started_at))
    directory.refuse_changed(path, before, now)
    return GateTask(_in(path, sides), before, sides, _waivers(candidate), candidate.plan.name)


def _in(path: Path, sides: dict[Side, GateSide]) -> Path:
    """Legs lie in the directory of their gate."""
    for side in sides.values():
        side.series.runs = path
    return path


def _found(words: GateWords, console: Console, now: Callable[[], datetime]) -> tuple[GateOrder, dict[Side, GateSide], Prepared]:
    kind, file = _kind(words)
    base_named, candidate_named = _named(words, kind)
    candidate = _prepared(words, candidate_named, "--candidate")
    logins = KeptLogins()
    sides = {Side.CANDIDATE: _side(candidate_named, candidate, _series(candidate, console, logins))}
    base_name = str(file) if file is not None else ""
    environments = [candidate]
    if kind == "sides":
        base = _prepared(words, base_named, "--baseline")
        base_name = words.base or ""
        same = base.inputs.environment == candidate.inputs.environment
        series = sides[Side.CANDIDATE].series if same else _series(base, console, logins)
        sides[Side.BASE] = _side(base_named, base, series)
        environments.insert(0, base)
    order = GateOrder(
        plan=str(candidate.inputs.plan),
        base=base_name,
        candidate=words.candidate or words.environment or candidate.written.environment,
        seed=candidate.plan.seed,
        started_at=now().isoformat(timespec="seconds"),
        rules=rules(candidate.plan.gate),
        plan_digest=digest(candidate.inputs.plan),
        environment_digests=tuple(digest(one.inputs.environment) for one in environments),
        target_digest=digest(candidate.inputs.target),
        target=words.target,
        save=words.save,
        rate_scale=words.rate_scale,
        environment=words.environment,
        files=named_files.digests(environments),
        kind=kind,
        machine=machine(),
    )
    return order, sides, candidate


def _kind(words: GateWords) -> tuple[Literal["sides", "baseline", "save"], Path | None]:
    """What is compared, and the file of a baseline of other jobs."""
    if words.save and (words.save.startswith(".") or not all(letter.isalnum() or letter in "._-" for letter in words.save)):
        raise InvalidFile(Problem("--save", 0, "", f"{words.save!r} is no name of a baseline; use {NAME}"))
    if words.base is None:
        if not words.save:
            raise InvalidFile(
                Problem(
                    "--baseline",
                    0,
                    "",
                    "name what to compare with: a release or an environment, or a baseline like reports/baselines/main.json; or --save NAME",
                )
            )
        return "save", None
    given = Path(words.base)
    if given.suffix == ".json":
        return "baseline", given
    if words.environment is None and (baseline.FOLDER / f"{words.base}.json").is_file():
        return "baseline", baseline.FOLDER / f"{words.base}.json"
    if words.candidate is None:
        raise InvalidFile(Problem("--candidate", 0, "", f"name what to compare {words.base} with"))
    if words.save:
        told = f"a job that compares {words.base} with {words.candidate} is added to no baseline"
        said = f"{told}; leave out --baseline, or name a baseline of other jobs there"
        raise InvalidFile(Problem("--save", 0, "", said))
    return "sides", None


def _named(words: GateWords, kind: str) -> tuple[_Named, _Named]:
    """Base and candidate: releases of one environment, or environments. Raises :class:`InvalidFile`."""
    if words.environment is not None:
        return _Named(words.environment, words.base if kind == "sides" else None), _Named(words.environment, words.candidate)
    there = _releases_of_plan(words)
    given = [name for name in (words.base if kind == "sides" else None, words.candidate) if name is not None]
    if not set(given) & set(there):
        return _Named(words.base), _Named(words.candidate)
    # One of them is a release of the plan's environment, so the other one must be too.
    return _Named(None, words.base if kind == "sides" else None), _Named(None, words.candidate)


def _releases_of_plan(words: GateWords) -> tuple[str, ...]:
    """Of the plan's own environment; none where it cannot be read, because other environments may be named instead."""
    try:
        definition = prepare(words.plan, target=words.target).definition
    except InvalidFile:
        return ()
    return definition.application.names_of_releases if isinstance(definition, Stack) else ()


def _series(prepared: Prepared, console: Console, logins: KeptLogins) -> Series:
    """Its customers log in once: that takes longer than a leg, and tells nothing of a release."""
    return Series(Path(), console, str(prepared.inputs.environment), logins, unbroken=True)


def _side(named: _Named, prepared: Prepared, series: Series) -> GateSide:
    return GateSide(named.release or prepared.definition.name, prepared, series, named.release)


def _refuse_release(name: str, found: Prepared, option: str) -> None:
    """Raises :class:`InvalidFile` for a release that the environment does not have, or that nobody could tell from another."""
    path, definition = found.inputs.environment, found.definition
    assert isinstance(definition, Stack), "a remote one was refused before"
    own = definition.application
    if name not in own.names_of_releases:
        there = ", ".join(own.names_of_releases)
        raise InvalidFile(Problem(option, 0, "", f"{path} has no release {name!r}{meant(name, own.names_of_releases)}; it has: {there}"))
    if own.version is None:
        place = ("application",)
        said = "version is missing: a gate asks every instance which release it is, so the file must say where an instance tells it"
        raise InvalidFile(Problem(str(path), line_of(document(path), place), "application", said))


def _prepared(words: GateWords, named: _Named, option: str) -> Prepared:
    environment = named.environment
    if environment is not None:
        # Before anything else that a plan of the embedded environment has wrong there.
        _refuse_remote(locate("environments", environment))
    found = prepare(words.plan, environment=environment, target=words.target, seed=words.seed, rate_scale=words.rate_scale)
    plan = str(found.inputs.plan)
    _refuse_remote(found.inputs.environment)
    if named.release is not None:
        _refuse_release(named.release, found, option)
    if found.plan.faults or found.plan.drills or found.plan.nemesis:
        raise InvalidFile(
            Problem(
                plan, 0, "faults", "a gate compares calm load; a plan with faults or drills is compared over nights ('closeshave trend')"
            )
        )
    if not found.plan.calm_s:
        raise InvalidFile(Problem(plan, 0, "phases", "a gate needs a calm phase"))
    return found


def _refuse_remote(path: Path) -> None:
    """Raises :class:`InvalidFile` for an environment that is not started here, or that cannot be read."""
    if not drivers.of(read_definition(path).kind).ours:
        raise InvalidFile(Problem(str(path), 0, "kind", "a gate starts its environments itself, which it cannot do with a remote one"))


def _waivers(candidate: Prepared) -> tuple[Waiver, ...]:
    return (*candidate.plan.waive, *candidate.target.waive)


def _refuse_early(path: Path, candidate: Prepared, order: GateOrder) -> Baseline:
    """What can be known of a baseline without a leg, to compare with it or to add a job to it: nobody should wait ten minutes for it.

    Raises :class:`BaselineUnusable`.
    """
    found = baseline.read(path)
    if found.plan != candidate.plan.name:
        raise BaselineUnusable(f"the baseline {found.name} is of the plan {found.plan}, not of {candidate.plan.name}")
    if missing := unknown(found.fingerprint):
        raise BaselineUnusable(f"the baseline {found.name} cannot be compared with: it was not recorded: {', '.join(missing)}")
    now = _known(found, order)
    if moving := [each.text for each in differences(found.fingerprint, now) if each.moves]:
        raise BaselineUnusable(f"the conditions are not those of the baseline {found.name}: {'; '.join(moving)}")
    return found


def _known(found: Baseline, order: GateOrder) -> RunFingerprint:
    """The baseline's own conditions, with those that are known here already in their place."""
    return replace(
        found.fingerprint,
        machine={**found.fingerprint.machine, **machine()},
        plan=baseline.with_files({**found.fingerprint.plan, "plan file": order.plan_digest, "seed": order.seed}, order.files),
        harness={**found.fingerprint.harness, "Closeshave": order.version},
    )
