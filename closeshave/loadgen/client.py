"""The HTTP client of tasks: ``client.get("/path")``. One client is one customer at one platform: base URL, headers, cookies, connections, identity.

Every request that is sent, including each retry and redirect, is one row of the records, so that they equal what the server saw.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, SupportsIndex
from urllib.parse import urljoin

import orjson

from closeshave.history import Effect
from closeshave.loadgen import outcomes
from closeshave.loadgen.cookies import CookieJar
from closeshave.loadgen.errors import Reason, TransportError
from closeshave.loadgen.parser import Message
from closeshave.loadgen.pool import Pool
from closeshave.loadgen.proxy import RequestProxy
from closeshave.loadgen.records import Records
from closeshave.loadgen.response import Response
from closeshave.loadgen.rows import METHOD_CODES, OK, OUTCOME_CODES, ROW, TIMES
from closeshave.loadgen.trace import NOTHING, trace
from closeshave.loadgen.wire import DEFAULT_HEADERS, IDEMPOTENT, Origin, build, constant_lines, merged, split, text_of

Check = Callable[[Response], bool]
"""Whether a successful answer has the expected contents."""

_NAN: Final = float("nan")
_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
Effects = Callable[[Response, int], Effect | None]
"""``(response, operation ID)`` → how the request changed the platform's state; ``None`` if that is not known."""

_REMEMBERED = 64
"""For how many targets a client keeps the bytes of plain requests."""
_JSON: Final[Mapping[str, str]] = {"Content-Type": "application/json"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_PRIVATE = frozenset({"authorization", "cookie", "host", "x-csrf-token"})

_now_ns: Final = time.monotonic_ns
_LOG = logging.getLogger(__name__)
_stumbled: set[tuple[str, str]] = set()
"""Checks that raised, and what they raised: one traceback of each is in the log of this process."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time-outs in nanoseconds, each from the start of its attempt."""

    connect_ns: int = 5_000_000_000
    """Until the connection is established, including name look-up, every address and TLS; also the wait for a bounded pool."""
    first_byte_ns: int = 30_000_000_000
    total_ns: int = 60_000_000_000


class Client:
    """An HTTP client for one customer at a time."""

    def __init__(
        self,
        base_url: str,
        pools: Callable[[Origin], Pool],
        records: Records,
        *,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        redirects: int = 10,
        retries: int = 1,
        traces: bool = False,
        proxy: RequestProxy | None = None,
    ) -> None:
        """``pools`` gives the pool for an origin, connected through ``proxy`` if the origin needs it. ``retries`` is the number of further attempts
        after a stale connection; ``traces`` records ``X-Region``, ``X-Cache`` and ``Server-Timing``. Raises :class:`ValueError` for an invalid base
        URL.
        """
        self.origin, prefix = split(base_url)
        self._prefix = prefix.rstrip("/")
        self._pools, self._pool = pools, pools(self.origin)
        self._records, self._texts, self._add = records, records.texts, records.add
        self._known, self._counters = records.texts.known, records.counters
        self._headers = merged(DEFAULT_HEADERS, headers or {})
        self._proxy = proxy
        self._form = proxy.form(self.origin) if proxy else ""
        self._constant = self._lines(self.origin, self._headers)
        self._plain_gets: dict[str, bytes] = {}
        """The bytes of plain requests (only a target), by target."""
        self._last_told: tuple[object, ...] = ()
        """The fields of a row of the hot path except its times, and their bytes."""
        self._last_tail = b""
        self._timeouts = timeouts or Timeouts()
        self._first_byte_ns, self._total_ns = self._timeouts.first_byte_ns, self._timeouts.total_ns
        self._redirects, self._retries, self._traces = redirects, retries, traces
        self.cookies = CookieJar()
        self.customer: SupportsIndex = 0
        self.franchise: SupportsIndex = 0
        self.shard: SupportsIndex = 0
        """The customer, franchise and shard in the records; numpy's integers are accepted."""
        self._journey = self._region = 0
        self.intended_ns = 0
        """When the next request is due; 0 in a closed model, in which it is due when it is sent. Reset by that request."""

    # -- for tasks -------------------------------------------------------------------------------------------------------------------------

    def get(
        self,
        path: str,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        check: Check | None = None,
        catch_response: bool = False,
        allow_redirects: bool = True,
    ) -> Response:
        """GET; see :meth:`request`."""
        if headers is None and check is None and not catch_response and self.cookies.empty and self._pool.idle:
            return self._get_plainly(path, name, allow_redirects)
        return self.request("GET", path, name, headers, None, None, check, catch_response, allow_redirects)

    def head(self, path: str, **options: Any) -> Response:
        """HEAD; options as for :meth:`request`."""
        return self.request("HEAD", path, **options)

    def post(
        self,
        path: str,
        data: bytes | None = None,
        json: Any = None,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        check: Check | None = None,
        effect: Effects | None = None,
        catch_response: bool = False,
        allow_redirects: bool = True,
    ) -> Response:
        """POST; see :meth:`request`."""
        return self.request("POST", path, name, headers, json, data, check, catch_response, allow_redirects, effect)

    def put(self, path: str, **options: Any) -> Response:
        """PUT; options as for :meth:`request`."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Response:
        """PATCH; options as for :meth:`request`."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        """DELETE; options as for :meth:`request`."""
        return self.request("DELETE", path, **options)

    def tag(self, *, journey: str = "", region: str = "") -> None:
        """Set the journey and region in the records of all requests from now on."""
        self._journey, self._region = self._texts.code(journey or None), self._texts.code(region or None)

    def set_header(self, name: str, value: str) -> None:
        """Send this header with every request from now on, for example a bearer token. Raises :class:`ValueError` for a line end."""
        if "\n" in value or "\r" in value:
            raise ValueError(f"a line end inside header {name}")
        self._headers = merged(self._headers, {name: value})
        self._constant = self._lines(self.origin, self._headers)
        self._plain_gets.clear()

    def connect(self) -> None:
        """Open a connection before it is needed; if that fails, the first request will report it."""
        with contextlib.suppress(TransportError):
            self._pool.give(self._pool.take(_now_ns() + self._timeouts.connect_ns), True)

    def request(  # noqa: PLR0917 - the hot path passes by position, callers by name
        self,
        method: str,
        path: str,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
        check: Check | None = None,
        catch_response: bool = False,
        allow_redirects: bool = True,
        effect: Effects | None = None,
    ) -> Response:
        """Send a request and wait for its answer.

        ``name`` groups requests in records and statistics (default: the path); ``json`` is sent as JSON, ``data`` as it is; ``check`` decides whether
        a successful answer is good; ``effect`` returns what a write did, for the judges of integrity, and is recorded with it; with
        ``catch_response`` the answer is recorded at the end of a ``with`` block, after the task's own ``response.failure(…)``. Never raises because
        of a network or a server; raises :class:`ValueError` for an invalid request.
        """
        if method not in METHOD_CODES:
            raise ValueError(f"unsupported HTTP method: {method!r}")
        if json is not None:
            data = orjson.dumps(json)
            # One that the caller gives counts instead, however it is spelled: of several of one name build() takes the last.
            headers = {"Content-Type": "application/json", **headers} if headers else _JSON
        target = self._prefix + path
        if not self.cookies.empty:
            headers = self._with_cookies(headers, self.origin, target)
        if headers is None and data is None and method == "GET":
            wire = self._plain_gets.get(target) or self._plain_get(target)
        else:
            wire = build(method, target, self._constant, headers, data, self._form)
        kind = self._known(name or path) or self._texts.code(name or path)
        intended_ns, self.intended_ns = self.intended_ns, 0
        response = self._attempt(self._pool, method, wire, kind, intended_ns)
        return self._conclude(response, method, target, wire, headers, data, kind, check, catch_response, allow_redirects, effect)

    def _get_plainly(self, path: str, name: str | None, allow_redirects: bool) -> Response:
        """:meth:`request` for most requests of a large load, in one function: a GET with only a target, on an idle connection.

        All other cases continue in :meth:`_attempt` and :meth:`_conclude`.
        """
        target = self._prefix + path
        wire = self._plain_gets.get(target) or self._plain_get(target)
        kind = self._known(name or path) or self._texts.code(name or path)
        intended_ns, self.intended_ns = self.intended_ns, 0
        pool = self._pool
        connection = pool.idle.pop()
        if not connection.open:
            response = self._attempt(pool, "GET", wire, kind, intended_ns)
            return self._conclude(response, "GET", target, wire, None, None, kind, None, False, allow_redirects, None)
        self._counters.sent += 1
        started_ns = _now_ns()
        due_ns = intended_ns or started_ns
        try:
            message = connection.exchange(wire, started_ns + self._first_byte_ns, started_ns + self._total_ns, False)
            ended_ns = _now_ns()
        except BaseException as error:  # noqa: BLE001 - told apart where every attempt's are
            response = self._broken_off(error, "GET", kind, due_ns, started_ns)
            return self._conclude(response, "GET", target, wire, None, None, kind, None, False, allow_redirects, None)
        pool.give(connection, message.reusable)
        response = Response(message, due_ns, started_ns, ended_ns)
        head = message.head
        if not 200 <= head.status < 300 or head.sets_cookies or self._traces:
            return self._conclude(response, "GET", target, wire, None, None, kind, None, False, allow_redirects, None)
        told = (kind, head.status, message.wire_bytes, self.customer, self.franchise, self.shard, self._journey, self._region)
        if told != self._last_told:
            self._last_told, self._last_tail = told, self._row(response, message, "GET", kind)[TIMES.size :]
        self._add(TIMES.pack(due_ns, started_ns, ended_ns) + self._last_tail)
        return response

    def _conclude(  # noqa: PLR0917 - by position, as above
        self,
        response: Response,
        method: str,
        target: str,
        wire: bytes,
        headers: Mapping[str, str] | None,
        data: bytes | None,
        kind: int,
        check: Check | None,
        catch_response: bool,
        allow_redirects: bool,
        effect: Effects | None,
    ) -> Response:
        """After the first attempt: further attempts, cookies and redirects, classification, record."""
        message = response.message
        if message is None:
            response = self._try_again(response, self._pool, method, wire, kind)
            message = response.message
        if message is not None and (message.head.sets_cookies or message.head.status in _REDIRECTS):
            response = self._heed(response, method, target, headers, data, kind, allow_redirects=allow_redirects)
            message = response.message
        if check is not None or message is None or not 200 <= message.head.status < 300:
            judge(response, method, check, redirect_promised=not allow_redirects)
        if effect is not None:
            response.effects = effect
        if catch_response:
            response.defer(self._record, method, kind)
        else:
            self._record(response, method, kind)
        return response

    def _plain_get(self, target: str) -> bytes:
        wire = build("GET", target, self._constant, None, None, self._form)
        if len(self._plain_gets) < _REMEMBERED:
            self._plain_gets[target] = wire
        return wire

    # -- attempts ------------------------------------------------------------------------------------------------------------------------------

    def _attempt(self, pool: Pool, method: str, wire: bytes, kind: int, intended_ns: int) -> Response:
        """Send one request and receive its answer. ``intended_ns`` is 0 when it is due now. Not recorded yet, except when it is interrupted."""
        timeouts = self._timeouts
        self._counters.sent += 1
        started_ns = _now_ns()
        due_ns = intended_ns or started_ns
        try:
            connection = pool.take(started_ns + timeouts.connect_ns)
            if pool.bounded:
                # Waiting for one's turn is the generator's lateness, not the platform's.
                started_ns = _now_ns()
            message = connection.exchange(wire, started_ns + timeouts.first_byte_ns, started_ns + timeouts.total_ns, method == "HEAD")
            ended_ns = _now_ns()
        except BaseException as error:  # noqa: BLE001 - told apart there
            return self._broken_off(error, method, kind, due_ns, started_ns)
        pool.give(connection, message.reusable)
        return Response(message, due_ns, started_ns, ended_ns)

    def _broken_off(self, error: BaseException, method: str, kind: int, due_ns: int, started_ns: int) -> Response:
        """Handle an attempt without an answer. Raises ``error`` again if it ends the greenlet."""
        if isinstance(error, TransportError):
            self._counters.unsent += not error.sent
            return Response.failed(error, due_ns, started_ns, _now_ns())
        # The greenlet is being killed; what was under way may have happened, and is a row like any other.
        stopped = Response.failed(TransportError(Reason.STOPPED, sent=True), due_ns, started_ns, _now_ns())
        judge(stopped, method, None)
        self._record(stopped, method, kind)
        raise error

    def _try_again(self, response: Response, pool: Pool, method: str, wire: bytes, kind: int) -> Response:
        """Repeat on other connections while pooled ones are stale, as long as sending twice is safe."""
        for _ in range(self._retries):
            error = response.transport_error
            if error is None or not error.stale or (error.sent and method not in IDEMPOTENT):
                break
            judge(response, method, None)
            self._record(response, method, kind)
            attempt = response.attempt + 1
            response = self._attempt(pool, method, wire, kind, response.intended_ns)
            response.attempt = attempt
        return response

    def _heed(
        self,
        response: Response,
        method: str,
        target: str,
        headers: Mapping[str, str] | None,
        data: bytes | None,
        kind: int,
        *,
        allow_redirects: bool,
    ) -> Response:
        """Keep the cookies of an answer, and follow its redirect."""
        if response.message is not None and response.message.head.sets_cookies:
            self._take_cookies(response, self.origin, target)
        if response.status in _REDIRECTS and allow_redirects and "location" in response.headers:
            return self._follow(response, method, self.origin, target, headers, data, kind)
        return response

    def _follow(
        self, response: Response, method: str, origin: Origin, target: str, headers: Mapping[str, str] | None, data: bytes | None, kind: int
    ) -> Response:
        """Follow redirects; each answer on the way is recorded."""
        hops, attempt = 0, response.attempt
        while hops < self._redirects and (there := _pointed_at(response, origin, target)) is not None:
            judge(response, method, None, redirect_promised=True)
            self._record(response, method, kind)
            hops, attempt = hops + 1, attempt + 1
            if response.status not in _KEEPS_METHOD and method not in {"GET", "HEAD"}:
                # 303 says so, and for 301 and 302 every browser does it (RFC 9110, section 15.4).
                method, data, headers = "GET", None, {k: v for k, v in (headers or {}).items() if k.lower() != "content-type"}
            origin, target = there
            response = self._hop(method, origin, target, headers, data, kind, attempt)
            attempt = response.attempt
        return response

    def _hop(
        self, method: str, origin: Origin, target: str, headers: Mapping[str, str] | None, data: bytes | None, kind: int, attempt: int
    ) -> Response:
        own = {name: value for name, value in (headers or {}).items() if name.lower() != "cookie"}
        constant, pool, form = self._constant, self._pool, self._form
        if origin != self.origin:
            # Another host gets none of the customer's secrets.
            own = {name: value for name, value in own.items() if name.lower() not in _PRIVATE}
            constant = self._lines(origin, {name: value for name, value in self._headers.items() if name.lower() not in _PRIVATE})
            pool, form = self._pools(origin), self._proxy.form(origin) if self._proxy else ""
        wire = build(method, target, constant, self._with_cookies(own, origin, target), data, form)
        response = self._attempt(pool, method, wire, kind, 0)
        response.attempt = attempt
        if response.message is None:
            response = self._try_again(response, pool, method, wire, kind)
        if response.message is not None and response.message.head.sets_cookies:
            self._take_cookies(response, origin, target)
        return response

    def _lines(self, origin: Origin, headers: Mapping[str, str]) -> str:
        return constant_lines(origin, headers) + (self._proxy.lines(origin) if self._proxy else "")

    # -- cookies and records -------------------------------------------------------------------------------------------------------------------

    def _with_cookies(self, headers: Mapping[str, str] | None, origin: Origin, target: str) -> Mapping[str, str] | None:
        cookie = self.cookies.header(origin, target, time.time())
        # As above: the caller's own counts.
        return {"Cookie": cookie, **(headers or {})} if cookie else headers

    def _take_cookies(self, response: Response, origin: Origin, target: str) -> None:
        assert response.message is not None
        now_s = time.time()
        for name, value in response.message.head.fields():
            if name == "set-cookie":
                self.cookies.take(value, origin, target, now_s)

    def _record(self, response: Response, method: str, kind: int) -> None:
        message = response.message
        if message is None or response.outcome_code != OK or response.error is not None or response.effects is not None or self._traces:
            self._record_fully(response, method, kind)
            return
        self._add(self._row(response, message, method, kind))

    def _row(self, response: Response, message: Message, method: str, kind: int) -> bytes:
        """The row of a good answer."""
        return ROW.pack(
            response.intended_ns, response.started_ns, response.ended_ns, self.customer, self.franchise, message.wire_bytes, _NAN, _NAN,
            kind, self._journey, self._region, 0, 0, 0, self.shard, message.head.status, OK, True, response.attempt, METHOD_CODES[method],
        )  # fmt: skip

    def _record_fully(self, response: Response, method: str, kind: int) -> None:
        message = response.message
        try:
            if response.effects is not None and (did := response.effects(response, self._records.next_id)) is not None:
                self._records.add_effect(did)
        finally:
            # Also when the task cannot say what it did: the request was sent.
            self._record_row(response, message, method, kind)

    def _record_row(self, response: Response, message: Message | None, method: str, kind: int) -> None:
        code = self._texts.code
        told = trace(message.head.raw) if self._traces and message is not None else NOTHING
        self._add(
            ROW.pack(
                response.intended_ns, response.started_ns, response.ended_ns, self.customer, self.franchise,
                message.wire_bytes if message is not None else 0, told.db_ms, told.cache_ms,
                kind, self._journey, self._region, code(response.error), code(told.served_by), code(told.cache), self.shard, response.status,
                response.outcome_code, response.good, response.attempt, METHOD_CODES[method],
            )
        )  # fmt: skip


def _pointed_at(response: Response, origin: Origin, target: str) -> tuple[Origin, str] | None:
    """The target of a redirect; ``None`` for an answer that is not a redirect or cannot be followed (another scheme, a port that is not a number)."""
    if response.message is None or response.status not in _REDIRECTS:
        return None
    location = next((value for name, value in response.message.head.fields() if name == "location"), None)
    if location is None:
        return None
    try:
        return split(urljoin(f"{'https' if origin.tls else 'http'}://{origin.authority}{target}", text_of(location)))
    except ValueError:
        return None


def _passes(check: Check, response: Response) -> bool:
    """Whether the check accepts the response; false if the check raises."""
    try:
        return bool(check(response))
    except Exception as error:  # noqa: BLE001 - whatever shape a body has, its row is recorded
        stumbled = (str(getattr(check, "__qualname__", check)), type(error).__name__)
        if stumbled not in _stumbled:
            _stumbled.add(stumbled)
            _LOG.warning("the check %s raised %s on a body: the answer counts as wrong (told once)", *stumbled, exc_info=error)
        return False


def judge(response: Response, method: str, check: Check | None, *, redirect_promised: bool = False) -> None:
    """Set outcome, good and error of ``response`` by the table in :mod:`closeshave.loadgen.outcomes`, and by ``check`` for a success.

    ``redirect_promised``: a redirect is the expected answer, or is followed.
    """
    status, writes = response.status, method not in _READS
    error = response.transport_error
    if error is not None:
        meant = outcomes.of_failure(error.reason.value, writes=writes, may_have_arrived=error.sent)
    else:
        promised = 200 <= status < 300 or (redirect_promised and 300 <= status < 400)
        right_body = promised and (check is None or _passes(check, response))
        if right_body:
            # What the table says of it, without asking: most answers are good.
            response.outcome_code, response.good, response.error = OK, True, None
            return
        meant = outcomes.of_answer(200 if promised else status, writes=writes, right_body=False)
    response.outcome_code, response.good, response.error = OUTCOME_CODES[meant.outcome], meant.good, meant.error
