"""The certificate authority of one environment or one run, and the certificates that it issues. Private keys are in files that only this user can read.

An authority is made when its environment or run starts and is removed with it. Nobody but the clients of this environment, or the load machines of this
run, trusts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from closeshave.files import write_atomically

AUTHORITY_LASTS = timedelta(days=398)
EDGE_LASTS = timedelta(days=90)
EARLIER = timedelta(hours=1)
"""Certificates are valid from an hour ago on: the clock of another machine, or of a container, may be behind."""
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Authority:
    """The files of a certificate authority (PEM)."""

    certificate: Path
    """What clients trust; anybody may read it."""
    key: Path

    @classmethod
    def within(cls, directory: Path) -> Authority:
        """The authority whose files are in a directory."""
        return cls(directory / "authority.pem", directory / "authority-key.pem")


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when a certificate is valid."""

    begins: datetime
    ends: datetime

    @classmethod
    def of_edges(cls, now: datetime) -> Validity:
        """That of a new certificate of an edge."""
        return cls(now - EARLIER, now + EDGE_LASTS)


def found(authority: Authority, name: str, now: datetime) -> None:
    """Make a new authority. Raises :class:`OSError`."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = _named(f"Closeshave {name}")
    made = (
        _blank(own, key, Validity(now - EARLIER, now + AUTHORITY_LASTS))
        .issuer_name(own)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_uses(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_atomically(authority.key, _private(key), PRIVATE)
    write_atomically(authority.certificate, made.public_bytes(serialization.Encoding.PEM))


def issue(authority: Authority, edge: str, host: str, validity: Validity) -> bytes:
    """A new certificate for an edge and its private key, one after the other as PEM, as HAProxy reads them.

    It is for ``host``, the IP address in the edge's URL, and for the edge's own name. Raises :class:`OSError`, and :class:`ValueError` for files that
    are no authority.
    """
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)), x509.DNSName(edge)])
    return _signed(authority, edge, names, ExtendedKeyUsageOID.SERVER_AUTH, validity)


def issue_to(authority: Authority, name: str, validity: Validity, *, server: bool) -> bytes:
    """A new certificate under a name instead of an address, and its private key, as PEM: for a server, or for a client that could not be one.

    Raises :class:`OSError`, and :class:`ValueError` for files that are no authority.
    """
    use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    return _signed(authority, name, x509.SubjectAlternativeName([x509.DNSName(name)]), use, validity)


def serial(pem: bytes) -> str:
    """The serial number of the first certificate in a PEM text, in hexadecimal digits without leading zeros. Raises :class:`ValueError`."""
    return f"{x509.load_pem_x509_certificate(pem).serial_number:X}"


def keep(path: Path, pem: bytes) -> None:
    """Write a certificate with its key: whoever reads sees either the old file or the new one. Raises :class:`OSError`."""
    write_atomically(path, pem, PRIVATE)


def _signed(authority: Authority, name: str, names: x509.SubjectAlternativeName, use: x509.ObjectIdentifier, validity: Validity) -> bytes:
    signer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    signing = serialization.load_pem_private_key(authority.key.read_bytes(), None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{authority.key} has no key of an elliptic curve")  # noqa: TRY004 - the file is wrong, not the program
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _blank(_named(name), key, validity)
        .issuer_name(signer.subject)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_uses(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM) + _private(key)


def _named(name: str) -> x509.Name:
    # A common name has at most 64 characters (RFC 5280, upper bounds); clients check the alternative names.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _blank(subject: x509.Name, key: ec.EllipticCurvePrivateKey, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.begins)
        .not_valid_after(validity.ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _uses(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
