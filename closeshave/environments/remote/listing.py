"""Reads lists to their end: by their total, by pages, by a cursor or by a link to the next page. A list that is not complete is marked as such.

Platforms return lists in pages, and show that in many ways or not at all. If only a part of a list was read and the rest counted as lost, a correct
platform would fail. So the reader says whether a list is complete, and if not, why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from closeshave.api import answers, known
from closeshave.api.expressions import Found, found_by
from closeshave.api.profile import BookingsCall, Paging, PaymentsCall
from closeshave.api.spoken import SpokenApi
from closeshave.plurals import counted

PAGES_MAX = 1000
"""No run fills more pages than this: a longer list is treated as endless."""
AGAIN_PAGES_MAX = 50
ROUND = frozenset({20, 25, 30, 50, 100, 200, 250, 500, 1000})
"""Usual page sizes of platforms. A list of exactly so many rows, without a total, may be incomplete."""
ROWS = ("appointments", "items", "results", "data", "bookings", "rows", "payments")
TOTALS = ("total", "total_count", "totalCount", "count")
NEXT_LINKS = ("next", "next_url", "nextUrl", "next_page_url", "nextPageUrl")
CURSORS = ("next_cursor", "nextCursor", "cursor", "next_page_token", "nextPageToken", "continuation_token")
PLACES = ("", "meta", "pagination", "paging", "page_info", "pageInfo", "links", "_links")
"""Members of a body that may describe its pages; the description may also be beside the rows."""

Get = Callable[[str], "Page"]
"""Requests a path with its query. Raises the exception of its owner when there is no good answer."""


class NoList(ValueError):
    """The answer holds no list; the message says what it holds."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, unchanged."""

    body: Any
    link: str = ""
    """The ``Link`` header (RFC 8288), or empty."""


@dataclass(frozen=True, slots=True)
class ListForm:
    """Where the parts of a page are, as far as an API profile states it; the rest is looked for."""

    rows: Found | None = None
    row: Found | None = None
    """Makes a row what the harness reads."""
    cursor: Found | None = None
    """The text that asks for the next page; nothing on the last one."""
    parameter: str = "cursor"
    """The parameter of the query that takes the cursor."""
    total: Found | None = None


UNSTATED = ListForm()


def form_of(api: SpokenApi, operation: str) -> ListForm:
    """The form of a list by the platform's profile."""
    call = known.calls(api.profile).get(operation)
    if not isinstance(call, BookingsCall):
        return UNSTATED
    pages = call.pages or Paging()
    rows, cursor, total = (found_by(text) if text is not None else None for text in (call.rows, pages.cursor, pages.total))
    row = answers.payment(call.answer, api.profile) if isinstance(call, PaymentsCall) else api.booking
    return ListForm(rows, row, cursor, pages.parameter or "cursor", total)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, as far as it could be read."""

    rows: tuple[Any, ...]
    """The rows as answered, each once."""
    pages: int
    size: int
    """The number of rows of the first page."""
    way: str
    """How the rest was read: ``one page``, ``skip``, ``offset``, ``page``, ``cursor`` or ``next link``."""
    lacking: str = ""
    """Why the list may be incomplete; empty when it is complete."""
    cut_at: int | None = None
    """Set if only its round number of rows suggests that it is incomplete. If a longer page is seen at the same route, it is complete."""


def read(get: Get, base: str, path: str, form: ListForm = UNSTATED) -> Listed:
    """Every row of the list at ``path`` below the URL ``base``, in the harness's form.

    Raises :class:`NoList`, and whatever ``get`` raises for the first page.
    """
    found = _read_once(get, base, path, form)
    if found.lacking and 1 < found.pages <= AGAIN_PAGES_MAX:
        # Bookings and cancellations meanwhile move rows between pages: a second reading distinguishes that from a list that cannot be read.
        found = _read_once(get, base, path, form)
    return found


def _read_once(get: Get, base: str, path: str, form: ListForm) -> Listed:
    reading = _Reading(get, base, path, form)
    reading.begin()
    return reading.to_the_end()


def whole_after_all(listed: Listed, longest_page: int) -> Listed:
    """The list; its doubt is removed if a longer page was seen at the same route. Pure."""
    if listed.cut_at is None or longest_page <= listed.cut_at:
        return listed
    return Listed(listed.rows, listed.pages, listed.size, listed.way)


@dataclass(slots=True)
class _Reading:
    """The reading of one list."""

    get: Get
    base: str
    path: str
    form: ListForm = UNSTATED
    rows: dict[str, Any] = field(default_factory=dict)
    pages: int = 0
    size: int = 0
    first: Any = None
    first_link: str = ""
    first_number: int | None = None

    def begin(self) -> None:
        page = self.get(self.path)
        self.first, self.first_link = page.body, page.link
        self.size = len(self._rows(page))
        self._keep(page)

    def to_the_end(self) -> Listed:
        """Continue in the way that the platform itself names, else in the first way that it answers."""
        total = self._total()
        link, cursor = self._next(self.first, self.first_link)
        if link or cursor is not None or self.form.cursor is not None:
            return self._follow(link, total)
        # A total of just one page's rows may be the page's own count.
        more = (total is not None and total > self.size) or says_more(self.first)
        doubtful = not more and self.size in ROUND
        if not more and not doubtful:
            return self._listed("one page", "")
        for way, queries in self._ways():
            if (found := self._walk(way, queries, total)) is not None:
                return found
        if more:
            told = (
                f"{counted(self.size, 'row')} of {total:,}"
                if total is not None
                else f"{counted(self.size, 'row')}, and says that there are more"
            )
            return self._listed("one page", f"answers {told}, but offers no way to the rest: neither skip, offset nor page works")
        if total is not None:
            return self._listed("one page", "")
        why = f"ends at exactly {counted(self.size, 'row')} without a total or a next page: it may be incomplete"
        return Listed(tuple(self.rows.values()), self.pages, self.size, "one page", why, self.size)

    def _follow(self, link: str, total: int | None) -> Listed:
        """Follow next links and cursors, but only to the same host."""
        body, header, at, seen = self.first, self.first_link, self.path, {self.path}
        way = "next link" if link else "cursor"
        while True:
            link, cursor = self._next(body, header)
            if link:
                elsewhere, onward = _resolved(self.base, at, link)
                if elsewhere:
                    return self._listed(way, f"names its next page on another host ({elsewhere}), which is not followed")
            elif cursor is not None and (self.form.cursor is not None or says_more(body, otherwise=True)):
                onward = _with(self.path, {self.form.parameter if self.form.cursor is not None else _parameter(body): cursor})
            else:
                return self._listed(way, self._short_of(total))
            if onward in seen:
                return self._listed(way, f"page {self.pages + 1} was already read")
            if self.pages >= PAGES_MAX:
                return self._listed(way, f"has no end after {PAGES_MAX} pages")
            seen.add(onward)
            page = self._ask(onward)
            if isinstance(page, str):
                return self._listed(way, f"page {self.pages + 1} cannot be read: {page}")
            if not self._keep(page) and self._rows(page):
                return self._listed(way, f"page {self.pages} repeats an earlier one")
            body, header, at = page.body, page.link, onward

    def _ways(self) -> Iterator[tuple[str, Callable[[int], str]]]:
        """Queries for the page after so many have been read; those that the body suggests come first."""
        size = max(1, self.size)
        ways: dict[str, Callable[[int], str]] = {
            "skip": lambda done: _with(self.path, {"skip": done * size, "limit": size}),
            "offset": lambda done: _with(self.path, {"offset": done * size, "limit": size}),
            "page": lambda done: _with(self.path, {"page": done + self._first_page(), "page_size": size, "per_page": size, "limit": size}),
            "page alone": lambda done: _with(self.path, {"page": done + self._first_page()}),
        }
        hinted = [way for way in ("skip", "offset", "page") if _member(self.first, way) is not None]
        for way in dict.fromkeys((*hinted, *ways)):
            yield way, ways[way]

    def _first_page(self) -> int:
        """The number of the first page, 0 or 1: it is 0 if page 1 shows other rows than the first answer."""
        if self.first_number is None:
            said = _whole_number(_member(self.first, "page"))
            if said is None:
                page = self._ask(_with(self.path, {"page": 1}))
                others = not isinstance(page, str) and any(identity(row) not in self.rows for row in self._rows(page))
                said = 0 if others else 1
            self.first_number = said
        return self.first_number

    def _walk(self, way: str, query: Callable[[int], str], total: int | None) -> Listed | None:
        """Read on in one way; ``None`` if the platform ignores it."""
        done = 1
        while True:
            if self.pages >= PAGES_MAX:
                return self._listed(way, f"has no end after {PAGES_MAX} pages")
            page = self._ask(query(done))
            if isinstance(page, str):
                return None if done == 1 else self._listed(way, f"page {done + 1} cannot be read: {page}")
            told = self._rows(page)
            new = self._keep(page)
            if done == 1 and told and not new:
                # The same page again: the parameter means nothing here.
                return None
            if not told:
                # Honoured, and there was no more.
                return self._listed(way, self._short_of(total))
            if not new:
                return self._listed(way, f"page {done + 1} repeats an earlier one")
            reached = total is not None and len(self.rows) >= total
            # A total that the first page alone fulfilled was that page's own count: then only a short page is the end.
            if (reached and total != self.size) or (len(told) < self.size and (reached or total is None)):
                return self._listed(way, "")
            done += 1

    def _short_of(self, total: int | None) -> str:
        return "" if total is None or len(self.rows) >= total else f"says that it has {counted(total, 'row')}, but shows {len(self.rows):,}"

    def _ask(self, path: str) -> Page | str:
        """Request a further page; returns why there is none."""
        try:
            page = self.get(path)
            self._rows(page)
        except (OSError, RuntimeError, ValueError) as error:
            return str(error)
        return page

    def _keep(self, page: Page) -> bool:
        """Keep its rows, each once; returns whether any was new."""
        self.pages += 1
        before = len(self.rows)
        for row in self._rows(page):
            self.rows.setdefault(identity(row), row)
        return len(self.rows) > before

    def _rows(self, page: Page) -> list[Any]:
        """Raises :class:`NoList`."""
        form = self.form
        told = rows_of(page.body) if form.rows is None else form.rows(page.body)
        if not isinstance(told, list):
            raise NoList(f"answers with {_described(page.body)} instead of a list where the API profile says that one is")
        return told if form.row is None else [form.row(row) if isinstance(row, dict) else row for row in told]

    def _total(self) -> int | None:
        return total_of(self.first) if self.form.total is None else _whole_number(self.form.total(self.first))

    def _next(self, body: Any, header: str) -> tuple[str, str | None]:
        """The link to the next page, or the text that asks for it."""
        if self.form.cursor is None:
            return next_link(body, header), cursor_of(body)
        told = self.form.cursor(body)
        return "", str(told) if isinstance(told, str | int) and not isinstance(told, bool) and told != "" else None

    def _listed(self, way: str, lacking: str) -> Listed:
        return Listed(tuple(self.rows.values()), self.pages, self.size, way, lacking)


def rows_of(body: Any) -> list[Any]:
    """The rows of an answer. Raises :class:`NoList`. Pure."""
    if isinstance(body, list):
        return body
    if isinstance(body, dict):
        for name in ROWS:
            held = body.get(name)
            if isinstance(held, list):
                return held
            if name == "data" and isinstance(held, dict):
                return rows_of(held)
    raise NoList(f"answers with {_described(body)} instead of a list")


def total_of(body: Any) -> int | None:
    """The total number of rows according to the body. Pure."""
    for name in TOTALS:
        if (told := _whole_number(_member(body, name))) is not None:
            return told
    return None


def says_more(body: Any, *, otherwise: bool = False) -> bool:
    """Whether the body says that there are further pages. Pure."""
    for name in ("has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage"):
        if isinstance(told := _member(body, name), bool):
            return told
    page, pages = (_whole_number(_member(body, name)) for name in ("page", "total_pages"))
    return page < pages if page is not None and pages is not None else otherwise


def next_link(body: Any, header: str) -> str:
    """The address of the next page, as the body or a ``Link`` header names it; empty when neither does. Pure."""
    for name in NEXT_LINKS:
        told = _member(body, name)
        if isinstance(told, dict):
            told = told.get("href")
        if isinstance(told, str) and told and ("/" in told or "?" in told):
            return told
    for part in header.split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation.replace(" ", "") or "rel=next" in relation.replace(" ", ""):
            return address.strip().strip("<>")
    return ""


def cursor_of(body: Any) -> str | None:
    """The query for the next page, if the body has a cursor. Pure."""
    for name in CURSORS:
        told = _member(body, name)
        if isinstance(told, dict):
            told = told.get("next")
        if isinstance(told, str | int) and not isinstance(told, bool) and str(told):
            return str(told)
    return None


def identity(row: Any) -> str:
    """What distinguishes one row from another: the franchise and the ID, or the whole row. Pure."""
    if isinstance(row, dict) and isinstance(row.get("id"), str | int):
        return f"{row.get('franchise_id') or ''}/{row['id']}"
    return json.dumps(row, sort_keys=True, default=str)


def _parameter(body: Any) -> str:
    """The name of the query parameter for a cursor."""
    for name in CURSORS:
        if _member(body, name) is not None:
            return {"next_page_token": "page_token", "nextPageToken": "pageToken", "continuation_token": "continuation_token"}.get(
                name, "cursor"
            )
    return "cursor"


def _member(body: Any, name: str) -> Any:
    if not isinstance(body, dict):
        return None
    for place in PLACES:
        held = body.get(place) if place else body
        if isinstance(held, dict) and held.get(name) is not None:
            return held[name]
    return None


def _whole_number(told: Any) -> int | None:
    if isinstance(told, bool):
        return None
    if isinstance(told, str) and re.fullmatch(r"[0-9]{1,15}", told):
        return int(told)
    return told if isinstance(told, int) and told >= 0 else None


def _resolved(base: str, at: str, link: str) -> tuple[str, str]:
    """The target of a link on a page: the name of another host (or empty), and the path with its query."""
    try:
        parts = urlsplit(urljoin(base + at, link))
    except ValueError:
        return "an invalid address", ""
    if parts.netloc != urlsplit(base).netloc:
        return parts.netloc or "no host", ""
    return "", f"{parts.path}?{parts.query}" if parts.query else parts.path


def _with(path: str, more: Mapping[str, object]) -> str:
    parts = urlsplit(path)
    asked = dict(parse_qsl(parts.query)) | {name: str(value) for name, value in more.items()}
    return f"{parts.path}?{urlencode(asked)}"


def _described(body: Any) -> str:
    if isinstance(body, dict):
        return f"an object with {', '.join(list(map(str, body))[:5]) or 'nothing'}"
    return "nothing" if body is None else type(body).__name__
