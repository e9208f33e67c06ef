"""The result of a request for a task: the answer, or why there is none. Never an exception, because failures are normal in a load test."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import orjson

from closeshave.history import Effect, Outcome
from closeshave.loadgen.errors import TransportError
from closeshave.loadgen.parser import Message
from closeshave.loadgen.rows import OK, OUTCOMES

Finish = Callable[["Response", str, int], None]
"""Records a response: with its request's method and the code of its operation."""


class Response:
    """An answer. ``status`` is 0 when there is none, and ``error`` says why. Times are monotonic nanoseconds."""

    # Class attributes, not slots: what a good answer leaves at its default costs nothing to make.
    error: str | None = None
    """Why it is not good; ``None`` exactly when it is."""
    good = True
    outcome_code = OK
    effects: Callable[[Response, int], Effect | None] | None = None
    """Called with the operation's ID when it is recorded; returns what the request did."""
    _headers: dict[str, str] | None = None
    _finish: tuple[Finish, str, int] | None = None

    transport_error: TransportError | None = None
    """Why there is no answer."""
    attempt = 1

    def __init__(self, message: Message | None, intended_ns: int, started_ns: int, ended_ns: int) -> None:
        self.message = message
        self.intended_ns = intended_ns
        self.started_ns = started_ns
        self.ended_ns = ended_ns

    @classmethod
    def failed(cls, error: TransportError, intended_ns: int, started_ns: int, ended_ns: int) -> Self:
        """A response without an answer."""
        response = cls(None, intended_ns, started_ns, ended_ns)
        response.transport_error = error
        return response

    @property
    def status(self) -> int:
        """The HTTP status, 0 when there is no answer."""
        return self.message.head.status if self.message is not None else 0

    @property
    def ok(self) -> bool:
        """Whether the customer got the promised answer."""
        return self.good

    @property
    def outcome(self) -> Outcome:
        """The outcome: it happened, it certainly did not, or it may have."""
        return OUTCOMES[self.outcome_code]

    @property
    def status_code(self) -> int:
        """The status, under the name that Locust's clients give it."""
        return self.status

    @property
    def content(self) -> bytes:
        """The decoded body; empty when there is no answer."""
        return self.message.body if self.message is not None else b""

    @property
    def text(self) -> str:
        """The body as UTF-8; invalid bytes are replaced."""
        return self.content.decode("utf-8", "replace")

    @property
    def headers(self) -> dict[str, str]:
        """Headers by name in lower case; repeated ones are joined by a comma."""
        if self._headers is None:
            self._headers = {}
            for name, value in self.message.head.fields() if self.message is not None else ():
                self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value
        return self._headers

    def json(self) -> Any:
        """The body as JSON. Raises :class:`orjson.JSONDecodeError`."""
        return orjson.loads(self.content)

    # -- catch_response=True: the task's own verdict, recorded at the end of its with block ----------------------------------------------

    def defer(self, finish: Finish, method: str, kind: int) -> None:
        """Let ``finish`` record this response at the end of the ``with`` block, after the task has checked it."""
        self._finish = finish, method, kind

    def failure(self, why: str) -> None:
        """Mark the answer as wrong. Raises :class:`RuntimeError` once it has been recorded."""
        self._open_for_verdict()
        self.good, self.error = False, why

    def success(self) -> None:
        """Mark the answer as right, whatever its status. Raises :class:`RuntimeError` once it has been recorded."""
        self._open_for_verdict()
        self.good, self.error = True, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._finish is not None:
            if isinstance(error, Exception):
                self.good, self.error = False, f"task raised {type(error).__name__}"
            finish, method, operation = self._finish
            self._finish = None
            finish(self, method, operation)

    def _open_for_verdict(self) -> None:
        if self._finish is None:
            raise RuntimeError("the response is already recorded: use catch_response=True and check it inside the with block")
