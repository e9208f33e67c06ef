"""TLS: certificates are verified, the name is sent and checked, sessions are resumed, and a refusal means that nothing happened."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from closeshave.history import Outcome
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.tls import TlsSettings
from tests.loadgen.misbehaving import BODY, MisbehavingServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[MisbehavingServer]:
    """The misbehaving server behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = MisbehavingServer(context)
    yield server
    server.close()


def trusting(certificate: Path) -> Engine:
    """An engine that trusts the test's certificate."""
    return Engine(Settings(tls=TlsSettings(ca_file=str(certificate))))


@pytest.mark.parametrize("path", ["/plain", "/byte-by-byte", "/chunked", "/gzip", "/announced-close"])
def test_answers_come_through_tls_as_they_do_without(certificate: Path, secure: MisbehavingServer, path: str) -> None:
    """Twice, with the connection kept if possible."""
    engine = trusting(certificate)
    client = engine.client(secure.url)
    for _ in range(2):
        response = client.get(path)
        assert (response.error, response.content) == (None, BODY)
    assert secure.connections == (2 if path == "/announced-close" else 1)
    engine.close()


def test_a_large_body_goes_both_ways(certificate: Path, secure: MisbehavingServer) -> None:
    """Many records out, partial sends included."""
    engine = trusting(certificate)
    body = bytes(3_000_000)
    assert engine.client(secure.url).post("/plain", data=body).good
    assert secure.requests[-1].endswith(body)
    engine.close()


def test_a_session_is_resumed(certificate: Path, secure: MisbehavingServer) -> None:
    """The second connection presents the first one's ticket."""
    engine = trusting(certificate)
    first, second = (engine.client(secure.url, own_connections=True) for _ in range(2))
    assert first.get("/plain").good
    assert first.get("/plain").good
    assert second.get("/plain").good
    connection = second._pool.idle[0]
    assert connection.tls is not None
    assert connection.tls.reused
    engine.close()


@pytest.mark.parametrize("settings", [TlsSettings(), TlsSettings(ca_file="TRUSTED", server_name="other.example")])
def test_a_certificate_not_trusted_or_for_another_name_is_fail(certificate: Path, secure: MisbehavingServer, settings: TlsSettings) -> None:
    """Nothing was sent, so it certainly did not happen."""
    ca_file = str(certificate) if settings.ca_file else None
    engine = Engine(Settings(tls=TlsSettings(ca_file=ca_file, server_name=settings.server_name)))
    response = engine.client(secure.url).post("/plain", json={})
    assert (response.outcome, response.error) == (Outcome.FAIL, "tls")
    assert not secure.seen
    engine.close()


def test_a_server_that_rejects_the_handshake_is_fail(certificate: Path) -> None:
    """It closes the connection after the hello."""
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.close()

    threading.Thread(target=hang_up, daemon=True).start()
    engine = trusting(certificate)
    response = engine.client(f"https://localhost:{listener.getsockname()[1]}", retries=0).post("/x", json={})
    assert (response.outcome, response.good) == (Outcome.FAIL, False)
    assert response.error in {"tls", "refused"}
    listener.close()
    engine.close()


def test_an_end_without_close_notify_is_no_end_of_a_body(certificate: Path, secure: MisbehavingServer) -> None:
    """A body until close that ends without TLS's close_notify may have been cut by anyone: truncated, not ok."""
    engine = trusting(certificate)
    response = engine.client(secure.url).post("/until-close", json={})
    assert (response.outcome, response.error) == (Outcome.INFO, "truncated")
    assert not TlsSettings().context().options & ssl.OP_IGNORE_UNEXPECTED_EOF, "whatever this Python has by itself"
    engine.close()
