"""Names are looked up once per interval; addresses that fail are tried last; a name server that fails does not stop a run."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from closeshave.loadgen.dns import Resolver
from closeshave.loadgen.engine import Engine
from closeshave.loadgen.errors import Reason, TransportError
from tests.loadgen.misbehaving import MisbehavingServer


class Names:
    """A name server and a clock that the test controls."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked, self.now_s, self.down = addresses, 0, 0.0, False

    def look_up(self, _host: str, port: int) -> list[Any]:
        self.asked += 1
        if self.down:
            raise socket.gaierror("server failure")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]

    def resolver(self) -> Resolver:
        return Resolver(30.0, self.look_up, lambda: self.now_s)


def test_a_name_is_looked_up_once_per_interval() -> None:
    """For any number of requests; afterwards again."""
    names = Names("10.0.0.1")
    resolver = names.resolver()
    for names.now_s in (0.0, 10.0, 29.0):
        assert resolver.resolve("a", 80) == [(socket.AF_INET, ("10.0.0.1", 80))]
    assert names.asked == 1
    names.now_s = 31.0
    resolver.resolve("a", 80)
    assert names.asked == 2


def test_old_addresses_serve_while_the_name_server_is_down() -> None:
    """Only a name never resolved is an error, and then nothing was sent."""
    names = Names("10.0.0.1")
    resolver = names.resolver()
    old = resolver.resolve("a", 80)
    names.now_s, names.down = 100.0, True
    assert resolver.resolve("a", 80) == old
    with pytest.raises(TransportError) as failure:
        resolver.resolve("b", 80)
    assert (failure.value.reason, failure.value.sent) == (Reason.DNS, False)


def test_a_dead_address_fails_over_to_the_next_and_goes_last(engine: Engine, server: MisbehavingServer) -> None:
    """The request succeeds at the second address, and the first is not tried again first."""
    names = Names("127.0.0.2", "127.0.0.1")
    resolver = names.resolver()
    engine._connector.resolver = resolver
    assert engine.client(f"http://shop.test:{server.port}").get("/plain").good
    assert [address[0] for _, address in resolver.resolve("shop.test", server.port)] == ["127.0.0.1", "127.0.0.2"]
