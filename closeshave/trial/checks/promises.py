"""Objectives and alerts that a plan names and nobody can judge."""

from __future__ import annotations

from collections.abc import Collection

from closeshave.environments import drivers
from closeshave.faults import catalogue
from closeshave.files.closest import meant
from closeshave.files.yamlfile import Problem, document, line_of
from closeshave.judge import asked, kinds
from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.traffic import conventions
from closeshave.trial.prepared import Prepared
from closeshave.vocabulary import ALERTS


def alert_problems(prepared: Prepared) -> list[Problem]:
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


def target_problems(prepared: Prepared) -> list[Problem]:
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
