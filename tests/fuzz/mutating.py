"""Mutations that know the format: a value in an input's JSON is replaced, removed, or repeated. Mutations of bytes hardly ever keep JSON valid."""

from __future__ import annotations

import json
import random
import re
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 0.5, 2**31, 2**53, 2**63, -(2**63), 2**64, 10**30, 1e308, -1e-300, float("inf"), float("nan"), "", "x", "0", "1",
    "-1", "1e999", "nan", "²", "٣", "007", "9" * 30, "9" * 5000, "a\nb", "a\r\nb", "\0", "\ud800", "ü", "\u202e", "a/../b", "?a=1#b", "%00",
    "09:00", "09:00 AM", "9:00", "24:00", "09:00:00", "09:00:00Z", "09:00garbage", "25:99", "UTC", "America/New_York", "Mars/Olympus", "../UTC",
    "2026-12-01", "2026-12-01T14:00:00", "2026-12-01T14:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "10s", "99.9%", "1m30s",
    "999999999d", "shard.*", "already booked", "not available at", [], {}, [[]], [None], [{}], {"id": 1}, {"": 0}, [1, "1"],
)  # fmt: skip
_PARTS = re.compile(rb"(?=\n--\n)|(?<=\n--\n)|(?<=\n)(?=[\[{])")


def mutated(data: bytes, rng: random.Random) -> bytes | None:
    """``data`` with one of the JSON values in it changed; ``None`` where there is none."""
    parts = _PARTS.split(data)
    order = list(range(len(parts)))
    rng.shuffle(order)
    for at in order[:8]:
        try:
            value = json.loads(parts[at])
        except (ValueError, RecursionError):
            continue
        try:
            told = json.dumps(_changed(value, rng), ensure_ascii=rng.random() < 0.5)
        except (ValueError, RecursionError):
            continue
        end = b"\n" if parts[at].endswith(b"\n") else b""
        return b"".join([*parts[:at], told.encode("utf-8", "surrogatepass") + end, *parts[at + 1 :]])
    return None


def _changed(value: Any, rng: random.Random) -> Any:
    """One place of it, at whatever depth."""
    places = list(_places(value, ()))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        path = rng.choice(places)
        value = _at(value, path, lambda old: _other(old, rng))
        places = list(_places(value, ()))
    return value


def _places(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    if isinstance(value, dict | list):
        for key, held in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(held, (*path, key))


def _at(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _at(copy[path[0]], path[1:], change)
    return copy


def _other(old: Any, rng: random.Random) -> Any:
    """Something like it, or nothing like it."""
    change = rng.choice((_repeated, _nested, _without, _with_more, _longer, _retold, _spliced, _odd, _odd, _odd))
    return change(old, rng)


def _odd(_old: Any, rng: random.Random) -> Any:
    return rng.choice(ODD)


def _repeated(old: Any, rng: random.Random) -> Any:
    return [old] * rng.choice((1, 2, 3))


def _nested(old: Any, rng: random.Random) -> Any:
    for _ in range(rng.choice((3, 90, 300, 990))):
        old = [old] if rng.random() < 0.5 else {"a": old}
    return old


def _without(old: Any, rng: random.Random) -> Any:
    if not isinstance(old, dict) or not old:
        return _odd(old, rng)
    gone = rng.choice(list(old))
    return {key: held for key, held in old.items() if key != gone}


def _with_more(old: Any, rng: random.Random) -> Any:
    return {**old, str(_odd(old, rng)): _odd(old, rng)} if isinstance(old, dict) else _odd(old, rng)


def _longer(old: Any, rng: random.Random) -> Any:
    return [*old, rng.choice(old)] if isinstance(old, list) and old else _odd(old, rng)


def _retold(old: Any, rng: random.Random) -> Any:
    if isinstance(old, bool) or not isinstance(old, int | float):
        return _odd(old, rng)
    return str(old) if rng.random() < 0.5 else -old


def _spliced(old: Any, rng: random.Random) -> Any:
    if not isinstance(old, str):
        return _odd(old, rng)
    return old[: rng.randint(0, len(old))] + str(_odd(old, rng)) + old[rng.randint(0, len(old)) :]
