"""The files that send: scenarios, Locust files of the user's own, profiles, and arrivals that are replayed."""

from __future__ import annotations

import ast
import warnings
from dataclasses import replace
from pathlib import Path

from closeshave.environments.remote.definition import Remote
from closeshave.files.shipped import PACKAGE, SHIPPED, locate
from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.plan import LocustFile, Plan
from closeshave.shapes import Replayed
from closeshave.traffic import generator, ownfilecheck
from closeshave.traffic.arrivals import replayed
from closeshave.traffic.known_profiles import ADDED, read_profile
from closeshave.traffic.ownfilecheck import Scenario
from closeshave.trial.prepared import Prepared

SCENARIOS = frozenset(base / "scenarios" / name for base in (PACKAGE.parent, SHIPPED) for name in ("booking.py", "gate.py"))
"""The shipped scenarios. Tests import them, so that validating a plan that uses one does not have to wait for that."""


def scenario_problems(prepared: Prepared) -> list[Problem]:
    """Scenarios, Locust files and profiles that are not there or cannot be used, and arrivals that cannot be replayed."""
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


def with_own_file(plan: Plan, path: Path) -> Plan:
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
