"""The forms in which platforms return lists, for the scripted server. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHAPES = ("skip", "page", "cursor", "next link", "whole", "everywhere")
"""A total with ``skip`` and ``limit``; numbered pages; a cursor; the address of the next page; all rows without a total; and a total with all of a
customer's bookings, whatever the requested franchise."""


def answer(shape: str, size: int, rows: Sequence[Any], query: Mapping[str, str], path: str) -> Any:
    """The body for a request with this query: at most ``size`` rows, except for *whole*, which has no pages."""
    if shape == "whole":
        return list(rows)
    begin = int(query.get("cursor", query.get("skip", 0)))
    number = int(query.get("page", 1))
    match shape:
        case "page":
            return {"items": rows[(number - 1) * size : number * size], "page": number, "total_pages": max(1, -(-len(rows) // size))}
        case "cursor":
            more = begin + size < len(rows)
            return {"data": rows[begin : begin + size], "has_more": more, "next_cursor": str(begin + size) if more else None}
        case "next link":
            following = f"{path}?page={number + 1}" if number * size < len(rows) else None
            return {"results": rows[(number - 1) * size : number * size], "next": following}
    limit = min(int(query.get("limit", size)), size)
    return {"appointments": rows[begin : begin + limit], "total": len(rows), "skip": begin, "limit": limit}
