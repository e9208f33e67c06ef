"""Where the page may be served: on loopback, or anywhere with TLS."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from closeshave.files import certificates
from closeshave.files.yamlfile import InvalidFile
from closeshave.live import settings
from tests.certificates import days


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and the name ``page.example``, with its key, in one file each."""
    place = tmp_path_factory.mktemp("tls")
    authority = certificates.Authority.within(place)
    certificates.found(authority, "made", datetime.now(UTC))
    pem = certificates.issue(authority, "page.example", "127.0.0.1", days(-1, 30))
    chain, at = place / "chain.pem", pem.index(b"-----BEGIN PRIVATE KEY")
    chain.write_bytes(pem[:at])
    key = place / "key.pem"
    key.write_bytes(pem[at:])
    return chain, key


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "127.0.0.2", "::1"])
def test_loopback_needs_nothing(address: str) -> None:
    """Its own address is the first of its names."""
    place = settings.read(address, 0, None, None)
    assert place.scheme == "http"
    assert place.url(8080).removeprefix("http://").removesuffix("/") in place.hosts(8080)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.1.2.3", "192.168.1.5", "2001:db8::1", "169.254.1.1"])
def test_any_other_address_needs_tls(address: str, pair: tuple[Path, Path]) -> None:
    """A token that is sent in clear text is anybody's."""
    with pytest.raises(InvalidFile, match="can be reached from other machines; that needs TLS"):
        settings.read(address, 0, None, None)
    place = settings.read(address, 0, *pair)
    assert place.url(8443) == "https://page.example:8443/"
    assert "page.example:8443" in place.hosts(8443)
    assert not any(name.startswith(("0.0.0.0", "[::]")) for name in place.hosts(8443))


def test_a_standard_port_may_be_left_out_by_a_browser(pair: tuple[Path, Path]) -> None:
    """As browsers do."""
    assert "page.example" in settings.read("0.0.0.0", 443, *pair).hosts(443)
    assert "page.example" not in settings.read("0.0.0.0", 8443, *pair).hosts(8443)


@pytest.mark.parametrize("address", ["", "page.example", "127.0.0.1:80", "127.1", "999.0.0.1", "../x", "[::1]"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """Names are looked up by nobody."""
    with pytest.raises(InvalidFile, match="is no address; write one like"):
        settings.read(address, 0, None, None)


def test_a_certificate_and_its_key_come_together_and_must_fit(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Refused before anything starts, with the option that is wrong."""
    chain, key = pair
    for certificate, given, said in (
        (chain, None, "needs --live-key too"),
        (None, key, "needs --live-certificate too"),
        (chain, chain, "cannot be used"),
        (tmp_path / "none.pem", key, "cannot be used"),
        (key, key, "cannot be used"),
    ):
        with pytest.raises(InvalidFile, match=said):
            settings.read("127.0.0.1", 0, certificate, given)


def test_a_port_that_is_taken_is_refused() -> None:
    """Before anything starts."""
    place = settings.read("127.0.0.1", 0, None, None)
    with settings.listen(place) as first, pytest.raises(InvalidFile, match=r"cannot listen on 127\.0\.0\.1"):
        settings.listen(settings.read("127.0.0.1", first.getsockname()[1], None, None))


def test_the_command_refuses_an_open_address(command, tmp_path: Path) -> None:
    """With code 2, and no run directory."""
    done = command("run", "smoke", "--live", "--live-address", "0.0.0.0", "--runs", tmp_path / "runs")
    assert done.code == 2
    assert b"--live-address: 0.0.0.0 can be reached from other machines; that needs TLS" in done.stderr
    assert not (tmp_path / "runs").exists()
    assert command("live", tmp_path).code == 2
