"""An edge serves a certificate that has expired, as when its renewal was forgotten: whoever opens a connection must refuse it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from closeshave.clients import edge_tls, handshake
from closeshave.clients.address import HOST
from closeshave.clock import now_ns
from closeshave.deployment import Edge
from closeshave.faults import proofs
from closeshave.faults.certificate import served
from closeshave.faults.kind import Aim, Kind, NotSeen, Proof, Say
from closeshave.faults.waiting import left_s, until, wait_until
from closeshave.files import certificates
from closeshave.files.certificates import Authority, Validity
from closeshave.history import Injection, Sighting, TouchedSettings
from closeshave.plan import Expected

EXPIRED = "certificate has expired"
"""OpenSSL's words (``X509_V_ERR_CERT_HAS_EXPIRED``)."""
VALID = timedelta(days=90)
SINCE = timedelta(hours=1)
"""How long ago it expired: beyond any difference of clocks."""


def edge_of(aim: Aim) -> Edge:
    """The edge of the region that the fault is aimed at. Raises :class:`LookupError`."""
    region = str(aim.scope["region"])
    found = next((edge for edge in aim.deployment.edges if edge.region == region), None)
    if found is None:
        raise LookupError(f"this environment has no edge in a region {region!r}")
    return found


def unfit(aim: Aim) -> str:
    """Unfit unless the edge serves TLS with the certificate of its file."""
    try:
        told = served.as_in_its_file(aim.deployment, edge_of(aim))
    except LookupError as error:
        return str(error)
    return "" if told.holds else str(told)


def inject(aim: Aim, strike_ns: int) -> Injection:
    """Issue a certificate that expired an hour ago, and install it. Its file stays as it is.

    Open connections end with their next answer: otherwise customers who keep theirs would not notice for as long as they like.
    """
    edge = edge_of(aim)
    ended = datetime.now(UTC) - SINCE
    authority = Authority.within(Path(aim.deployment.authority).parent)
    pem = certificates.issue(authority, edge.frontend, HOST, Validity(ended - VALID, ended))
    wait_until(strike_ns)
    began_ns = now_ns()
    edge_tls.install(edge, pem)
    edge_tls.end_connections(edge, on=True)
    told = f"by its runtime API: certificate {certificates.serial(pem)}, expired at {ended:%Y-%m-%d %H:%M:%S} UTC"
    serving = tuple(process.name for process in aim.deployment.processes if process.role == "edge")
    return Injection(aim.label, (TouchedSettings(edge.frontend, told),), began_ns, now_ns(), serving)


def look(aim: Aim, _injection: Injection) -> Sighting | NotSeen:
    """Open a connection as a new customer does: the certificate is refused, because it has expired."""
    edge = edge_of(aim)
    try:
        seen = handshake.shown(edge.url, aim.deployment.authority)
    except handshake.NoHandshake as error:
        return NotSeen(str(error))
    if EXPIRED not in seen.refused:
        why = f"is refused for another reason: {seen.refused}" if seen.refused else "is accepted"
        return NotSeen(f"the certificate {seen.serial} of {edge.frontend} {why}")
    return Sighting(f"a TLS handshake with {edge.url}", f"certificate {seen.serial} is refused: {seen.refused}")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Install the certificate of the file again, and keep connections open."""
    edge, told = edge_of(aim), ""

    def installed() -> bool:
        nonlocal told
        try:
            served.put_back(edge)
        except OSError as error:
            told = str(error)
            return False
        return True

    if left_s(deadline_ns) <= 0:
        return ()
    say(f"installing the certificate of {edge.frontend} again")
    # A process of the edges that was just started again may not answer yet.
    return (f"installed the certificate of {edge.frontend}",) if until(installed, deadline_ns, 0.5) else (told,)


def prove(aim: Aim) -> tuple[Proof, ...]:
    """New customers are shown the certificate of the file and accept it, and every edge leads to its own region."""
    return proofs.together([served.proof(aim.deployment, edge_of(aim)), proofs.edges(aim.deployment)])


KIND = Kind(
    name="certificate.expires",
    does="Makes a region's edge serve a certificate that has expired, and ends open connections with their next answer, so that all customers notice.",
    observed_by="A new TLS handshake with the edge, as of a customer: the certificate is refused, because it has expired.",
    undone_by="Installs the certificate of the edge's file again; proven by handshakes in both versions of TLS, and by every edge leading to its region.",
    scope=("region",),
    uses=("tls",),
    # Nothing renews it by itself.
    expected=Expected.RESTORED,
    unfit=unfit,
    inject=inject,
    look=look,
    undo=undo,
    prove=prove,
)
