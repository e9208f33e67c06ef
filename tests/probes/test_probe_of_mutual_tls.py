"""Mutual TLS: real services that ask for a certificate and mean it, that ask and do not mean it, and that do not ask."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from closeshave.api import spoken
from closeshave.environments.definition import read_definition
from closeshave.files import certificates
from closeshave.files.certificates import Authority, Validity
from closeshave.files.yamlfile import InvalidFile
from closeshave.probes.asking import ask_all
from closeshave.probes.catalogue import PROBES
from closeshave.probes.families.mesh import WAYS
from closeshave.probes.judging import findings
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeOutcome
from tests.probes.rounds import BASIS, deployment

HOLDS, BROKEN, UNKNOWN = ProbeOutcome.HOLDS, ProbeOutcome.BROKEN, ProbeOutcome.UNKNOWN
NAME = "mesh.strangers-refused"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "every-key" / "remote.yaml"


def context(directory: Path, verify: ssl.VerifyMode, most: ssl.TLSVersion) -> ssl.SSLContext:
    """Of a service with an authority of its own."""
    authority, now = Authority.within(directory), datetime.now(UTC)
    certificates.found(authority, "mesh", now)
    pem = directory / "service.pem"
    certificates.keep(pem, certificates.issue(authority, "service", "127.0.0.1", Validity.of_edges(now)))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    made.load_verify_locations(authority.certificate)
    made.verify_mode, made.maximum_version = verify, most
    return made


@contextlib.contextmanager
def service(by: ssl.SSLContext | None, *, mute: bool = False, closes: bool = False) -> Iterator[str]:
    """A service that answers any request, through TLS if there is a context; a mute one keeps the connection open and says nothing, and one that closes
    understands no HTTP."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), plain, by.wrap_socket(plain, server_side=True) if by else plain as carried:
                if carried.recv(1000) and not mute and not closes:
                    carried.sendall(ANSWER)
                elif mute:
                    carried.recv(1000)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def asked(services: dict[str, str]) -> tuple[ProbeFinding, list[Observation]]:
    """The finding about these services."""
    seen: list[Observation] = []
    basis = replace(BASIS, services=services)
    there = ProbeScene(basis, deployment({}), spoken.shipped())
    ask_all([PROBES[NAME]], there, seen.append, lambda _probe: None, print)
    there.close()
    return findings([NAME], seen, basis)[NAME], seen


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_service_that_asks_for_a_certificate_and_means_it(tmp_path: Path, most: ssl.TLSVersion) -> None:
    """TLS 1.2 refuses within the handshake, 1.3 after it; a second service that serves anybody breaks the promise."""
    with service(context(tmp_path, ssl.CERT_REQUIRED, most)) as address:
        found, seen = asked({"payments": address})
        assert (found.outcome, len(seen)) == (HOLDS, len(WAYS)), found.why
        assert all(one.saw["refusal"] and not one.saw["answer"] for one in seen)
        with service(None) as plain:
            assert asked({"payments": address, "calendar": plain})[0].outcome is BROKEN


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("verify", "served"),
    [
        (ssl.CERT_NONE, {"without a certificate", "with a certificate of an unknown authority"}),
        (ssl.CERT_OPTIONAL, {"without a certificate"}),
    ],
)
def test_a_service_that_serves_strangers(tmp_path: Path, most: ssl.TLSVersion, verify: ssl.VerifyMode, served: set[str]) -> None:
    """Because it does not ask for a certificate, or only would like one."""
    with service(context(tmp_path, verify, most)) as address:
        found, seen = asked({"payments": address})
    assert (found.outcome, "a stranger is served (HTTP/1.1 200 OK)" in found.why) == (BROKEN, True), found.why
    assert {one.subject for one in seen if one.saw["answer"]} == {f"payments, {way}" for way in served}


def test_a_service_without_tls() -> None:
    """It serves whoever comes. That a handshake with it fails is no refusal: certificates were not even looked at."""
    with service(None) as address:
        found, seen = asked({"payments": address})
    assert not any(one.saw["refusal"] for one in seen)
    assert (found.outcome, found.why.startswith("payments, without TLS: a stranger is served")) == (BROKEN, True), found.why


def test_silence_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, or nobody who says a word: neither is a refusal."""
    monkeypatch.setattr("closeshave.probes.families.mesh.TIMEOUT_S", 0.2)
    assert asked({"payments": "127.0.0.1:1"})[0].outcome is UNKNOWN
    with service(None, mute=True) as address:
        assert asked({"payments": address})[0].outcome is UNKNOWN


def test_a_closed_connection_is_no_refusal(tmp_path: Path) -> None:
    """A service of another protocol that asks nobody for a certificate closes when it does not understand the question."""
    with service(context(tmp_path, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_3), closes=True) as address:
        found, _ = asked({"payments": address})
    assert (found.outcome, "without an alert" in found.why) == (UNKNOWN, True), found.why


def test_where_no_service_is_named() -> None:
    """Nothing is known, and the reason says which key would help."""
    found, _ = asked({})
    assert (found.outcome, found.why) == (UNKNOWN, "the environment file names no service whose mutual TLS could be tried (services)")


@pytest.mark.parametrize("way", WAYS)
def test_one_answer_that_is_missing_or_served(way: str) -> None:
    """Each of the three ways decides."""
    basis = replace(BASIS, services={"payments": "127.0.0.1:1"})
    right = [Observation(NAME, f"payments, {each}", "a page", {"answer": "", "refusal": "CERTIFICATE_REQUIRED"}) for each in WAYS]
    subject = f"payments, {way}"
    served = [replace(one, saw={"answer": "HTTP/1.1 200 OK", "refusal": ""}) if one.subject == subject else one for one in right]
    assert findings([NAME], right, basis)[NAME].outcome is HOLDS
    assert findings([NAME], served, basis)[NAME].outcome is BROKEN
    assert findings([NAME], [one for one in right if one.subject != subject], basis)[NAME].outcome is UNKNOWN


@pytest.mark.parametrize(
    "wrong", ["payments.example.com", "https://payments.example.com:8443", "payments.example.com:0", "a b:1", "h:70000"]
)
def test_an_address_without_a_port_is_refused(tmp_path: Path, wrong: str) -> None:
    """With its key and its line."""
    text = EXAMPLE.read_text().replace("payments.internal.example.com:8443", wrong)
    assert wrong in text
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=r"services.payments: .* is no address with a port") as told:
        read_definition(path)
    assert all(problem.line for problem in told.value.problems)
