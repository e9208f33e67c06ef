"""Customers at the edges of a real environment, with and without HTTPS, while something is done with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from closeshave.clients import web
from closeshave.deployment import Deployment


@dataclass
class Customers:
    """One with a new connection for each request, and one who keeps one, at every edge."""

    platform: Deployment
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def visit(self, url: str, *, keeps: bool) -> None:
        """One request after the other."""
        client = web.client(5.0, authority=self.platform.authority)
        while not self.over.is_set():
            try:
                status = client.get(f"{url}/health/ready").status_code
            except web.FAILED as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            else:
                self.answered += 1
                self.failed += [str(status)] if status != 200 else []
            if not keeps:
                client.close()
                client = web.client(5.0, authority=self.platform.authority)
            time.sleep(0.01)
        client.close()


@contextmanager
def visiting(platform: Deployment) -> Iterator[Customers]:
    """Customers at all edges while the block runs."""
    found = Customers(platform)
    threads = [
        threading.Thread(target=found.visit, args=(edge.url,), kwargs={"keeps": keeps})
        for edge in platform.edges
        for keeps in (False, True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        found.over.set()
        for thread in threads:
            thread.join()
