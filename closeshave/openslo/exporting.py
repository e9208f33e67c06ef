"""A target as OpenSLO documents: a service, and an SLO for each objective that is a share of events. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from closeshave.files.yamlfile import duration_text, seconds
from closeshave.openslo import vocabulary as words
from closeshave.openslo.vocabulary import BOUNDS, OBJECTIVE, OF_BAD, SOURCE, TARGET, LeftOut
from closeshave.target import MEASURES, OF_ALERTS, OF_PEOPLE, PER_FAULT, TIMES, Measure, Objective, Target

Document = dict[str, Any]
OWN_KEYS = ("per", "operations", "except_operations", "window", "sliding", "faults", "severities", "warm", "confidence", "at_least_chances")
"""Keys of an objective for which OpenSLO has no words."""
WHY = {
    **dict.fromkeys(PER_FAULT, "an SLO is a share of events below 100 %; this is a bound on every single fault"),
    **dict.fromkeys(OF_PEOPLE, "an SLO is a share of a service's events; this is about people and incidents"),
    **dict.fromkeys(OF_ALERTS, "an SLO is a share of events; this is about the monitoring itself"),
    Measure.INTEGRITY: "an SLO is a share of events below 100 %; a single breach fails this",
    Measure.RESILIENCE: "a score over families of failure is no share of events",
    Measure.THROUGHPUT: "a rate is no share of events",
    Measure.BURN_RATE: "a burn rate is an alert condition in OpenSLO, no objective",
}
WINDOW = [{"duration": "30d", "isRolling": True}]
"""Over which the error budget is counted."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The documents of a target."""

    documents: tuple[Document, ...]
    left_out: tuple[LeftOut, ...]


def exported(target: Target) -> Exported:
    """A service that carries the target's promises, and an SLO for each objective that OpenSLO can express; what it cannot is left out by name."""
    service = _label(target.name, frozenset())
    documents, left_out, taken = [_service(target, service)], list(_waived(target)), {service}
    for objective in target.objectives:
        if why := trouble(objective):
            left_out.append(LeftOut(_named(objective), "not exported", why))
            continue
        name = _label(f"{target.name}-{objective.id}", frozenset(taken))
        taken.add(name)
        documents.append(_slo(target, objective, service, name))
        if own := [key for key in OWN_KEYS if getattr(objective, key) != getattr(_PLAIN, key)]:
            why = "written into the spec of the metric source, which other tools do not read as part of the objective"
            left_out.append(LeftOut(_named(objective), ", ".join(own), why))
    return Exported(tuple(documents), tuple(left_out))


_PLAIN = Objective("plain", (), Measure.AVAILABILITY, at_least=0.5)


def trouble(objective: Objective) -> str:
    """Why OpenSLO cannot express an objective; empty if it can."""
    if objective.measure not in words.EXPRESSIBLE:
        return WHY[objective.measure]
    share = _share(objective)
    if not 0 <= share < 1:
        return "OpenSLO's target is below 100 %"
    if objective.measure in OF_BAD and words.rest(share) != objective.at_most:
        return f"{objective.at_most!r} cannot be written as a share of good events without rounding"
    if objective.measure in TIMES and seconds(duration_text(objective.at_most or 0.0)) != objective.at_most:
        return f"{objective.at_most!r} s cannot be written as a duration without rounding"
    return ""


def _waived(target: Target) -> Iterator[LeftOut]:
    if target.waive:
        yield LeftOut(target.name, "waive", "OpenSLO has no words for failures that are waived")


def _share(objective: Objective) -> float:
    """The share of events that must be good."""
    if objective.measure in TIMES:
        return objective.percentile or 0.0
    bound = objective.bound or 0.0
    return words.rest(bound) if objective.measure in OF_BAD else bound


def _service(target: Target, name: str) -> Document:
    carried = json.dumps(words.plain(TARGET, replace(target, objectives=(), waive=())), ensure_ascii=False)
    return {
        "apiVersion": words.VERSION,
        "kind": "Service",
        "metadata": {"name": name, **_displayed(target.title), "annotations": {words.TARGET_ANNOTATION: carried}},
        "spec": {"description": _described(target.title)},
    }


def _slo(target: Target, objective: Objective, service: str, name: str) -> Document:
    told = {claim.id: claim.text for claim in target.claims}
    promises = "; ".join(f"{claim}: {told[claim]}" for claim in objective.claims) or "A bound of the harness, which no promise states"
    goal: Document = {"displayName": objective.id, "target": _share(objective)}
    if objective.measure in TIMES:
        goal = {"displayName": objective.id, "op": "lte", "value": objective.at_most, "target": _share(objective)}
    return {
        "apiVersion": words.VERSION,
        "kind": "SLO",
        "metadata": {"name": name, **_displayed(_named(objective))},
        "spec": {
            "description": _described(promises),
            "service": service,
            "indicator": {"metadata": {"name": name}, "spec": _indicator(objective)},
            "timeWindow": WINDOW,
            "budgetingMethod": "Occurrences",
            "objectives": [goal],
        },
    }


def _indicator(objective: Objective) -> Document:
    spec = {key: value for key, value in words.plain(OBJECTIVE, objective).items() if key not in BOUNDS}
    spec.setdefault("claims", [])
    if objective.measure in TIMES:
        return {"thresholdMetric": _source({**spec, "unit": "s"})}
    part = "bad" if objective.measure in OF_BAD else "good"
    return {"ratioMetric": {"counter": True, part: _source(spec), "total": _source({"measure": objective.measure.value, "count": "total"})}}


def _source(spec: Document) -> Document:
    return {"metricSource": {"type": SOURCE, "spec": spec}}


def _named(objective: Objective) -> str:
    per = "" if objective.per == "all" else f" per {objective.per.replace('_', ' ')}"
    faults = f" by {', '.join(objective.faults)}" if objective.faults else ""
    return f"{objective.id}{per}{faults} ({MEASURES[objective.measure].title.lower()})"


def _displayed(text: str) -> Document:
    """A display name, which has a longest length."""
    return {"displayName": text[: words.DISPLAY_MOST]} if text else {}


def _described(text: str) -> str:
    return text if len(text) <= words.DESCRIPTION_MOST else f"{text[: words.DESCRIPTION_MOST - 1]}…"


def _label(text: str, taken: frozenset[str]) -> str:
    """A DNS label like ``text`` that is not taken."""
    base = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:58].strip("-") or "objective"
    return next(name for name in (base, *(f"{base}-{number}" for number in range(2, 10_000))) if name not in taken)
