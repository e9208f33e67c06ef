"""A request that is refused, with the status and the message of its answer."""

from __future__ import annotations


class Refusal(Exception):
    """A refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message
