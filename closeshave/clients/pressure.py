"""Requests that only raise the load: always so many at the same time, to one address, until told otherwise. Their answers mean nothing."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from threading import Event, Thread
from types import TracebackType
from typing import Self

from closeshave.clients.address import HOST

TIMEOUT_S = 10.0
AGAIN_AFTER_S = 0.2
"""After a request that got no answer."""


class Pressure:
    """Used as a context manager: pressed from its begin to its end."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        """Requests are ``GET`` of the path at the port, with these headers: a request that is refused for want of one costs the application nothing."""
        self._port, self._path, self._headers = port, path, dict(headers)
        self.at_once = 0
        """How many requests are in work."""
        self._over = Event()
        self._threads: list[Thread] = []

    def keep(self, at_once: int) -> None:
        """Keep so many requests in work from now on; those that are more end by themselves."""
        self.at_once = at_once
        for number in range(len(self._threads), at_once):
            self._threads.append(Thread(target=self._press, args=(number,), name="pressure", daemon=True))
            self._threads[-1].start()

    def _press(self, number: int) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._over.is_set():
            if number >= self.at_once:
                self._over.wait(AGAIN_AFTER_S)
                continue
            try:
                connection = connection or http.client.HTTPConnection(HOST, self._port, timeout=TIMEOUT_S)
                connection.request("GET", self._path, headers=self._headers)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                self._over.wait(AGAIN_AFTER_S)
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Press no longer; requests in work are waited for."""
        self._over.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
