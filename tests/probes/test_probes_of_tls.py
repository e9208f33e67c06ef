"""Probes of TLS, keys and files: on real servers that speak old and new versions, with certificates that last and that do not."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from closeshave.api import spoken
from closeshave.probes.asking import ask_all
from closeshave.probes.catalogue import PROBES
from closeshave.probes.judging import findings
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeOutcome
from tests.probes.rounds import BASIS, asked, deployment
from tests.probes.shop import REGIONS

HOLDS, BROKEN, UNKNOWN = ProbeOutcome.HOLDS, ProbeOutcome.BROKEN, ProbeOutcome.UNKNOWN
V = ssl.TLSVersion


def certificate(directory: Path, days: float) -> Path:
    """A self-signed certificate with its key, good for so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{days}.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextlib.contextmanager
def server(pem: Path, least: ssl.TLSVersion, most: ssl.TLSVersion) -> Iterator[str]:
    """A server that shakes hands by these versions, and says nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = least, most
    context.set_ciphers("ALL:@SECLEVEL=0")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as carried:
                carried.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def shaken(name: str, url: str, authority: str = "") -> ProbeFinding:
    """The finding of a probe about this address, as both regions."""
    edges = dict.fromkeys(REGIONS, url)
    seen: list[Observation] = []
    basis = replace(BASIS, edges=edges)
    there = ProbeScene(basis, replace(deployment(edges), authority=authority), spoken.shipped())
    ask_all([PROBES[name]], there, seen.append, lambda _probe: None, print)
    there.close()
    return findings([name], seen, basis)[name]


@pytest.mark.parametrize(
    ("name", "least", "most", "outcome"),
    [
        ("tls.old-versions-refused", V.TLSv1_2, V.TLSv1_3, HOLDS),
        ("tls.old-versions-refused", V.TLSv1, V.TLSv1_3, BROKEN),
        ("tls.old-versions-refused", V.TLSv1_1, V.TLSv1_3, BROKEN),
        ("tls.current-version-accepted", V.TLSv1_2, V.TLSv1_3, HOLDS),
        ("tls.current-version-accepted", V.TLSv1_3, V.TLSv1_3, BROKEN),
        ("tls.newest-version-accepted", V.TLSv1_2, V.TLSv1_3, HOLDS),
        ("tls.newest-version-accepted", V.TLSv1_2, V.TLSv1_2, BROKEN),
    ],
)
def test_versions_of_tls(tmp_path: Path, name: str, least: ssl.TLSVersion, most: ssl.TLSVersion, outcome: ProbeOutcome) -> None:
    """Each version is offered alone."""
    with server(certificate(tmp_path, 90), least, most) as url:
        found = shaken(name, url)
    assert (found.outcome, found.why) == (outcome, found.why)


@pytest.mark.parametrize(("days", "trusted", "outcome"), [(90, True, HOLDS), (5, True, BROKEN), (90, False, BROKEN)])
def test_a_certificate_is_trusted_and_lasts(tmp_path: Path, days: float, trusted: bool, outcome: ProbeOutcome) -> None:
    """One that ends in five days was not renewed; one that nobody vouches for is none."""
    pem = certificate(tmp_path, days)
    with server(pem, V.TLSv1_2, V.TLSv1_3) as url:
        found = shaken("tls.certificate-lasts", url, str(pem) if trusted else "")
    assert (found.outcome, found.why) == (outcome, found.why)


@pytest.mark.parametrize("name", [name for name in PROBES if name.startswith("tls.")])
def test_plain_http_and_silence_are_unknown(name: str) -> None:
    """Nothing was shaken, so nothing holds."""
    assert shaken(name, "http://127.0.0.1:1").outcome is UNKNOWN
    assert shaken(name, "https://127.0.0.1:1").outcome is UNKNOWN


@pytest.mark.parametrize(
    ("stage", "lies", "outcome"),
    [
        ("staging", ["test-key"], HOLDS),
        ("staging", ["live-key"], BROKEN),
        ("production", ["live-key"], HOLDS),
        ("production", ["test-key"], BROKEN),
        ("staging", [], UNKNOWN),
    ],
)
def test_kinds_of_payment_keys(stage: str, lies: list[str], outcome: ProbeOutcome) -> None:
    """Without any key nothing is known of them; the keys themselves are never kept."""
    found, seen = asked("keys.kind-by-stage", *lies, stage=stage)
    assert (found.outcome, found.why) == (outcome, found.why)
    assert "0123456789" not in repr(seen)


def test_a_harness_that_loads_live_keys_is_broken() -> None:
    """If the guard let a staging platform with live keys pass."""
    _, seen = asked("keys.live-keys-not-loaded")
    passed = [replace(one, saw={"refused": []}) if one.subject == "staging" else one for one in seen]
    assert findings(["keys.live-keys-not-loaded"], passed, BASIS)["keys.live-keys-not-loaded"].outcome is BROKEN


def test_clouds_and_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that ship are right; a file of that name in the working directory comes first, and this one is not."""
    assert asked("described.clouds-and-stages")[0].outcome is HOLDS
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "bookedbarber-gcp-dev.yaml").write_text("kind: remote\n")
    monkeypatch.chdir(tmp_path)
    assert asked("described.clouds-and-stages")[0].outcome is BROKEN
