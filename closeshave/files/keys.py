"""Which keys or words a file may have at a place, as its JSON Schema says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def at(schema: Schema, location: Sequence[str | int]) -> frozenset[str]:
    """The keys of the mapping at ``location``, of every form that it may have; empty where any key is allowed, or none."""
    return frozenset(name for node in _nodes(schema, location) for name in node.get("properties", ()))


def words(schema: Schema, location: Sequence[str | int]) -> tuple[str, ...]:
    """The words of which the value at ``location`` is one, in their order; empty where other values are allowed too."""
    forms = [node for node in _nodes(schema, location) if not any(key in node for key in ("$ref", "anyOf", "oneOf", "allOf"))]
    return tuple(str(word) for node in forms for word in node["enum"]) if forms and all("enum" in node for node in forms) else ()


def _nodes(schema: Schema, location: Sequence[str | int]) -> list[Schema]:
    """The forms that the value at ``location`` may have."""
    nodes = list(_forms(schema, [schema]))
    for part in location:
        nodes = list(_forms(schema, (child for node in nodes for child in _children(node, part))))
    return nodes


def _forms(whole: Schema, nodes: Iterable[Any]) -> Iterator[Schema]:
    """Each node with its references followed and its alternatives apart."""
    for node in nodes:
        if not isinstance(node, Mapping):
            continue
        yield node
        if (reference := node.get("$ref")) is not None:
            yield from _forms(whole, [whole.get("$defs", {}).get(str(reference).rpartition("/")[2])])
        for several in ("anyOf", "oneOf", "allOf"):
            yield from _forms(whole, node.get(several, ()))


def _children(node: Schema, part: str | int) -> Iterator[Any]:
    if isinstance(part, int):
        yield node.get("items")
        yield from node.get("prefixItems", ())
    else:
        yield node.get("properties", {}).get(part)
        yield node.get("additionalProperties")
