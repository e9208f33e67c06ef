"""The current request and the platform that serves it, for routes."""

from __future__ import annotations

from typing import cast

from closeshave.standin.platform import Platform
from closeshave.standin.visit import Visit, current


class ServedRequest(Visit):
    """A visit, and everything that it needs."""

    __slots__ = ("platform",)

    def __init__(self, platform: Platform) -> None:
        super().__init__()
        self.platform = platform


def here() -> ServedRequest:
    """The current request. Only for code that runs inside one."""
    return cast("ServedRequest", current())
