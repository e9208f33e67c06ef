"""Rule files in Prometheus' format: which alerts they raise, and of which severity and category. The engine itself reads the expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of, seconds
from closeshave.history import AlertRule
from closeshave.vocabulary import CATEGORIES, SEVERITIES

RULES_FOLDER = "environments/alerts"
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")
NONE = "none"
"""The severity of an alert that tells of no trouble, such as one that always fires."""
Location = tuple[str | int, ...]


def read_rules(path: Path) -> tuple[AlertRule, ...]:
    """The alerting rules of a file; recording rules are left out. Raises :class:`InvalidFile` with every problem found."""
    raw = document(path)
    problems = [Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message) for location, message in _problems(raw)]
    if problems:
        raise InvalidFile(*problems)
    return tuple(
        AlertRule(str(rule["alert"]), str(rule["labels"]["severity"]), str(rule["labels"]["category"]), seconds(rule.get("for", 0)))
        for _, rule in _rules(raw)
    )


def _rules(raw: Mapping[str, Any]) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    for at, group in enumerate(raw["groups"]):
        for index, rule in enumerate(group["rules"]):
            if "alert" in rule:
                yield ("groups", at, "rules", index), rule


def _problems(raw: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    groups = raw.get("groups")
    if not isinstance(groups, list) or not groups:
        yield ("groups",), "a rule file is a list of groups, each with a name and rules"
        return
    for at, group in enumerate(groups):
        if not isinstance(group, Mapping) or not isinstance(group.get("rules"), list):
            yield ("groups", at), "a group has a name and a list of rules"
            return
        for index, rule in enumerate(group["rules"]):
            if (
                not isinstance(rule, Mapping)
                or not ({"alert", "record"} & set(rule))
                or not isinstance(rule.get("expr"), str | int | float)
            ):
                yield ("groups", at, "rules", index), "a rule has alert (or record) and expr"
                return
    seen: set[str] = set()
    for location, rule in _rules(raw):
        yield from _wrong(location, rule, seen)


def _wrong(location: Location, rule: Mapping[str, Any], seen: set[str]) -> Iterator[tuple[Location, str]]:
    name, labels = str(rule["alert"]), rule.get("labels")
    if not NAME.fullmatch(name):
        yield (*location, "alert"), f"{name[:120]!r} is no name of an alert: letters, digits and underscores"
    if name in seen:
        yield (*location, "alert"), f"{name} is there twice; plans name alerts, so that each name stands for one rule"
    seen.add(name)
    told = labels if isinstance(labels, Mapping) else {}
    if str(told.get("severity")) not in {*SEVERITIES, NONE}:
        yield (*location, "labels"), f"severity is one of {', '.join(SEVERITIES)}, or {NONE} for an alert that tells of no trouble"
    if str(told.get("category")) not in CATEGORIES:
        yield (*location, "labels"), f"category is one of {', '.join(CATEGORIES)}"
    try:
        seconds(rule.get("for", 0))
    except ValueError as error:
        yield (*location, "for"), str(error)
