"""Edges that serve HTTPS: real ones, each with a certificate of the environment's own authority, which its clients trust alone."""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.clients import edge_tls, edges, handshake, web
from closeshave.clients.handshake import VERSIONS
from closeshave.deployment import Deployment, Edge
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.faults import proofs
from closeshave.faults.waiting import after, until
from closeshave.files import certificates
from closeshave.files.certificates import Authority, Validity
from closeshave.files.shipped import locate
from closeshave.loadgen.carrier import EngineTransport
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.tls import TlsSettings
from closeshave.loadgen.transport import Answer, Failure, Request
from tests.certificates import days

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
READY = Request("ready", "GET", "/health/ready", {})


@pytest.fixture(scope="module")
def platform() -> Iterator[Deployment]:
    """The shipped environment with TLS, without backup servers."""
    read = read_embedded(locate("environments", "embedded-tls"))
    deployment = embedded.up(replace(read, links=(), shards=tuple(replace(shard, backup="") for shard in read.shards)), say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


def authority(platform: Deployment) -> Authority:
    """The environment's own."""
    return Authority.within(Path(platform.authority).parent)


def asked(edge: Edge, tls: TlsSettings) -> Answer:
    """What a customer gets."""
    engine = Engine(Settings(tls=tls))
    try:
        return EngineTransport(engine, edge.url).send(READY)
    finally:
        engine.close()


def test_every_edge_shows_a_certificate_of_its_own_in_both_versions(platform: Deployment) -> None:
    """The one of its file, and a client that trusts the authority alone accepts it."""
    for edge in platform.edges:
        assert edge.url.startswith("https://")
        assert edge.tls is not None
        shown = {handshake.shown(edge.url, platform.authority, version) for version in VERSIONS}
        assert {each.refused for each in shown} == {""}
        assert {each.der for each in shown} == {handshake.of_file(edge.tls.certificate)}
    assert len({handshake.shown(edge.url, platform.authority).serial for edge in platform.edges}) == len(platform.edges)


def test_a_look_at_a_certificate_is_not_counted_as_a_request(platform: Deployment) -> None:
    """The edges' counters are compared with what customers sent."""
    edge = platform.edges[0]
    before = edges.requests(edge)
    for version in VERSIONS:
        for _ in range(5):
            handshake.shown(edge.url, platform.authority, version)
    assert edges.fresh_answer(platform, edge, "/health/ready")[0] == 200
    assert edges.requests(edge) == before + 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_older_versions_are_refused(platform: Deployment) -> None:
    """Also by a client that would accept anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    edge = platform.edges[0]
    with socket.create_connection(("127.0.0.1", int(edge.url.rsplit(":", 1)[1])), 2) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


def test_private_keys_can_be_read_by_their_owner_alone(platform: Deployment) -> None:
    """In a directory that nobody else may enter."""
    directory = authority(platform).key.parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    with_keys = [path for path in directory.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert len(with_keys) == 1 + len(platform.edges)
    assert {stat.S_IMODE(path.stat().st_mode) for path in with_keys} == {0o600}


def test_all_clients_of_the_harness_trust_that_authority_alone(platform: Deployment) -> None:
    """Readiness, proofs, customers; and a client that trusts the system's authorities is refused."""
    edge = platform.edges[0]
    assert edges.fresh_answer(platform, edge, "/health/ready")[0] == 200
    # Just after the start an edge may not have seen its own region yet.
    assert until(lambda: proofs.edges(platform)().holds, after(10), 0.2)
    assert asked(edge, TlsSettings(platform.authority)).status == 200
    answer = asked(edge, TlsSettings())
    assert (answer.failure, answer.may_have_arrived) == (Failure.TLS, False)
    with web.client(2.0) as client, pytest.raises(web.FAILED, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(f"{edge.url}/health/ready")


def test_customers_refuse_a_certificate_for_another_name_and_one_that_has_expired(platform: Deployment) -> None:
    """And are served again by the one of before."""
    edge = platform.edges[0]
    assert edge.tls is not None
    right = Path(edge.tls.certificate).read_bytes()
    try:
        for host, validity, why in (
            ("127.0.0.9", days(-1, 1), "IP address mismatch"),
            ("127.0.0.1", days(-2, -1), "certificate has expired"),
        ):
            edge_tls.install(edge, certificates.issue(authority(platform), "elsewhere", host, validity))
            assert why in handshake.shown(edge.url, platform.authority).refused
            assert asked(edge, TlsSettings(platform.authority)).failure is Failure.TLS
            assert edges.fresh_answer(platform, edge, "/health/ready") == (0, "")
    finally:
        edge_tls.install(edge, right)
    assert asked(edge, TlsSettings(platform.authority)).status == 200


def test_a_certificate_that_is_none_is_refused_and_the_old_one_stays(platform: Deployment) -> None:
    """HAProxy says so, and nothing is left of the change."""
    edge = platform.edges[0]
    before = handshake.shown(edge.url, platform.authority)
    with pytest.raises(edge_tls.EdgeUnavailable, match="unable to load certificate"):
        edge_tls.install(edge, b"nonsense")
    assert handshake.shown(edge.url, platform.authority) == before


def test_open_connections_are_ended_with_their_next_answer_only_while_that_is_asked_for(platform: Deployment) -> None:
    """Then each request needs a handshake."""
    edge, other = platform.edges
    with web.client(2.0, authority=platform.authority) as client:
        for on in (False, True, False):
            edge_tls.end_connections(edge, on=on)
            told = client.get(f"{edge.url}/health/ready").headers.get("connection", "")
            assert (told == "close") is on
            assert client.get(f"{other.url}/health/ready").headers.get("connection", "") != "close"


def test_another_environments_authority_is_refused(platform: Deployment, tmp_path: Path) -> None:
    """Even if it has the same name."""
    other = Authority.within(tmp_path)
    certificates.found(other, platform.name, days(0, 1).begins)
    assert handshake.shown(platform.edges[0].url, str(other.certificate)).refused
    assert Validity.of_edges(days(0, 1).begins).ends > days(0, 1).ends
