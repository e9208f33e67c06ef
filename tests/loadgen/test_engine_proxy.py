"""Through a proxy the engine reaches hosts that it cannot reach by itself, keeps the platform's secrets from it where there is TLS, and tells whose
doing a failure was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.loadgen.carrier import EngineTransport
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.errors import Reason, TransportError
from closeshave.loadgen.proxy import RequestProxy, tunnelled
from closeshave.loadgen.tls import TlsSettings
from closeshave.loadgen.transport import Failure, Request
from closeshave.loadgen.wire import Origin
from tests.loadgen.misbehaving import BODY, MisbehavingServer
from tests.loadgen.test_engine_tls import certificate, secure  # noqa: F401 - fixtures
from tests.proxying import LOGIN, Forward, forward

ASK = Request("book", "POST", "/plain?a=1", {"Authorization": "Bearer customers-own", "X-Franchise-Id": "7"}, b"{}", writes=True)
NAME = "platform.invalid"
"""No name server knows it (RFC 6761, section 6.4)."""


@contextmanager
def engine_through(url: str, *hosts: str, login: str = "", ca: Path | None = None) -> Iterator[Engine]:
    """An engine that asks these hosts through the proxy."""
    tls = TlsSettings(ca_file=str(ca) if ca else None)
    engine = Engine(Settings(tls=tls, proxy=RequestProxy.of(url, [f"http://{host}" for host in hosts], login)))
    yield engine
    engine.close()


def port(server: MisbehavingServer) -> int:
    """Where it listens."""
    return int(server.url.rsplit(":", 1)[1])


def test_plain_http_uses_absolute_urls(server: MisbehavingServer) -> None:
    """On one connection; the proxy's password goes to the proxy and no further."""
    with forward({NAME: port(server)}, LOGIN) as proxy, engine_through(proxy.url, NAME, login=LOGIN) as engine:
        transport = EngineTransport(engine, f"http://{NAME}:8080")
        answers = [transport.send(ASK) for _ in range(2)]
        assert [(answer.status, answer.body, answer.failure) for answer in answers] == [(200, BODY, None)] * 2
        assert engine.client(f"http://{NAME}:8080").get("/plain").content == BODY
        assert engine.connections_opened == 2
    assert [head.split(b"\r\n")[0] for head in proxy.asked] == [
        *[f"POST http://{NAME}:8080/plain?a=1 HTTP/1.1".encode()] * 2,
        f"GET http://{NAME}:8080/plain HTTP/1.1".encode(),
    ]
    assert all(head.count(b"Proxy-Authorization: ") == 1 and f"Host: {NAME}:8080".encode() in head for head in proxy.asked)
    assert len(server.requests) == 3
    assert not any(b"Proxy-Authorization" in request for request in server.requests)


def test_tls_goes_through_a_tunnel(certificate: Path, secure: MisbehavingServer) -> None:  # noqa: F811
    """The certificate is checked against the platform's name, and the proxy sees neither path nor token."""
    with (
        forward({"localhost": port(secure)}, LOGIN) as proxy,
        engine_through(proxy.url, "localhost", login=LOGIN, ca=certificate) as engine,
    ):
        transport = EngineTransport(engine, f"https://localhost:{port(secure)}")
        assert [transport.send(ASK).status for _ in range(2)] == [200, 200]
        assert EngineTransport(engine, f"https://localhost:{port(secure)}").send(ASK).status == 200
    assert {head.split(b"\r\n")[0] for head in proxy.asked} == {f"CONNECT localhost:{port(secure)} HTTP/1.1".encode()}
    assert len(proxy.asked) == 2
    assert not any(b"Bearer" in head or b"plain" in head for head in proxy.asked)
    assert b"Bearer customers-own" in secure.requests[0]


def test_another_name_in_the_certificate_is_refused(certificate: Path, secure: MisbehavingServer) -> None:  # noqa: F811
    """Wherever the proxy leads."""
    with forward({NAME: port(secure)}) as proxy, engine_through(proxy.url, NAME, ca=certificate) as engine:
        answer = EngineTransport(engine, f"https://{NAME}").send(ASK)
    assert (answer.status, answer.sent, answer.may_have_arrived) == (0, False, False)
    assert secure.requests == []


def test_other_hosts_are_reached_directly(server: MisbehavingServer) -> None:
    """Such as the parts on this machine."""
    with forward({NAME: 1}, LOGIN) as proxy, engine_through(proxy.url, NAME, login=LOGIN) as engine:
        assert EngineTransport(engine, server.url).send(ASK).status == 200
        assert engine.client(server.url).get("/plain").content == BODY
    assert proxy.asked == []
    assert not any(b"Proxy-Authorization" in request for request in server.requests)


def no_tls(proxy: Forward) -> str:
    """Of a platform in plain HTTP."""
    return f"http://{NAME}:8080"


def tls(proxy: Forward) -> str:
    """Of a platform behind TLS."""
    return f"https://{NAME}"


def answers(status: str, *more: bytes) -> bytes:
    """An answer of the proxy's own."""
    return b"\r\n".join([f"HTTP/1.1 {status}".encode(), b"Content-Length: 0", b"", b"".join(more)])


@pytest.mark.parametrize(
    ("address", "answer", "close", "failure"),
    [
        (tls, answers("407 Proxy Authentication Required"), False, Failure.PROXY),
        (no_tls, answers("407 Proxy Authentication Required"), False, Failure.PROXY),
        (tls, answers("403 Forbidden"), False, Failure.PROXY),
        (tls, answers("502 Bad Gateway"), False, Failure.UNREACHABLE),
        (tls, answers("503 Service Unavailable"), False, Failure.UNREACHABLE),
        (tls, answers("504 Gateway Timeout"), False, Failure.CONNECT_TIMEOUT),
        (tls, b"SSH-2.0-OpenSSH_9.2\r\n\r\n", False, Failure.PROXY),
        (tls, b"HTTP/1.1 200 OK\r\n\r\nHello", False, Failure.PROXY),
        (tls, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n", False, Failure.PROXY),
        (tls, b"x" * 70_000, False, Failure.PROXY),
        (tls, None, True, Failure.PROXY),
        (tls, b"", False, Failure.CONNECT_TIMEOUT),
    ],
)
def test_a_failure_is_assigned_to_the_proxy_or_to_the_platform(
    address: Callable[[Forward], str], answer: bytes | None, close: bool, failure: Failure
) -> None:
    """A refusal by the proxy is no evidence about the platform; that it could not connect to the platform is. In both cases nothing happened."""
    with forward({}, answer=answer, close=close) as proxy, engine_through(proxy.url, NAME) as engine:
        got = EngineTransport(engine, address(proxy), connect_timeout_s=0.3 if answer == b"" else 20.0).send(ASK)
    assert (got.status, got.failure, got.sent, got.may_have_arrived) == (0, failure, False, False)


@pytest.mark.parametrize("address", [tls, no_tls])
@pytest.mark.parametrize("where", ["http://127.0.0.1:1", "http://proxy.invalid:3128"], ids=["nobody listens", "unknown name"])
def test_a_proxy_that_is_not_there(address: Callable[[Forward], str], where: str) -> None:
    """Is not counted against the platform."""
    with engine_through(where, NAME) as engine:
        got = EngineTransport(engine, address(Forward({}))).send(ASK)
    assert (got.failure, got.may_have_arrived) == (Failure.PROXY, False)


def test_representations_never_show_the_password() -> None:
    """They go to logs."""
    proxy = RequestProxy.of("http://proxy.invalid:3128", ["https://[::1]", "http://bücher.invalid"], LOGIN)
    assert LOGIN.partition(":")[2] not in repr(proxy)
    assert proxy.tunnel(Origin(True, "::1", 443)).startswith(b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n")
    assert "xn--bcher-kva.invalid" in proxy.hosts


@given(
    st.one_of(
        st.binary(max_size=200), st.from_regex(rb"HTTP/1\.[01] [1-5]\d\d [a-z]*\r\n(?:[a-z]+: [a-z]*\r\n)*\r\n[a-z]{0,3}", fullmatch=True)
    )
)
def test_any_answer_is_incomplete_good_or_refused(received: bytes) -> None:
    """In any pieces: an incomplete one becomes complete, and a refusal stays one."""

    def told(part: bytes) -> bool | Reason | None:
        try:
            return tunnelled(part)
        except TransportError as error:
            return None if error.sent else error.reason

    whole = told(received)
    firsts = [told(received[:end]) for end in range(len(received))]
    assert None not in {whole, *firsts}
    decided = [each for each in firsts if each is not False]
    if whole is False:
        assert decided == []
    elif whole is not True:
        # A good answer may come first, and be spoilt by what follows it.
        assert set(decided) <= {whole, True}
