"""OpenSLO documents as a target: an objective for each that can be judged, and by name whatever cannot be taken over. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import ValidationError

from closeshave.files.yamlfile import NAME, InvalidFile, Problem, duration_text
from closeshave.openslo import vocabulary as words
from closeshave.openslo.nodes import Node
from closeshave.openslo.vocabulary import OBJECTIVE, OF_BAD, SOURCE, TARGET, LeftOut
from closeshave.target import TIMES, Claim, Measure, Objective, Statement, Target

Unit = Literal["s", "ms"]
KINDS = ("SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")
IN_SECONDS, IN_MILLISECONDS = re.compile(r"_seconds(_|\b)"), re.compile(r"_(ms|millis|milliseconds)(_|\b)")
SLICES = "a Closeshave objective holds over a whole phase, or (sliding) in every interval; a share of time slices that may be bad cannot be expressed"
ITSELF = "Closeshave measures by its own requests, not by this query"
OTHER_KINDS: Mapping[str, str] = {
    "DataSource": ITSELF,
    **dict.fromkeys(("AlertPolicy", "AlertCondition", "AlertNotificationTarget"), "alerts are no objectives of a run"),
}


@dataclass(frozen=True, slots=True)
class Imported:
    """A target from OpenSLO documents."""

    target: Target
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Taken:
    """An objective, and whether Closeshave had exported it."""

    objective: Objective
    own: bool


@dataclass(frozen=True, slots=True)
class _Named:
    """What an objective of another tool is called."""

    claim: str
    objective: str

    @property
    def keys(self) -> dict[str, Any]:
        """Keys of the objective."""
        return {"id": self.objective, "claims": [self.claim]}


@dataclass(slots=True)
class _Work:
    """What has been read so far."""

    unit: Unit | None
    indicators: dict[str, Node] = field(default_factory=dict)
    services: dict[str, Node] = field(default_factory=dict)
    carried: Target | None = None
    objectives: list[tuple[Node, Objective]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave(self, node: Node, key: str, why: str) -> None:
        self.left_out.append(LeftOut(node.where(*((key,) if key else ())), node.key(*((key,) if key else ())), why))

    def leave_rest(self, node: Node) -> None:
        """Every key of a mapping that nobody asked for."""
        for key in node.unasked():
            self.leave(node, key, "Closeshave has no use for this key")


def imported(documents: Iterable[Node], name: str = "", fallback: str = "imported", unit: Unit | None = None) -> Imported:
    """A target with an objective for each SLO objective that can be judged.

    ``name`` is the target's; without it, that of an exported target, else ``fallback``. ``unit`` is that of thresholds whose queries do not say it.
    Raises :class:`InvalidFile` with all problems that were found, also if there is nothing to judge.
    """
    work, nodes = _Work(unit), tuple(documents)
    problems: list[Problem] = []
    for step in (_indexed, _taken):
        for node in nodes:
            try:
                step(work, node)
            except InvalidFile as error:
                problems += error.problems
    problems += _twice(work)
    if problems:
        raise InvalidFile(*problems)
    if not work.objectives:
        why = "; ".join(map(str, work.left_out)) or "there is no SLO in it"
        raise InvalidFile(Problem(", ".join(dict.fromkeys(str(node.file) for node in nodes)), 0, "", f"gives no objective: {why}"))
    base = work.carried or Target(fallback, "", (), ())
    first = next(iter(work.services.values()), None)
    title = base.title or (_display(first) if first is not None else "") or base.name
    known = {claim.id for claim in base.claims}
    target = replace(
        base,
        name=name or base.name,
        title=title,
        claims=(*base.claims, *(claim for claim in work.claims if claim.id not in known)),
        objectives=tuple(objective for _, objective in work.objectives),
    )
    return Imported(target, tuple(work.left_out))


def _twice(work: _Work) -> Iterator[Problem]:
    """Objectives that cannot be told apart, and promises that nobody stated."""
    known = {claim.id for claim in (*work.claims, *(work.carried.claims if work.carried else ()))}
    seen: set[tuple[object, ...]] = set()
    for node, objective in work.objectives:
        key = (objective.id, objective.per, objective.faults)
        if key in seen:
            yield node.problem("", f"{objective.id} is there already")
        seen.add(key)
        for claim in objective.claims:
            if claim not in known:
                yield node.problem("", f"the promise {claim} is not among those of the service")


def _indexed(work: _Work, node: Node) -> None:
    """Whether a document is one of OpenSLO v1; those that others refer to are kept by name."""
    version = node.text("apiVersion", needed=True)
    if version != words.VERSION:
        node.wrong("apiVersion", f"{version!r} cannot be read; {words.VERSION} can")
    kind = node.word("kind", KINDS)
    name = _name(node.needed("metadata"))
    kept = {"SLI": work.indicators, "Service": work.services}.get(kind)
    if kept is not None:
        if name in kept:
            node.needed("metadata").wrong("name", f"there is already a {kind} of the name {name}")
        kept[name] = node


def _taken(work: _Work, node: Node) -> None:
    """One document."""
    kind = node.raw.get("kind")
    if kind == "SLO" and node.raw.get("apiVersion") == words.VERSION:
        _slo(work, node)
    elif kind == "Service":
        _service(work, node)
    elif isinstance(kind, str) and kind in OTHER_KINDS:
        work.leave(node, "kind", f"{kind}: {OTHER_KINDS[kind]}")


def _name(metadata: Node) -> str:
    name = metadata.text("name", needed=True)
    if not words.LABEL.fullmatch(name):
        metadata.wrong(
            "name",
            f"{name[:70]!r} is no name in OpenSLO; use small letters, digits and dashes, at most 63, and begin and end without a dash",
        )
    return name


def _display(node: Node) -> str:
    return node.needed("metadata").text("displayName")


def _service(work: _Work, node: Node) -> None:
    metadata = node.needed("metadata")
    metadata.asked |= {"name", "displayName"}
    annotations = metadata.inner("annotations")
    carried = annotations.text(words.TARGET_ANNOTATION) if annotations is not None else ""
    if annotations is not None and carried:
        if work.carried is not None:
            annotations.wrong(words.TARGET_ANNOTATION, "there is already an exported target in these files; import one at a time")
        try:
            work.carried = TARGET.validate_python(json.loads(carried))
        except (ValueError, RecursionError) as error:
            # pydantic's error is one too.
            annotations.wrong(words.TARGET_ANNOTATION, f"is not a target as Closeshave writes it: {_first(error)}")
        if work.carried.objectives or work.carried.waive:
            # An objective that no SLO says, or a failure that would not count, must not come in unseen.
            annotations.wrong(words.TARGET_ANNOTATION, "is not a target as Closeshave writes it: it has objectives or waived failures")
        work.leave_rest(annotations)
    elif annotations is not None:
        work.leave(metadata, "annotations", "Closeshave has no use for this key")
    if carried:
        node.get("spec")
    work.leave_rest(metadata)
    node.asked |= {"apiVersion", "kind", "metadata"}
    work.leave_rest(node)


def _slo(work: _Work, node: Node) -> None:
    metadata, spec = node.needed("metadata"), node.needed("spec")
    name, title = _name(metadata), metadata.text("displayName")
    method = spec.word("budgetingMethod", METHODS)
    indicator, window_s = _indicator(work, spec), _window(work, spec)
    about = spec.text("description") or title or name
    goals = spec.several("objectives")
    spec.text("service", needed=True)
    if spec.has("alertPolicies"):
        spec.get("alertPolicies")
        work.leave(spec, "alertPolicies", "alerts are no objectives of a run")
    if not goals:
        spec.wrong("objectives", "is missing")
    took = [
        (goal, one)
        for number, goal in enumerate(goals)
        if (one := _objective(work, goal, indicator, method, _Named(name, name if len(goals) == 1 else f"{name[:59]}-{number + 1}")))
    ]
    work.objectives += [(goal, one.objective) for goal, one in took]
    foreign = [one.objective for _, one in took if not one.own]
    promised = max((one.at_least or 0.0 for one in foreign if one.measure is Measure.AVAILABILITY), default=None)
    if foreign:
        says = (Statement(availability=promised, over=window_s),) if promised is not None and window_s is not None else ()
        work.claims.append(Claim(name, about, ("load",), says=says))
    exported = not foreign and window_s == words.UNITS_S["M"]
    if window_s is not None and promised is None and not exported:
        work.leave(spec, "timeWindow", "a run judges whole phases; its error budget counts 30 days")
    work.leave_rest(metadata)
    work.leave_rest(spec)
    node.asked |= {"apiVersion", "kind", "metadata", "spec"}
    work.leave_rest(node)


def _window(work: _Work, spec: Node) -> float | None:
    """The length of the time window, in seconds; ``None`` if there is none."""
    windows = spec.several("timeWindow")
    if not windows:
        return None
    if len(windows) > 1:
        spec.wrong("timeWindow", "has more than one window")
    (window,) = windows
    said = words.window_s(window.text("duration", needed=True))
    if said is None:
        window.wrong(
            "duration", f"{window.raw.get('duration')!r} is not a duration of OpenSLO; write a whole number and its unit, like 28d or 1h"
        )
    rolling = window.get("isRolling")
    if rolling is not None and not isinstance(rolling, bool):
        window.wrong("isRolling", "is neither true nor false")
    if not rolling or window.has("calendar"):
        window.get("calendar")
        work.leave(
            window, "calendar" if window.has("calendar") else "isRolling", "a month of Closeshave begins with no day of the calendar"
        )
    work.leave_rest(window)
    return said


def _indicator(work: _Work, spec: Node) -> Node | None:
    """The spec of the indicator that is written in the SLO, or that it refers to; ``None`` where there is none."""
    if spec.has("indicator") and spec.has("indicatorRef"):
        spec.wrong("indicatorRef", "goes not with indicator")
    if reference := spec.text("indicatorRef"):
        if reference not in work.indicators:
            work.leave(spec, "indicatorRef", f"there is no SLI of the name {reference} in these files")
            return None
        return work.indicators[reference].needed("spec")
    inline = spec.inner("indicator")
    if inline is None:
        return None
    metadata = inline.needed("metadata")
    _name(metadata)
    work.leave_rest(metadata)
    found = inline.needed("spec")
    work.leave_rest(inline)
    return found


def _objective(work: _Work, goal: Node, indicator: Node | None, method: str, name: _Named) -> _Taken | None:
    """An objective of the target; ``None`` if it was left out by name."""
    target = _target(goal)
    if goal.has("indicator") or goal.has("indicatorRef"):
        goal.asked |= {"indicator", "indicatorRef", "compositeWeight"}
        work.leave(
            goal, "", "an objective with an indicator of its own is a part of a composite SLO, which Closeshave does not weigh together"
        )
        return None
    if method != "Occurrences":
        work.leave(goal, "timeSliceTarget" if method == "Timeslices" else "timeSliceWindow", SLICES)
        goal.asked |= {"timeSliceTarget", "timeSliceWindow"}
        return None
    if indicator is None:
        work.leave(goal, "", "there is no indicator")
        return None
    display = goal.text("displayName")
    threshold, ratio = indicator.inner("thresholdMetric"), indicator.inner("ratioMetric")
    if (threshold is None) == (ratio is None):
        indicator.wrong("ratioMetric" if threshold else "thresholdMetric", "give exactly one of thresholdMetric and ratioMetric")
    indicator.text("description")
    work.leave_rest(indicator)
    if threshold is not None:
        made = _of_threshold(work, goal, threshold, target, name)
    else:
        assert ratio is not None
        made = _of_ratio(work, goal, ratio, target, name)
    if made is not None and display and display != made.objective.id:
        work.leave(goal, "displayName", f"the objective is called {made.objective.id}")
    if made is not None:
        work.leave_rest(goal)
    return made


def _target(goal: Node) -> float:
    """The share of good events. Raises :class:`InvalidFile`."""
    share, percent = goal.number("target"), goal.number("targetPercent")
    if (share is None) == (percent is None):
        goal.wrong("targetPercent" if share is not None else "target", "give exactly one of target and targetPercent")
    key, value, most = ("target", share, 1) if share is not None else ("targetPercent", percent, 100)
    assert value is not None
    if not 0 <= value < most:
        goal.wrong(key, f"{value:g} is not from 0 to below {most}")
    return value if share is not None else words.of_percent(value)


def _source(work: _Work, holder: Node) -> tuple[Node, bool]:
    """The spec of a metric source, and whether it is one of Closeshave's."""
    source = holder.needed("metricSource")
    own = source.text("type") == SOURCE
    source.text("metricSourceRef")
    spec = source.needed("spec")
    if not own:
        work.leave(source, "spec", ITSELF)
    work.leave_rest(source)
    work.leave_rest(holder)
    return spec, own


def _of_threshold(work: _Work, goal: Node, threshold: Node, target: float, name: _Named) -> _Taken | None:
    spec, own = _source(work, threshold)
    operator = goal.word("op", ("lte", "lt", "gte", "gt"))
    value = goal.number("value")
    if value is None:
        goal.wrong("value", "is missing")
    if value < 0:
        goal.wrong("value", f"{value:g} is below 0")
    bound = value
    if own:
        return _carried(spec, lambda measure: {"at_most": bound, "percentile": target} if measure in TIMES else None)
    if operator in {"gt", "gte"}:
        work.leave(goal, "op", f"{operator}: a threshold metric is taken as a response time, which is bounded from above")
        return None
    if not 0 < target < 1:
        work.leave(goal, "target", "a percentile is between 0 % and 100 %, both excluded")
        return None
    said = f"{spec.raw}"
    unit = "s" if IN_SECONDS.search(said) else "ms" if IN_MILLISECONDS.search(said) else work.unit
    if unit is None:
        work.leave(goal, "value", "the query does not say its unit (like http_request_seconds or latency_ms); give --unit s or --unit ms")
        return None
    if unit == "ms":
        value = float(f"{value!r}e-3") if "e" not in repr(value) else value / 1000
    work.leave(goal, "value", f"taken as a response time in {unit}, of all requests but log-ins; nothing in the file says what it measures")
    if operator == "lt":
        work.leave(goal, "op", "lt is taken as lte")
    return _checked(
        goal,
        {
            **name.keys,
            "measure": "latency",
            "percentile": target,
            "at_most": duration_text(value),
            "except_operations": ["login"],
        },
    )


def _of_ratio(work: _Work, goal: Node, ratio: Node, target: float, name: _Named) -> _Taken | None:
    ratio.get("counter")
    if ratio.has("raw"):
        ratio.asked |= {"raw", "rawType"}
        work.leave(ratio, "raw", "a ratio that somebody else computed; Closeshave counts good and all requests itself")
        return None
    good, bad, total = ratio.inner("good"), ratio.inner("bad"), ratio.inner("total")
    if (good is None) == (bad is None) or total is None:
        ratio.wrong("total" if total is None else "good", "a ratio has a total, and either good or bad")
    counted = good or bad
    assert counted is not None
    (spec, own), _ = _source(work, counted), _source(work, total)
    work.leave_rest(ratio)
    if goal.has("op") or goal.has("value"):
        goal.asked |= {"op", "value"}
        work.leave(goal, "value" if goal.has("value") else "op", "a ratio is compared with its target alone")
    if own:
        return _carried(
            spec,
            lambda measure: (
                None
                if measure in TIMES or (measure in OF_BAD) != (bad is not None)
                else {"at_most": words.rest(target)}
                if measure in OF_BAD
                else {"at_least": target}
            ),
        )
    if not target:
        work.leave(
            goal,
            "target" if goal.has("target") else "targetPercent",
            "a share of 0 is kept by every platform, so there is nothing to judge",
        )
        return None
    if bad is not None:
        return _checked(goal, {**name.keys, "measure": "error_rate", "at_most": words.rest(target)})
    return _checked(goal, {**name.keys, "measure": "availability", "at_least": target})


def _carried(spec: Node, bounds: Callable[[Measure], Mapping[str, float] | None]) -> _Taken:
    """An objective that Closeshave exported: its keys are the metric source's spec. Raises :class:`InvalidFile`."""
    measure = Measure(spec.word("measure", tuple(each.value for each in words.EXPRESSIBLE)))
    found = bounds(measure)
    if found is None:
        spec.wrong("measure", f"{measure} is not what this kind of indicator measures")
    keys = {key: value for key, value in spec.raw.items() if key not in {"unit", "count"}}
    if measure in TIMES and spec.word("unit", ("s",)) != "s":
        spec.wrong("unit", "is missing")
    times = {key: duration_text(value) if measure in TIMES and key == "at_most" else value for key, value in found.items()}
    return _checked(spec, {**keys, **times}, own=True)


def _checked(node: Node, keys: Mapping[str, Any], *, own: bool = False) -> _Taken:
    """The objective. Raises :class:`InvalidFile` for what a target file could not say either."""
    try:
        made = OBJECTIVE.validate_python(json.loads(json.dumps(keys, default=str)))
    except ValidationError as error:
        node.wrong("", f"gives no objective: {_first(error)}")
    if not re.fullmatch(NAME, made.id):
        node.wrong("id", "is not a name")
    return _Taken(made, own)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        item = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}".lstrip(": ")
    return str(error)
