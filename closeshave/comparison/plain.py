"""A comparison for other programs. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from closeshave.comparison.values import Comparison

SCHEMA = "closeshave.comparison/1"
_CODEC = TypeAdapter(Comparison)


def told(comparison: Comparison) -> dict[str, Any]:
    """Plain values. What is computed from the others is told too: whether the runs can be compared, and what can be said of them."""
    plain: dict[str, Any] = _CODEC.dump_python(comparison, mode="json")
    for one, difference in zip(plain["differences"], comparison.differences, strict=True):
        one["text"] = difference.text
    return {"schema": SCHEMA, "comparable": comparison.comparable, "sentence": comparison.sentence, **plain}
