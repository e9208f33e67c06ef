"""Toxiproxy servers through toxiproxy-python: one object for each server, every call with a timeout, every change read back.

The library keeps the address of a single server in class attributes, has no timeouts and treats an HTTP 500 as success; this module gives its classes
another consumer of the API without these problems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import requests  # the HTTP library of toxiproxy-python
import toxiproxy  # type: ignore[import-untyped] # it ships no types
import toxiproxy.proxy  # type: ignore[import-untyped] # it ships no types
import toxiproxy.server  # type: ignore[import-untyped] # it ships no types
from toxiproxy.api import APIConsumer  # type: ignore[import-untyped] # it ships no types

from closeshave.clients import ports

Unavailable = requests.RequestException
"""Raised by all functions here when a server does not answer in time, or with an error. Removing a toxic under load can hang its API for good
(Toxiproxy's issue 558): then its process has to be started again, which also removes the toxic."""

OWNER_END = "~"
TOXICITY_STEP = 1e-6
"""Tolerance: the server stores toxicity in single precision."""
_SERVER: ContextVar[Server] = ContextVar("server")


class NotAsAsked(RuntimeError):
    """A server acknowledged a change, and reading it back showed something else."""


class _Consumer(APIConsumer):  # type: ignore[misc] # untyped base
    """Sends the library's calls to the server of the current context."""

    @classmethod
    def get(cls, url: str, params: object = None, **given: object) -> Any:
        return cls._send("GET", url, params=params, **given)

    @classmethod
    def post(cls, url: str, data: object = None, json: object = None, **given: object) -> Any:
        return cls._send("POST", url, data=data, json=json, **given)

    @classmethod
    def delete(cls, url: str, **given: object) -> Any:
        return cls._send("DELETE", url, **given)

    @classmethod
    def _send(cls, method: str, url: str, **given: Any) -> Any:
        server = _SERVER.get()
        with requests.Session() as session:
            # A proxy from the user's environment variables does not lead to this machine.
            session.trust_env = False
            answer = session.request(method, ports.url(server.api_port, url), timeout=server.timeout_s, **given)
        answer.raise_for_status()
        return answer


toxiproxy.server.APIConsumer = toxiproxy.proxy.APIConsumer = _Consumer


@dataclass(frozen=True, slots=True)
class Toxic:
    """A disturbance of one direction of a proxy's connections. ``toxicity`` is the share of connections (not requests) that it affects."""

    type: str
    """``latency``, ``bandwidth``, ``timeout``, ``reset_peer``, ``slow_close``, ``slicer`` or ``limit_data``."""
    attributes: Mapping[str, int] = field(default_factory=dict)
    stream: str = "downstream"
    """``downstream`` (towards the client) or ``upstream``."""
    toxicity: float = 1.0
    owner: str = ""
    """The fault that added it, so that two faults on one link do not remove each other's toxics."""

    @property
    def name(self) -> str:
        """Its name at the server: one for each type, direction, proxy and owner."""
        return f"{self.owner}{OWNER_END}{self.type}_{self.stream}" if self.owner else f"{self.type}_{self.stream}"


def _listed(name: str, said: Mapping[str, Any]) -> Toxic:
    """A toxic from the server's JSON."""
    owner, _, _ = name.rpartition(OWNER_END)
    return Toxic(said["type"], said["attributes"], said["stream"], said["toxicity"], owner)


@dataclass(frozen=True, slots=True)
class Server:
    """One Toxiproxy process on loopback. Every method raises :data:`Unavailable`."""

    api_port: int
    timeout_s: float = 2.0

    def version(self) -> str:
        """The server's version."""
        with self._speaking():
            return str(_Consumer.get("/version").json()["version"])

    def proxies(self) -> dict[str, bool]:
        """Which proxies it has, and whether each is enabled."""
        with self._speaking():
            return {name: bool(proxy.enabled) for name, proxy in toxiproxy.Toxiproxy().proxies().items()}

    def toxics(self, proxy: str) -> tuple[Toxic, ...]:
        """The toxics of a proxy, as the server lists them. Raises :class:`KeyError` when it has no such proxy."""
        return self.listing()[proxy]

    def listing(self) -> dict[str, tuple[Toxic, ...]]:
        """The toxics of every proxy, in one call."""
        with self._speaking():
            said = _Consumer.get("/proxies").json()
        return {proxy: tuple(_listed(toxic["name"], toxic) for toxic in about["toxics"]) for proxy, about in said.items()}

    def add(self, proxy: str, *toxics: Toxic) -> None:
        """Add toxics to a proxy. Raises :class:`NotAsAsked` when the server lists them differently, :class:`KeyError` without such a proxy."""
        self.add_all([(proxy, toxic) for toxic in toxics])

    def add_all(self, wanted: Sequence[tuple[str, Toxic]]) -> None:
        """Add toxics to proxies, read back once at the end. Raises as :meth:`add`."""
        with self._speaking():
            proxies = toxiproxy.Toxiproxy().proxies()
            for proxy, toxic in wanted:
                proxies[proxy].add_toxic(
                    name=toxic.name, type=toxic.type, stream=toxic.stream, toxicity=toxic.toxicity, attributes=dict(toxic.attributes)
                )
        listing = self.listing()
        for proxy, toxic in wanted:
            listed = next((each for each in listing[proxy] if each.name == toxic.name), None)
            # The server fills in attributes that were not given (jitter 0), so only what was asked for is compared.
            same = listed is not None and toxic.attributes.items() <= listed.attributes.items()
            if listed is None or not same or abs(listed.toxicity - toxic.toxicity) > TOXICITY_STEP:
                raise NotAsAsked(f"{proxy}: requested {toxic}, but it lists {listed}")

    def remove(self, proxy: str, *toxics: Toxic) -> None:
        """Remove toxics from a proxy, if they exist. Raises :class:`NotAsAsked` when one is still listed, :class:`KeyError`."""
        self.remove_all([(proxy, toxic) for toxic in toxics])

    def remove_all(self, unwanted: Sequence[tuple[str, Toxic]]) -> None:
        """Remove toxics from proxies, read back once at the end. Raises as :meth:`remove`."""
        with self._speaking():
            proxies = toxiproxy.Toxiproxy().proxies()
            for proxy, toxic in self._listed(unwanted):
                proxies[proxy].destroy_toxic(toxic.name)
        if left := self._listed(unwanted):
            raise NotAsAsked(", ".join(f"{proxy} still lists {toxic.name}" for proxy, toxic in left))

    def _listed(self, toxics: Sequence[tuple[str, Toxic]]) -> list[tuple[str, Toxic]]:
        """Those of these toxics that are on their proxies now."""
        listing = self.listing()
        return [(proxy, toxic) for proxy, toxic in toxics if any(each.name == toxic.name for each in listing[proxy])]

    def switch(self, proxy: str, *, enabled: bool) -> None:
        """Enable a proxy, or disable it and close all its connections. Raises :class:`NotAsAsked`, :class:`KeyError`."""
        with self._speaking():
            (self._proxy(proxy).enable if enabled else self._proxy(proxy).disable)()
        if self.proxies()[proxy] is not enabled:
            raise NotAsAsked(f"{proxy} should be {'enabled' if enabled else 'disabled'}, but is not")

    def disturbances(self) -> tuple[str, ...]:
        """Every difference from a fresh start: toxics and disabled proxies, by name; empty when all links are undisturbed."""
        found = []
        listing = self.listing()
        for proxy, enabled in self.proxies().items():
            found += [] if enabled else [f"{proxy} is disabled"]
            found += [f"{proxy} has {toxic.name}" for toxic in listing[proxy]]
        return tuple(found)

    def clear(self) -> None:
        """Remove every toxic and enable every proxy. Raises :class:`NotAsAsked` when something is left."""
        with self._speaking():
            toxiproxy.Toxiproxy().reset()
        if left := self.disturbances():
            raise NotAsAsked(", ".join(left))

    def _proxy(self, name: str) -> Any:
        proxy = toxiproxy.Toxiproxy().get_proxy(name)
        if proxy is None:
            raise KeyError(name)
        return proxy

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        token = _SERVER.set(self)
        try:
            yield
        finally:
            _SERVER.reset(token)
