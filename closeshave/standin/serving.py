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

    def begin_again(self) -> None:
        """Forget what was found out about the request's place: its franchise may lie on another shard by now."""
        self.again = True
        self.shard = None if self.franchise is None else self.platform.shards.of_franchise(self.franchise)


def here() -> ServedRequest:
    """The current request. Only for code that runs inside one."""
    return cast("ServedRequest", current())
