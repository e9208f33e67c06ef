"""All refusals of the platform and the form of their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


class Json(Response):
    """A JSON answer, rendered by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return orjson.dumps(content)


class Refused(Exception):
    """A refusal: the request was understood, nothing happened, and a repeated request would be refused too."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers

    def response(self) -> Json:
        """The answer in the form of the API."""
        return failure(self.status, "http", self.message, self.headers)


class Conflict(Refused):
    """The slot is taken, or the barber is not available."""

    def __init__(self, message: str = "This time slot is already booked") -> None:
        super().__init__(409, message)


class DependencyUnavailable(Exception):
    """A dependency is not available, and the request certainly had no effect."""

    kind = "database"

    def response(self) -> Json:
        """503, with the hint that it may be retried at once."""
        return failure(503, self.kind, str(self), {"Retry-After": "1"})


class Fenced(DependencyUnavailable):
    """The database refused to write a row because its franchise is being moved to another shard. Nothing happened; it can be written soon, somewhere."""


class ProviderUnavailable(DependencyUnavailable):
    """The payment provider cannot be reached or did not answer in time. Its calls are idempotent, so that a confirmation can be repeated."""

    kind = "payment"


class OutcomeUnknown(Exception):
    """A write was sent and its answer never came: it may have happened. The platform never retries it; with an idempotency key the customer can."""

    def response(self) -> Json:
        """500 of type ``database``: it is unknown whether the write happened."""
        return failure(500, "database", str(self))


class RateLimited(Exception):
    """Too many requests from one address."""

    def __init__(self, limit: int, window: str, retry_after_s: int) -> None:
        super().__init__(f"Rate limit exceeded: {limit} per 1 {window}")
        self.retry_after_s = retry_after_s

    def response(self) -> Json:
        """429 in the form of the API."""
        return Json({"detail": str(self), "retry_after": self.retry_after_s}, 429, {"Retry-After": str(self.retry_after_s)})


def failure(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Json:
    """``{"error": {"type": …, "message": …}}``."""
    return Json({"error": {"type": kind, "message": message}}, status, dict(headers) if headers else None)
