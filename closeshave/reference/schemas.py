"""JSON Schemas (draft 2020-12) of the files that people write and of those that other programs read, made from the classes that read and write
them.

They refuse what the harness refuses, as far as a schema can say it: keys, forms, ranges, and which keys go together. What needs two places of a file, or
another file, the harness alone refuses: phases that a fault names, regions that a shard names, claims that an objective names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from closeshave.api.profile import ApiProfile
from closeshave.capacity.result import CapacityResult
from closeshave.claims.telling import LintedClaims
from closeshave.drills.catalogue import KINDS as DRILLS
from closeshave.environments.definition import Definition
from closeshave.faults.catalogue import OWN as KINDS
from closeshave.faults.kind import Kind, Parameter
from closeshave.files.described import about, meanings
from closeshave.gameday.account import AfterAction
from closeshave.gate.baseline import Baseline
from closeshave.gate.result import GateResult
from closeshave.judge.integrity.registry import NAME, TITLES
from closeshave.judge.integrity.registry import OWN as INVARIANTS
from closeshave.plan import FAULT_KIND, Plan
from closeshave.probes.result import ProbeResult
from closeshave.readiness.values import ReadinessLedger
from closeshave.report import summary
from closeshave.target import Target
from closeshave.traffic.conventions import OPERATIONS
from closeshave.traffic.profiles import Profile

Schema = dict[str, Any]

FILES: Mapping[str, Any] = {"plan": Plan, "target": Target, "environment": Definition, "profile": Profile, "api": ApiProfile}
"""Kinds of files that people write, and what each is read as."""
WRITTEN: Mapping[str, Any] = {
    "baseline": Baseline,
    "gate": GateResult,
    "capacity": CapacityResult,
    "claims": LintedClaims,
    "readiness": ReadinessLedger,
    "probes": ProbeResult,
    "gameday": AfterAction,
}
"""Files that the harness writes for other programs, beside the summary."""
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_STANDARD = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""pydantic leaves its own names of bounds in a schema where a number is read from text first."""


@cache
def schemas() -> Mapping[str, Schema]:
    """Name → schema: of each kind of file, and of the summary. Every caller gets the same objects, so nobody may change them."""
    return {
        **{name: _of_file(name, type_) for name, type_ in FILES.items()},
        "summary": _of_summary(),
        **{name: _of_written(name, type_) for name, type_ in WRITTEN.items()},
    }


def text(schema: Schema) -> str:
    """A schema as it is published."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _of_file(name: str, type_: Any) -> Schema:
    told = described(TypeAdapter(type_).json_schema(), type_, defaults=True)
    if name == "plan":
        _faults_by_kind(told["$defs"]["Fault"], parameters=True)
        _by_kinds(told["$defs"]["Drill"], {name: kind.way_back for name, kind in DRILLS.items()}, parameters=True)
    if name == "target":
        _known_names(told["$defs"]["Objective"])
    if name == "api":
        told["properties"]["limits"]["propertyNames"] = {"enum": sorted(OPERATIONS)}
    if name == "environment":
        told = _by_kind(told)
        _faults_by_kind(told["$defs"]["Hook"], parameters=False)
        able = told["$defs"]["Capabilities"]["properties"]
        able["steps_off"]["items"] = able["limits"]["propertyNames"] = {"enum": sorted(OPERATIONS)}
    return {"$schema": DRAFT, "title": f"closeshave {name}", **told}


def _of_summary() -> Schema:
    told = described(summary.schema(), summary.Summary, defaults=False)
    for name, count in told["properties"]["integrity"]["properties"].items():
        count["description"] = _COUNTS.get(name) or f"{TITLES[name]} in the whole run; `null` where the evidence to count is missing."
    return {"$schema": DRAFT, "title": "Closeshave summary, version 1", **told}


def _of_written(name: str, type_: Any) -> Schema:
    told = described(TypeAdapter(type_).json_schema(mode="serialization"), type_, defaults=False)
    return {"$schema": DRAFT, "title": f"closeshave {name}", **told}


_COUNTS = {
    "acknowledged": "Bookings that the platform acknowledged.",
    "customers_acknowledged": "Of the acknowledged bookings those that customers made, without the canaries'.",
}


def described(schema: Schema, root: Any, *, defaults: bool) -> Schema:
    """The schema of pydantic with what each class, field and member means, in standard keywords. ``root`` is the type that it is of."""
    classes = {each.__name__: each for each in _types_in(root)}
    for name, definition in schema.get("$defs", {}).items():
        _describe(definition, classes[name], defaults=defaults)
    if isinstance(root, type):
        _describe(schema, root, defaults=defaults)
    _standardise(schema)
    return schema


def _types_in(hint: Any, found: dict[type, None] | None = None) -> Mapping[type, None]:
    """Every dataclass and enumeration that a value of this type may hold, at any depth."""
    found = {} if found is None else found
    if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, Enum)) and hint not in found:
        found[hint] = None
        if is_dataclass(hint):
            for inner in get_type_hints(hint, include_extras=True).values():
                _types_in(inner, found)
    for inner in get_args(hint):
        _types_in(inner, found)
    return found


def _describe(definition: Schema, class_: type, *, defaults: bool) -> None:
    definition["description"] = about(class_)
    meant = meanings(class_)
    if issubclass(class_, Enum):
        del definition["enum"]
        definition["oneOf"] = [{"const": member.value, "description": meant[member.name]} for member in class_]
        return
    assert is_dataclass(class_)
    hints = get_type_hints(class_, include_extras=True)
    for field in fields(class_):
        key = definition["properties"].get(field.name)
        if key is None:
            # What is computed: the summary says it by itself.
            continue
        key.setdefault("description", meant.get(field.name, ""))
        key.pop("default", None)
        if defaults:
            key |= _default(field, hints[field.name])


def _default(field: Field[Any], hint: Any) -> Schema:
    """As people would write it: a duration with its unit. A section has none of its own: its keys have theirs."""
    made = field.default if field.default_factory is MISSING else field.default_factory()
    if made is MISSING or is_dataclass(made):
        return {}
    return {"default": TypeAdapter(hint).dump_python(made, mode="json")}


def _standardise(node: Schema) -> None:
    node.pop("title", None)
    for old, new in _STANDARD.items():
        if old in node:
            node.setdefault(new, node.pop(old))
    for inner in _inside(node):
        _standardise(inner)


def _inside(node: Schema) -> Iterator[Schema]:
    for key in ("properties", "$defs"):
        yield from node.get(key, {}).values()
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        yield from node.get(key, ())
    for key in ("items", "additionalProperties", "propertyNames", "not", "if", "then"):
        if isinstance(node.get(key), dict):
            yield node[key]


def _by_kind(union: Schema) -> Schema:
    """Asked for its kind first, so that an editor complains of the one key that is wrong, and not of all three kinds."""
    kinds = {
        union["$defs"][name]["properties"]["kind"]["const"]: name for name in (each["$ref"].rpartition("/")[2] for each in union["anyOf"])
    }
    return {
        "description": "What a trial runs on. `kind` says how it is provided; the other keys depend on it.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": [*kinds], "description": "How the environment is provided."}},
        "allOf": [_if("kind", kind, {"$ref": f"#/$defs/{name}"}) for kind, name in kinds.items()],
        "$defs": union["$defs"],
    }


def _if(key: str, value: str, then: Schema) -> Schema:
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def _faults_by_kind(definition: Schema, *, parameters: bool) -> None:
    """What each kind of the catalogue takes as scope and parameters. Another kind may come from a package that extends the harness."""
    _by_kinds(definition, KINDS, parameters=parameters)


def _by_kinds(definition: Schema, kinds: Mapping[str, Kind], *, parameters: bool) -> None:
    definition["properties"]["kind"]["anyOf"] = [{"enum": sorted(kinds)}, {"pattern": FAULT_KIND}]
    definition["allOf"] = [_if("kind", name, _takes(kinds[name], parameters=parameters)) for name in sorted(kinds)]


def _takes(kind: Kind, *, parameters: bool) -> Schema:
    number = {"type": ["integer", "string"], "pattern": r"^\d+$"}
    scope = {"properties": {key: number if key == "shard" else {} for key in kind.scope}, "additionalProperties": False}
    taken: Schema = {"properties": {"scope": scope | ({"required": [*kind.scope]} if kind.scope else {})}}
    if parameters:
        named = {each.name: _parameter(each) for each in kind.parameters}
        taken["properties"]["parameters"] = {"properties": named, "additionalProperties": False}
    if kind.scope:
        taken["required"] = ["scope"]
    return taken


def _parameter(parameter: Parameter) -> Schema:
    told = {"description": parameter.about, "default": parameter.default}
    if parameter.type is bool:
        return told | {"enum": [True, False, "true", "false"]}
    if parameter.type is str:
        return told
    return told | {"type": "integer" if parameter.type is int else "number", "minimum": parameter.at_least, "maximum": parameter.at_most}


def _known_names(objective: Schema) -> None:
    keys = objective["properties"]
    keys["operations"]["items"] = keys["except_operations"]["items"] = {"enum": sorted(OPERATIONS)}
    keys["invariants"]["items"] = {"anyOf": [{"enum": sorted(INVARIANTS)}, {"pattern": f"^{NAME.pattern}$"}]}
