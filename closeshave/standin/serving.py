"""A request and the platform that serves it: what routes ask for."""

from __future__ import annotations

from typing import cast

from closeshave.standin.platform import Platform
from closeshave.standin.visit import Visit, current


class Request(Visit):
    """A visit, and everything that it may need."""

    __slots__ = ("platform",)

    def __init__(self, platform: Platform) -> None:
        super().__init__()
        self.platform = platform


def here() -> Request:
    """The request that this code serves. Only for code that runs inside one."""
    return cast("Request", current())
