"""``closeshave doctor --environment`` and ``--url``: examine a platform and propose its file.

On a platform that must not be loaded nothing is changed either.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import doctor, guard, meaning, proposal, speaking
from closeshave.environments.remote.accounts import new_account, read
from closeshave.environments.remote.asking import Asker, Heard, ask_as_anybody
from closeshave.environments.remote.definition import Fingerprint, Remote, Stage, wrong_url
from closeshave.environments.remote.doctor import Remark
from closeshave.environments.remote.look import look
from closeshave.environments.remote.proposal import Proposal
from closeshave.environments.remote.visiting import Noticed, visit
from closeshave.files.yamlfile import InvalidFile, Problem


@dataclass(frozen=True, slots=True)
class Examined:
    """The result of an examination."""

    definition: Remote
    findings: tuple[Remark, ...]
    proposed: Proposal
    refused: bool
    """Whether it is not the platform of the file, or a test there would move real money."""

    @property
    def proposal(self) -> dict[str, object]:
        """The file's ``capabilities`` as they should be."""
        return self.proposed.capabilities


def examine(definition: Remote, *, books: bool = True) -> Examined:
    """Examine the platform. On production, and on one that is not recognised, nothing is registered, booked or changed.

    Without ``books`` only what anybody may ask: the platform need not be one for bookings.
    """
    wrong = tuple(Remark("guard", "missing", said) for said in guard.unsound(definition, look(definition)))
    reading_only = bool(wrong) or definition.stage == "production"
    heard, noticed, people = _ask(definition, write=books and not reading_only)
    unasked = Remark(
        "customers' routes", "note", "were not tested: nothing is registered or booked on production, or where the guard refuses"
    )
    told = doctor.findings(definition, heard, noticed) if books else doctor.health(heard, speaking.of(definition.api))
    reading_only = reading_only and books
    found = (*wrong, *people, *told, *((unasked,) if reading_only else ()))
    return Examined(definition, found, proposal.propose(definition, heard, noticed) if books else Proposal({}), bool(wrong))


def examine_url(url: str, stage: Stage | None, *, books: bool = True) -> Examined:
    """Examine a platform of which only the address is known; ``books`` as for :func:`examine`.

    Raises :class:`InvalidFile` for an invalid address, or one that does not identify itself.
    """
    if (problem := wrong_url(url)) is not None:
        raise InvalidFile(Problem("--url", 0, "", problem))
    url = url.rstrip("/")
    with closing(Asker(url)) as asker:
        ask_as_anybody(asker, "/health/")
        told = meaning.fingerprint(asker.heard)
        if told is None:
            why = asker.heard["health"].said
            raise InvalidFile(
                Problem("--url", 0, "", f"{url} does not identify itself at /health or /health/ ({why}): write its file by hand")
            )
    path, expect = told
    known = stage or proposal.stage_of(expect, url) or "production"
    named = re.sub(r"[^A-Za-z0-9._-]+", "-", expect.get("service") or urlsplit(url).hostname or "platform").strip("-._") or "platform"
    return examine(proposal.first(url, known, Fingerprint(path, expect), f"{named}-{known}"[:64]), books=books)


def propose(path: Path, examined: Examined) -> Path:
    """Write a corrected file beside the original; returns its path. Raises :class:`InvalidFile` if a proposal already exists."""
    return proposal.write(path.with_name(f"{path.name}.proposed"), proposal.edited(path, examined.proposed))


def write_first(directory: Path, examined: Examined) -> Path:
    """Write a whole first file into a directory; returns its path. Raises :class:`InvalidFile` if a file of this name exists."""
    definition = examined.definition
    return proposal.write(directory / f"{definition.name}.yaml", proposal.document(definition, examined.proposed))


def _ask(definition: Remote, *, write: bool) -> tuple[dict[str, Heard], Noticed, tuple[Remark, ...]]:
    """Examine the first region; with ``write`` also as a customer who books."""
    region, url = next(iter(definition.regions.items()))
    with closing(Asker(url, definition.proxy, speaking.of(definition.api))) as asker:
        ask_as_anybody(asker, definition.fingerprint.path)
        if not write:
            return asker.heard, Noticed(), ()
        asker.ask_without_csrf()
        listed = definition.accounts.file
        try:
            account = read(Path.cwd() / listed, tuple(definition.regions))[0] if listed else new_account(region)
        except EnvironmentFailed as error:
            return asker.heard, Noticed(), (Remark("accounts", "missing", str(error), "accounts: {file: FILE} or {register: 10}"),)
        noticed = visit(asker, account, register=listed is None)
        return asker.heard, noticed, ()
