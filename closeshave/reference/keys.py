"""The keys of a file, as its schema states them: section after section, each key with its meaning, form, default and example. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from closeshave.files.yamlfile import DURATION_SCHEMA, LASTING_SCHEMA, MOST, QUANTITY_SCHEMA, SHARE_SCHEMA
from closeshave.reference.schemas import Schema

EXAMPLE_MOST = 70
"""Characters of an example in a table; a longer one is cut."""
ANY = "NAME"
"""In a path: a name that the file's writer chooses."""
UNITS: Mapping[str, str] = {"per_s": "per second", "ms": "in milliseconds", "s": "in seconds", "h": "in hours"}
"""How the end of a key's name states its unit, and how a page does."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """A key of a file. Texts are Markdown."""

    name: str
    path: str
    """Where it stands in the file: ``phases[].role``; unique on its page."""
    meaning: str
    form: str
    """What may be written: its type, unit and range."""
    default: str
    """``required`` where it cannot be left out."""
    example: str
    """Empty where the keys inside have examples."""


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one mapping of a file."""

    places: tuple[str, ...]
    """Where the mapping stands: ``phases[]``; the empty text for the file itself."""
    about: str
    keys: tuple[FileKey, ...]
    values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Of keys that take one of a few words: the key, and each word with its meaning."""


def sections(schema: Schema, start: Schema, example: Any, without: frozenset[str] = frozenset()) -> Iterator[Section]:
    """The sections of a file, outermost first: of ``start``, a part of ``schema``, and of all that it holds.

    ``example`` is a document that shows every key. A mapping that stands in several places has one section. ``without`` names keys of the file
    itself that are left out.
    """
    for definition, places in _places(schema, start):
        named = {name: key for name, key in definition["properties"].items() if places[0] or name not in without}
        yield Section(
            places=places,
            about=definition.get("description", ""),
            keys=tuple(_key(schema, definition, places, name, key, example) for name, key in named.items()),
            values=tuple((name, words) for name, key in named.items() if (words := tuple(_words(schema, key)))),
        )


def _places(schema: Schema, start: Schema) -> list[tuple[Schema, tuple[str, ...]]]:
    """Every mapping of a file with the places where it stands, the outer ones first."""
    found: dict[int, tuple[Schema, tuple[str, ...]]] = {}
    waiting = [("", start)]
    while waiting:
        path, definition = waiting.pop(0)
        _, before = found.get(id(definition), (definition, ()))
        found[id(definition)] = definition, (*before, path)
        for name, key in definition["properties"].items():
            waiting += [(f"{_joined(path, name)}{suffix}", inner) for suffix, inner in _mappings(schema, key)]
    return list(found.values())


def _key(schema: Schema, holder: Schema, places: tuple[str, ...], name: str, key: Schema, example: Any) -> FileKey:
    nested = any(True for _ in _mappings(schema, key))
    shown = [] if nested else [one for place in places for one in _found(example, _joined(place, name))]
    required = name in holder.get("required", ())
    return FileKey(
        name=name,
        path=_joined(places[0], name),
        meaning=key["description"],
        form=_form(schema, key, name),
        default="required" if required else _default(key, nested=nested),
        example=code(_cut(flow(shown[0]))) if shown else "",
    )


def _default(key: Schema, *, nested: bool) -> str:
    if "default" in key and key["default"] is not None:
        return code(_cut(flow(key["default"])))
    return "its keys' defaults" if nested and "default" not in key else "none"


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def resolve(schema: Schema, node: Schema) -> Schema:
    """What a reference refers to; any other node is itself."""
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _alternatives(node: Schema) -> list[Schema]:
    """The forms of which a value has one, without ``null``. What has a type of its own has one form, whatever else is said of it."""
    if "type" in node or "const" in node.get("oneOf", [{}])[0]:
        return [node]
    return [each for each in node.get("anyOf") or node.get("oneOf") or [node] if each.get("type") != "null"]


def _mappings(schema: Schema, key: Schema, suffix: str = "") -> Iterator[tuple[str, Schema]]:
    """The mappings that a key holds, each with what stands behind the key's name in its path."""
    for each in _alternatives(key):
        inner = resolve(schema, each)
        if len(_alternatives(inner)) > 1:
            yield from _mappings(schema, inner, suffix)
        elif "properties" in inner:
            kind = inner["properties"].get("kind", {}).get("const") if len(_alternatives(key)) > 1 else None
            yield f"{suffix} (kind: {kind})" if kind else suffix, inner
        elif isinstance(inner.get("items"), dict):
            yield from _mappings(schema, inner["items"], f"{suffix}[]")
        elif isinstance(inner.get("additionalProperties"), dict):
            yield from _mappings(schema, inner["additionalProperties"], f"{suffix}.{ANY}")


def _words(schema: Schema, key: Schema) -> Iterator[tuple[str, str]]:
    """The words that a key takes, where each has a meaning of its own."""
    for each in _alternatives(key):
        inner = resolve(schema, each)
        if "const" in inner.get("oneOf", [{}])[0]:
            yield from ((word["const"], word["description"]) for word in inner["oneOf"])
        elif isinstance(inner.get("items"), dict):
            yield from _words(schema, inner["items"])


def _form(schema: Schema, key: Schema, name: str) -> str:
    return " or ".join(dict.fromkeys(_one_form(schema, each, name) for each in _alternatives(key)))


def _one_form(schema: Schema, node: Schema, name: str) -> str:
    node = resolve(schema, node)
    alternatives = _alternatives(node)
    if len(alternatives) > 1:
        return " or ".join(dict.fromkeys(_one_form(schema, each, name) for each in alternatives))
    if words := _few(node):
        return ", ".join(code(flow(word)) for word in words)
    return "mapping, see below" if "properties" in node else _typed(schema, node, name)


def _few(node: Schema) -> list[Any]:
    """The few values that a node allows; empty where it allows more."""
    if "const" in node.get("oneOf", [{}])[0]:
        return [word["const"] for word in node["oneOf"]]
    return [node["const"]] if "const" in node else node.get("enum", [])


def _typed(schema: Schema, node: Schema, name: str) -> str:
    match node.get("type"):
        case "array":
            return _list(schema, node, name)
        case "object":
            inner = node.get("additionalProperties")
            return f"mapping of names to: {_form(schema, inner, '') if isinstance(inner, dict) else 'anything'}"
        case _:
            return _scalar(node, name)


def _list(schema: Schema, node: Schema, name: str) -> str:
    most, least = node.get("maxItems"), node.get("minItems", 0)
    if "prefixItems" in node:
        return f"list of {len(node['prefixItems'])}: {_form(schema, node['prefixItems'][0], name)}"
    count = f"{most} " if most == least else ""
    bounds = f" (at least {least})" if least and not count else ""
    each = _form(schema, node["items"], name) if node.get("items") else "anything"
    return f"list of {count}{each.replace('mapping, see', 'mappings, see')}{bounds}"


def _scalar(node: Schema, name: str) -> str:
    """Raises :class:`KeyError` for a form that no page has words for yet."""
    pattern = str(node.get("pattern"))
    if pattern in _DURATIONS:
        return _DURATIONS[pattern]
    if pattern in _QUANTITIES:
        return f"{_QUANTITIES[pattern]}{_range(node, share=pattern == SHARE_SCHEMA['pattern'])}"
    type_ = node.get("type", "anything")
    words = _TYPES[type_ if isinstance(type_, str) else " or ".join(type_)]
    if words in {"whole number", "number"}:
        return f"{words}{_unit(name)}{_range(node)}"
    return "instant with its offset from UTC" if node.get("format") == "date-time" else words


_DURATIONS: Mapping[str, str] = {LASTING_SCHEMA["pattern"]: "duration above 0", DURATION_SCHEMA["pattern"]: "duration"}
_QUANTITIES: Mapping[str, str] = {SHARE_SCHEMA["pattern"]: "share", QUANTITY_SCHEMA["pattern"]: "percentage, duration or number"}
_TYPES: Mapping[str, str] = {
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "string or integer": "text or whole number",
    "anything": "anything",
}


def _unit(name: str) -> str:
    ending = next((unit for unit in UNITS if name.endswith(f"_{unit}")), None)
    return f" {UNITS[ending]}" if ending else ""


def _range(node: Schema, *, share: bool = False) -> str:
    def said(value: float) -> str:
        return f"{value:.0%}" if share else f"{value:,.15g}"

    bounds = []
    if "exclusiveMinimum" in node:
        bounds.append(f"above {said(node['exclusiveMinimum'])}")
    elif "minimum" in node:
        bounds.append(f"from {said(node['minimum'])}")
    if "exclusiveMaximum" in node:
        bounds.append(f"below {said(node['exclusiveMaximum'])}")
    elif node.get("maximum", MOST) < MOST or node.get("maximum") == 10**10:
        bounds.append(f"up to {said(node['maximum'])}")
    return f", {' '.join(bounds)}" if bounds else ""


def _found(example: Any, path: str) -> Iterator[Any]:
    """Every value of an example document at a path such as ``phases[].shape (kind: ramp).start``."""
    held = [example]
    for part in path.split("."):
        if part == ANY:
            held = [one for each in held if isinstance(each, Mapping) for one in each.values()]
            continue
        name, _, kind = part.replace("[]", "").removesuffix(")").partition(" (kind: ")
        inner = [each[name] for each in held if isinstance(each, Mapping) and name in each]
        for _ in range(part.count("[]")):
            inner = [item for each in inner if isinstance(each, list) for item in each]
        held = [each for each in inner if not kind or each.get("kind") == kind]
    yield from held


def flow(value: Any) -> str:
    """A value as it is written in YAML, on one line."""
    writer = YAML(typ="safe")
    writer.default_flow_style = True
    writer.width = 10**6
    written = StringIO()
    writer.dump([value], written)
    told = written.getvalue().strip().removeprefix("[").removesuffix("]")
    # One pair in a list needs no braces; by itself it does.
    return f"{{{told}}}" if isinstance(value, Mapping) and not told.startswith("{") else told


def code(text: str) -> str:
    """Markdown code, in a table too."""
    return f"`{text}`".replace("|", "\\|") if text else "` `"


def _cut(text: str) -> str:
    return text if len(text) <= EXAMPLE_MOST else f"{text[: EXAMPLE_MOST - 2]} …"
