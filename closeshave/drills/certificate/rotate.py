"""Every edge gets a new certificate, while customers are served.

The files of a rotation lie beside those of the edges, in the environment and never in the run directory: ``before`` holds what the edges served, ``next``
what they are to serve. Whoever finds ``before`` knows that a rotation was begun, and how to put it back.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from closeshave.clients import edge_tls, handshake
from closeshave.clients.address import HOST
from closeshave.deployment import Deployment, Edge
from closeshave.drills.kind import DrillFailed, DrillKind, DrillStep, DrillWork, Facts
from closeshave.faults import proofs
from closeshave.faults.certificate import served
from closeshave.faults.kind import Aim, Proof, Say
from closeshave.faults.waiting import left_s, until
from closeshave.files import certificates
from closeshave.files.certificates import Authority, Validity
from closeshave.plurals import counted

NOTE, ISSUE, INSTALL, KEEP = "note what is served", "issue", "install", "keep for the next start"
BEFORE, NEXT, UNFINISHED = "before", "next", "before.unfinished"
HANDSHAKES = 5
"""With each edge, in each version of TLS."""


def note(work: DrillWork) -> Facts:
    """Keep the certificate of each edge aside; the serial numbers that a new customer is shown."""
    directory = _directory(work.aim.deployment)
    aside = directory / UNFINISHED
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    for edge, file in _files(work.aim.deployment).items():
        certificates.keep(aside / f"{edge}.pem", file.read_bytes())
    # Either all of them are there or none.
    aside.rename(directory / BEFORE)
    return {edge: certificates.serial(file.read_bytes()) for edge, file in _files(work.aim.deployment).items()}


def issue(work: DrillWork) -> Facts:
    """A new certificate, with a new key, for each edge; the serial numbers."""
    deployment = work.aim.deployment
    directory, now = _directory(deployment), datetime.now(UTC)
    place = directory / NEXT
    place.mkdir(mode=0o700, exist_ok=True)
    issued = {}
    for edge in _files(deployment):
        pem = certificates.issue(Authority.within(directory), edge, HOST, Validity.of_edges(now))
        certificates.keep(place / f"{edge}.pem", pem)
        issued[edge] = certificates.serial(pem)
    return issued


def install(work: DrillWork) -> Facts:
    """Give each edge its new certificate, one edge after the other; nothing is restarted."""
    place = _directory(work.aim.deployment) / NEXT
    for edge in _edges(work.aim.deployment):
        try:
            edge_tls.install(edge, (place / f"{edge.frontend}.pem").read_bytes())
        except edge_tls.EdgeUnavailable as error:
            raise DrillFailed(str(error)) from error
        work.say(f"{edge.frontend} has its new certificate")
    return {"edges": len(_files(work.aim.deployment))}


def keep(work: DrillWork) -> Facts:
    """Write each new certificate where the edge reads it when it starts."""
    place = _directory(work.aim.deployment) / NEXT
    for edge, file in _files(work.aim.deployment).items():
        certificates.keep(file, (place / f"{edge}.pem").read_bytes())
    shutil.rmtree(place)
    return {"files": len(_files(work.aim.deployment))}


def proven(work: DrillWork) -> tuple[Proof, ...]:
    """What new customers are shown, at every edge and in both versions of TLS; and what an edge would show that is started again."""
    old, new = work.facts.get(NOTE, {}), work.facts.get(ISSUE, {})
    return tuple(
        _renewed(work.aim.deployment, edge, str(old.get(edge.frontend)), str(new.get(edge.frontend)))
        for edge in _edges(work.aim.deployment)
    )


def _renewed(deployment: Deployment, edge: Edge, old: str, new: str) -> Proof:
    count = HANDSHAKES * len(handshake.VERSIONS)
    what = f"all of {counted(count, 'new handshake')} with {edge.frontend} show the new certificate {new}, which is accepted, and none the old one {old}"
    if edge.tls is None:
        return Proof(what, False, "it serves no TLS")
    try:
        seen = [handshake.shown(edge.url, deployment.authority, version) for version in handshake.VERSIONS for _ in range(HANDSHAKES)]
        kept = handshake.of_file(edge.tls.certificate)
    except (OSError, ValueError) as error:
        return Proof(what, False, str(error))
    outdated = sum(each.serial == old for each in seen)
    strange = {each.serial for each in seen} - {old, new}
    faults = [f"{counted(outdated, 'handshake shows', 'handshakes show')} the old certificate {old}"] if outdated else []
    faults += [f"certificate {each} is shown, which is neither" for each in sorted(strange)]
    faults += [f"{each.serial} is refused: {each.refused}" for each in seen[::HANDSHAKES] if each.refused]
    faults += [] if all(each.der == kept for each in seen) else ["the file from which it starts has another certificate than it shows"]
    return Proof(what, not faults and old != new, "; ".join(faults) or f"{new} each time, and in its file")


def unfit(aim: Aim) -> str:
    """Unfit while a rotation is under way, or an edge shows another certificate than that of its file."""
    edges = _edges(aim.deployment)
    if not edges:
        return "no edge serves TLS"
    found = [_settled(aim.deployment), *proofs.together([served.proof(aim.deployment, edge) for edge in edges])]
    return next((str(each) for each in found if not each.holds), "")


def undo(aim: Aim, deadline_ns: int, say: Say) -> tuple[str, ...]:
    """Put the certificates of before back into the edges' files, and let the edges serve what is in them. Nothing is restarted."""
    if not _edges(aim.deployment):
        return ()
    directory = _directory(aim.deployment)
    before = directory / BEFORE
    done, told = [], ""
    for edge, file in _files(aim.deployment).items():
        kept = before / f"{edge}.pem"
        if kept.exists() and kept.read_bytes() != file.read_bytes():
            certificates.keep(file, kept.read_bytes())
            done.append(f"put the certificate of {edge} back")

    def served_again() -> bool:
        nonlocal told
        try:
            for edge in _edges(aim.deployment):
                served.put_back(edge)
        except OSError as error:
            told = str(error)
            return False
        return True

    if before.exists():
        say("installing the certificates of before")
        # Only then: whoever comes after a process that was killed here must still find them.
        if left_s(deadline_ns) <= 0 or not until(served_again, deadline_ns, 0.5):
            return (*done, told)
        shutil.rmtree(before)
        done.append("the edges serve the certificates of before")
    for leftover in (NEXT, UNFINISHED):
        shutil.rmtree(directory / leftover, ignore_errors=True)
    return tuple(done)


def safe(aim: Aim) -> tuple[Proof, ...]:
    """Nothing of a rotation is left; every edge shows the certificate of its file, and leads to its own region."""
    checks = [
        lambda: _settled(aim.deployment),
        *(served.proof(aim.deployment, edge) for edge in _edges(aim.deployment)),
        proofs.edges(aim.deployment),
    ]
    return proofs.together(checks)


def _settled(deployment: Deployment) -> Proof:
    left = [name for name in (BEFORE, NEXT, UNFINISHED) if (_directory(deployment) / name).exists()]
    return Proof("no rotation of certificates is under way", not left, f"{', '.join(left)} of one is there" if left else "none")


def _directory(deployment: Deployment) -> Path:
    """Raises :class:`LookupError`."""
    if not deployment.authority:
        raise LookupError(f"{deployment.name} has no certificate authority of its own")
    return Path(deployment.authority).parent


def _edges(deployment: Deployment) -> tuple[Edge, ...]:
    return tuple(edge for edge in deployment.edges if edge.tls is not None)


def _files(deployment: Deployment) -> Mapping[str, Path]:
    """The file of each edge, by the edge's name."""
    return {edge.frontend: Path(edge.tls.certificate) for edge in deployment.edges if edge.tls is not None}


KIND = DrillKind(
    name="certificate.rotate",
    does="Gives every edge a new certificate with a new key, one edge after the other, and writes it where the edge reads it when it starts; nothing is "
    "restarted.",
    proven_by="New TLS handshakes with every edge, as of customers, in both versions of TLS: each shows the new serial number and none the old one, a "
    "client accepts it, and the edge's file holds the same.",
    put_back_by="Installs the certificates of before, which are still valid; proven by handshakes with every edge, its file, and every edge leading to "
    "its own region.",
    scope=(),
    steps=(DrillStep(NOTE, note), DrillStep(ISSUE, issue), DrillStep(INSTALL, install), DrillStep(KEEP, keep)),
    unfit=unfit,
    prove=proven,
    undo=undo,
    safe=safe,
    uses=("tls",),
    environments=frozenset({"embedded", "containers"}),
)
