"""Serves FastAPI's routes by a faster path, with only the work that a valid request needs.

FastAPI declares the API: paths, parameters, models. Its own path from a request to the endpoint (middleware, exit stacks, telemetry, dependencies,
validation in two steps) costs several times the work of most endpoints. Here the parameters that FastAPI found in the endpoint's signature are read
and validated by pydantic at once. Every other request (an unknown path or method, an invalid parameter or body) is passed unchanged to FastAPI, so
that every refusal is FastAPI's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from re import Pattern
from time import monotonic
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from closeshave.standin.errors import DependencyUnavailable, Fenced, OutcomeUnknown, RateLimited, Refused
from closeshave.standin.serving import here

REFUSALS = (Refused, DependencyUnavailable, OutcomeUnknown, RateLimited)
"""Exceptions with which endpoints refuse; each has its own answer."""

FENCE_S = 1.5
"""How long a write waits for the end of the move of its franchise; then it is refused with 503 and Retry-After."""
FENCE_LOOK_S = 0.025

Endpoint = Callable[..., Awaitable[Any]]


class _Unfit(Exception):
    """FastAPI must handle this request."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter that comes from path, query or headers, which are text."""

    name: str
    alias: str
    type: TypeAdapter[Any]
    required: bool
    default: Any

    def read(self, given: Mapping[str, str]) -> Any:
        text = given.get(self.alias)
        if text is not None:
            return self.type.validate_python(text)
        if self.required:
            raise _Unfit
        return self.default


@dataclass(frozen=True, slots=True)
class _Way:
    """An endpoint and how its arguments are found in a request."""

    route: APIRoute
    endpoint: Endpoint
    path: tuple[_Parameter, ...]
    query: tuple[_Parameter, ...]
    headers: tuple[_Parameter, ...]
    body: tuple[str, TypeAdapter[Any]] | None
    request: str | None

    def arguments(self, scope: Scope, in_path: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Raises :class:`_Unfit` and :class:`pydantic.ValidationError`."""
        found = {parameter.name: parameter.read(in_path) for parameter in self.path}
        if self.query:
            asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
            found |= {parameter.name: parameter.read(asked) for parameter in self.query}
        if self.headers:
            told = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            found |= {parameter.name: parameter.read(told) for parameter in self.headers}
        if self.body:
            name, model = self.body
            found[name] = model.validate_json(body)
        if self.request:
            found[self.request] = Request(scope)
        return found


class Direct:
    """The application: FastAPI's routes by the faster path, everything else by FastAPI."""

    def __init__(self, fastapi: FastAPI, routes: Iterable[APIRoute]) -> None:
        """``routes`` in FastAPI's order: the first that matches a path is used."""
        self._fastapi = fastapi
        self._fixed: dict[tuple[str, str], _Way] = {}
        self._patterns: dict[str, list[tuple[Pattern[str], _Way]]] = {}
        ways = [way for route in routes if (way := _way(route))]
        for way in ways:
            for method in way.route.methods or ():
                self._patterns.setdefault(method, []).append((way.route.path_regex, way))
        for way in ways:
            for method in way.route.methods or ():
                if not way.path and (first := self._search(method, way.route.path)):
                    self._fixed[method, way.route.path] = first[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = self._find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._fastapi(scope, receive, send)
            return
        way, in_path = found
        messages: list[Message] = []
        try:
            body = await _body(scope, receive, messages) if way.body else b""
            scope["app"] = self._fastapi
            arguments = way.arguments(scope, in_path, body)
        except (_Unfit, ValidationError):
            await self._fastapi(scope, _again(messages, receive), send)
            return
        scope["route"] = way.route
        try:
            response = await _served(way.endpoint, arguments)
        except REFUSALS as refusal:
            response = refusal.response()
        await response(scope, receive, send)

    def _find(self, method: str, path: str) -> tuple[_Way, Mapping[str, str]] | None:
        fixed = self._fixed.get((method, path))
        return (fixed, {}) if fixed else self._search(method, path)

    def _search(self, method: str, path: str) -> tuple[_Way, Mapping[str, str]] | None:
        for pattern, way in self._patterns.get(method, ()):
            if match := pattern.match(path):
                return way, match.groupdict()
        return None


async def _served(endpoint: Endpoint, arguments: Mapping[str, Any]) -> Any:
    """The answer of an endpoint. While its franchise is being moved it is called again and again: what it did before the refused write can be repeated.

    Raises what the endpoint raises; :class:`Fenced` only if the move lasts longer than :data:`FENCE_S`.
    """
    until = monotonic() + FENCE_S
    while True:
        try:
            return await endpoint(**arguments)
        except Fenced:
            if monotonic() >= until:
                raise
        await asyncio.sleep(FENCE_LOOK_S)
        here().begin_again()


def _way(route: APIRoute) -> _Way | None:
    """The faster path of a route; ``None`` for an endpoint that needs more of FastAPI than parameters and one model."""
    wanted = route.dependant
    if wanted.dependencies or wanted.cookie_params or len(wanted.body_params) > 1:
        return None
    path, query, headers = (
        tuple(
            _Parameter(field.name, field.alias, _type(field), field.field_info.is_required(), field.field_info.default) for field in fields
        )
        for fields in (wanted.path_params, wanted.query_params, wanted.header_params)
    )
    headers = tuple(_Parameter(one.name, one.alias.lower(), one.type, one.required, one.default) for one in headers)
    body = next(((field.name, _type(field)) for field in wanted.body_params), None)
    return _Way(route, route.endpoint, path, query, headers, body, wanted.request_param_name)


def _type(field: Any) -> TypeAdapter[Any]:
    """The type of a parameter, with its bounds."""
    wanted = field.field_info
    plain: Any = wanted.annotation
    return TypeAdapter(Annotated[plain, *wanted.metadata] if wanted.metadata else plain)


async def _body(scope: Scope, receive: Receive, messages: list[Message]) -> bytes:
    """The whole body of a request with JSON content. Raises :class:`_Unfit`; the received messages are added to ``messages``."""
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if kind.partition(b";")[0].strip().lower() != b"application/json":
        raise _Unfit
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            raise _Unfit
        if not message.get("more_body", False):
            return b"".join(each.get("body", b"") for each in messages)


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Returns the messages that were received before, then new ones."""
    waiting = iter(messages)

    async def receive_again() -> Message:
        for message in waiting:
            return message
        return await receive()

    return receive_again
