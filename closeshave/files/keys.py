"""Which keys a file may have at a place, as its JSON Schema says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def at(schema: Schema, location: Sequence[str | int]) -> frozenset[str]:
    """The keys of the mapping at ``location``, of every form that it may have; empty where any key is allowed, or none."""
    nodes = list(_forms(schema, [schema]))
    for part in location:
        nodes = list(_forms(schema, (child for node in nodes for child in _children(node, part))))
    return frozenset(name for node in nodes for name in node.get("properties", ()))


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
