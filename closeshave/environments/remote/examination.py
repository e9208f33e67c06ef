"""``closeshave doctor --environment`` and ``--url``: examine a platform and propose its file.

On a platform that must not be loaded nothing is changed either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from closeshave.api import known
from closeshave.deployment import Account
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
    section: str = ""
    """The section of the file that the proposal is for; empty: the file itself."""

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
    reading_only = reading_only and books
    told = (*people, *_told(definition, heard, noticed, books=books), *((unasked,) if reading_only else ()))
    return Examined(definition, (*wrong, *told), _proposed(definition, heard, noticed, books=books), bool(wrong))


def walked(definition: Remote, account: Account | None, *, books: bool = True) -> Examined:
    """Examine a platform that the harness started itself, for which there is nothing to guard. ``account`` exists there; without one, one is registered;
    ``books`` as for :func:`examine`."""
    heard, noticed, people = _ask(definition, write=books, existing=account)
    told = (*people, *_told(definition, heard, noticed, books=books))
    return Examined(definition, told, _proposed(definition, heard, noticed, books=books), refused=False)


def _told(definition: Remote, heard: Mapping[str, Heard], noticed: Noticed, *, books: bool) -> tuple[Remark, ...]:
    return doctor.findings(definition, heard, noticed) if books else doctor.health(heard, speaking.of(definition.api))


def _proposed(definition: Remote, heard: Mapping[str, Heard], noticed: Noticed, *, books: bool) -> Proposal:
    return proposal.propose(definition, heard, noticed) if books else Proposal({})


def check_profile(api: str) -> None:
    """Raise :class:`InvalidFile` where the profile of this name cannot be used: what is not there names the option, what is wrong in it its file."""
    if not api:
        return
    try:
        known.named(api)
    except InvalidFile as error:
        raise InvalidFile(*(replace(problem, file="--api") if problem.file == api else problem for problem in error.problems)) from None


def examine_url(url: str, stage: Stage | None, *, books: bool = True, api: str = "") -> Examined:
    """Examine a platform of which only the address is known; ``books`` as for :func:`examine`. It speaks the API of the profile ``api``, a name or a
    path; BookedBarber V2 by default.

    Raises :class:`InvalidFile` for an invalid address, for a platform that does not identify itself, and for a profile that cannot be used.
    """
    if (problem := wrong_url(url)) is not None:
        raise InvalidFile(Problem("--url", 0, "", problem))
    check_profile(api)
    api = api or known.SHIPPED
    url, spoken = url.rstrip("/"), speaking.of(api)
    routes = meaning.identifying(spoken.profile)
    with closing(Asker(url, api=spoken)) as asker:
        ask_as_anybody(asker, next(iter(routes.values())))
        told = meaning.fingerprint(asker.heard, routes)
        if told is None:
            why = asker.heard[next(iter(routes))].said
            places = " or ".join(dict.fromkeys(routes.values()))
            raise InvalidFile(Problem("--url", 0, "", f"{url} does not identify itself at {places} ({why}): write its file by hand"))
    path, expect = told
    stands = stage or proposal.stage_of(expect, url) or "production"
    service = expect.get("service") or expect.get("app") or urlsplit(url).hostname or "platform"
    named = re.sub(r"[^A-Za-z0-9._-]+", "-", service).strip("-._") or "platform"
    return examine(proposal.first(url, stands, Fingerprint(path, expect), f"{named}-{stands}"[:64], api), books=books)


def propose(path: Path, examined: Examined) -> Path:
    """Write a corrected file beside the original; returns its path. Raises :class:`InvalidFile` if a proposal already exists."""
    return proposal.write(path.with_name(f"{path.name}.proposed"), proposal.edited(path, examined.proposed, examined.section))


def write_first(directory: Path, examined: Examined) -> Path:
    """Write a whole first file into a directory; returns its path. Raises :class:`InvalidFile` if a file of this name exists."""
    definition = replace(examined.definition, api=beside(examined.definition.api, directory))
    return proposal.write(directory / f"{definition.name}.yaml", proposal.document(definition, examined.proposed))


def beside(path: str, home: Path) -> str:
    """The path of a file as a file in ``home`` must name it; what is no file is a name, and stays."""
    return os.path.relpath(Path(path).absolute(), home.absolute()) if Path(path).is_file() else path


def _ask(definition: Remote, *, write: bool, existing: Account | None = None) -> tuple[dict[str, Heard], Noticed, tuple[Remark, ...]]:
    """Examine the first region; with ``write`` also as a customer who books, an existing one if that is known."""
    region, url = next(iter(definition.regions.items()))
    with closing(Asker(url, definition.proxy, speaking.of(definition.api))) as asker:
        ask_as_anybody(asker, definition.fingerprint.path)
        if not write:
            return asker.heard, Noticed(), ()
        asker.ask_without_csrf()
        listed = definition.accounts.file
        try:
            account = existing or (read(Path.cwd() / listed, tuple(definition.regions))[0] if listed else new_account(region))
        except EnvironmentFailed as error:
            return asker.heard, Noticed(), (Remark("accounts", "missing", str(error), "accounts: {file: FILE} or {register: 10}"),)
        noticed = visit(asker, account, register=existing is None and listed is None)
        return asker.heard, noticed, ()
