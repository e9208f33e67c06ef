"""A certificate authority of one environment: what it issues is accepted by whoever trusts it alone, and its keys are private."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from closeshave.clients.handshake import of_file
from closeshave.files import certificates
from closeshave.files.certificates import Authority, Validity
from tests.certificates import days

HOST, EDGE = "127.0.0.1", "edge-us-east-1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One that was just made."""
    made = Authority.within(tmp_path)
    certificates.found(made, "embedded", days(0, 1).begins)
    return made


def verified(authority: Authority, pem: bytes, name: str) -> None:
    """As a client that trusts this authority alone. Raises :class:`VerificationError`."""
    store = Store(x509.load_pem_x509_certificates(authority.certificate.read_bytes()))
    PolicyBuilder().store(store).build_server_verifier(x509.DNSName(name)).verify(x509.load_pem_x509_certificate(pem), [])


def test_a_certificate_is_accepted_for_its_edge_and_no_other_name(authority: Authority) -> None:
    """The address stands in it, too."""
    pem = certificates.issue(authority, EDGE, HOST, Validity.of_edges(days(0, 1).begins))
    verified(authority, pem, EDGE)
    with pytest.raises(VerificationError):
        verified(authority, pem, "edge-eu-west-1")
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [HOST]


@pytest.mark.parametrize(("begins", "ends"), [(-2, -1), (1, 2)])
def test_a_certificate_is_refused_before_and_after_it_is_valid(authority: Authority, begins: float, ends: float) -> None:
    """By the clock."""
    with pytest.raises(VerificationError):
        verified(authority, certificates.issue(authority, EDGE, HOST, days(begins, ends)), EDGE)


def test_a_certificate_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Also of one that has the same name."""
    (tmp_path / "other").mkdir()
    other = Authority.within(tmp_path / "other")
    certificates.found(other, "embedded", days(0, 1).begins)
    with pytest.raises(VerificationError):
        verified(authority, certificates.issue(other, EDGE, HOST, days(0, 1)), EDGE)


def test_every_certificate_has_a_serial_number_and_a_key_of_its_own(authority: Authority) -> None:
    """So that a rotation replaces both."""
    made = [certificates.issue(authority, EDGE, HOST, days(0, 1)) for _ in range(3)]
    assert len({certificates.serial(pem) for pem in made}) == 3
    assert len({x509.load_pem_x509_certificate(pem).public_key().public_numbers() for pem in made}) == 3  # type: ignore[union-attr] # of elliptic curves


def test_files_with_keys_are_private(authority: Authority, tmp_path: Path) -> None:
    """From the first byte on; the authority's certificate is not."""
    kept = tmp_path / "edge.pem"
    certificates.keep(kept, certificates.issue(authority, EDGE, HOST, days(0, 1)))
    assert {stat.S_IMODE(path.stat().st_mode) for path in (kept, authority.key)} == {0o600}
    assert b"PRIVATE KEY" not in authority.certificate.read_bytes()
    assert x509.load_der_x509_certificate(of_file(str(kept))).serial_number == int(certificates.serial(kept.read_bytes()), 16)


def test_a_file_without_a_certificate_says_so(tmp_path: Path) -> None:
    """And which file it is."""
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ValueError, match=r"empty.pem has no certificate"):
        of_file(str(tmp_path / "empty.pem"))


def test_a_long_name_of_an_environment_is_shortened(tmp_path: Path) -> None:
    """A common name has at most 64 characters."""
    made = Authority.within(tmp_path)
    certificates.found(made, "e" * 64, days(0, 1).begins)
    verified(made, certificates.issue(made, EDGE, HOST, days(0, 1)), EDGE)


def test_an_authority_outlives_what_it_issues(authority: Authority) -> None:
    """By far."""
    now = days(0, 1).begins
    own = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    assert own.not_valid_after_utc - Validity.of_edges(now).ends > timedelta(days=200)
