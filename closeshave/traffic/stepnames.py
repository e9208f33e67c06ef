"""Names of steps in the text of a scenario: one that there is not would be found only when a customer under load comes to it. Pure.

Only what is certain is told: ``self.steps.NAME``, and ``NAME`` of a local name for ``self.steps``, in classes of customers whose steps are ours. A class
that gives itself steps of its own, or inherits from one of another file that might, is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from closeshave.files.closest import meant

STEPS = "steps"
"""The attribute of a customer that has the steps."""
CUSTOMERS = frozenset({"closeshave.traffic.journeys", "closeshave.traffic.contests"})
"""The modules whose classes customers inherit from."""


@dataclass(frozen=True, slots=True)
class UnknownStep:
    """A step that there is not."""

    line: int
    """Where it is named, from 1."""
    where: str
    """The class and the function, like ``Customer.book``."""
    said: str


def unknown(scenario: ast.Module, known: Collection[str]) -> list[UnknownStep]:
    """Every step that the file's customers name and that is not among the attributes ``known`` of the steps, by line."""
    found = {
        UnknownStep(node.lineno, f"{each.name}.{function.name}", _said(node.attr, known))
        for each in _customers(scenario)
        for function in each.body
        if isinstance(function, ast.FunctionDef)
        for node in _named(function)
        if node.attr not in known
    }
    return sorted(found, key=lambda one: (one.line, one.said))


def _said(name: str, known: Collection[str]) -> str:
    there = sorted(each for each in known if not each.startswith("_"))
    return f"{name!r} is not a step{meant(name, there)}; available: {', '.join(there)}"


def _customers(scenario: ast.Module) -> list[ast.ClassDef]:
    """The classes whose steps are certainly ours."""
    ours = {
        alias.asname or alias.name
        for node in scenario.body
        if isinstance(node, ast.ImportFrom) and node.module in CUSTOMERS
        for alias in node.names
    }
    classes = {node.name: node for node in scenario.body if isinstance(node, ast.ClassDef)}
    return [each for each in classes.values() if _inherits(each, classes, ours)]


def _inherits(each: ast.ClassDef, classes: Mapping[str, ast.ClassDef], ours: Collection[str], deep: int = 0) -> bool:
    if deep > len(classes) or not each.bases or _replaces(each):
        return False
    for base in each.bases:
        name = base.id if isinstance(base, ast.Name) else ""
        if name not in ours and not (name in classes and _inherits(classes[name], classes, ours, deep + 1)):
            return False
    return True


def _replaces(each: ast.ClassDef) -> bool:
    """Whether a class gives its customers other steps."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr == STEPS and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Name) and node.id == STEPS and node in _stored(each))
        or (isinstance(node, ast.FunctionDef) and node.name == STEPS)
        for node in ast.walk(each)
    )


def _stored(each: ast.ClassDef) -> list[ast.expr]:
    """What the body of a class assigns to."""
    plain = [target for node in each.body if isinstance(node, ast.Assign) for target in node.targets]
    return [*plain, *(node.target for node in each.body if isinstance(node, ast.AnnAssign))]


def _named(function: ast.FunctionDef) -> Iterator[ast.Attribute]:
    """Attributes of the steps, wherever the function names one."""
    local = _local_names(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and (_is_steps(node.value) or (isinstance(node.value, ast.Name) and node.value.id in local)):
            yield node


def _local_names(function: ast.FunctionDef) -> set[str]:
    """Names that stand for the steps, and for nothing else, in a function."""
    nodes = [*ast.walk(function)]
    stored = [node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    stored += [node.arg for node in nodes if isinstance(node, ast.arg)]
    given = [
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_steps(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return {name for name in given if given.count(name) == stored.count(name)}


def _is_steps(node: ast.expr) -> bool:
    """Whether this is ``self.steps``, or the steps of another customer."""
    return isinstance(node, ast.Attribute) and node.attr == STEPS and isinstance(node.value, ast.Name)
