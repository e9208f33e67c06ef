"""An application that the harness starts is examined as a platform is: its environment is started, walked through as a customer, and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from closeshave.clients import ports, versions
from closeshave.deployment import Capabilities, Deployment
from closeshave.environments import drivers, outside
from closeshave.environments.application import ApplicationOf
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.evidence import grade
from closeshave.environments.remote import examination
from closeshave.environments.remote.doctor import Remark
from closeshave.environments.remote.examination import Examined
from closeshave.environments.remote.proposal import Proposal
from closeshave.environments.stack import EdgesOf, Stack
from closeshave.vocabulary import EVIDENCE_WORDS, EvidenceGrade

SECTION = "application"
"""Where the file says what an examination finds."""
NOT_OURS = frozenset({"hooks", "monitoring", "read-back"})
"""Findings about what an environment of ours has by itself, or says elsewhere."""
ADVICE = (("capabilities", f"{SECTION}.capabilities"), ("read_back.sql", f"{SECTION}.read_back: {{query: SELECT …}}"))
"""How advice for a platform's file begins → what the file of an environment must say: with its rest, unless it is whole."""


def walk(definition: Stack, say: Say, shield: Callable[[], None], *, books: bool = True) -> Examined:
    """Start the environment without links, backups and TLS, examine its application, and remove it; without ``books`` only what anybody may ask.

    ``shield`` is called before the removal, so that no signal disturbs that. Raises :class:`EnvironmentFailed` where it does not start, or where
    something of it could not be removed.
    """
    driver = drivers.of(definition.kind)
    root = driver.place(definition)
    try:
        # Without TLS: the application is examined, not how it is reached.
        deployment = driver.up(replace(driver.narrow(definition, (), ()), edges=EdgesOf()), root, say, False)
        say("walking through the application as a customer")
        found = examine(definition, deployment, books=books)
        shield()
    except BaseException as error:
        shield()
        left = driver.down(root, None)
        if left and isinstance(error, EnvironmentFailed):
            raise EnvironmentFailed(f"{error}\n{_not_removed(left)}") from error
        raise
    if left := driver.down(root, None):
        raise EnvironmentFailed(_not_removed(left))
    return found


def examine(definition: Stack, deployment: Deployment, *, books: bool = True) -> Examined:
    """What the application of a running environment answers, and what its section should say."""
    own = definition.application
    # Without accounts nobody can book.
    books = books and not own.accounts.none
    platform = replace(outside.platform(definition, deployment), capabilities=own.capabilities)
    listed = own.accounts.file is not None or own.writes_accounts
    found = examination.walked(platform, deployment.accounts[0] if listed else None, books=books)
    told = (*(as_ours(one) for one in found.findings if one.what not in NOT_OURS), *_of_instances(own, deployment))
    proposed = of_section(own.capabilities, found.proposed) if books else Proposal({})
    return replace(found, findings=told, proposed=proposed, section=SECTION)


def of_section(stated: Capabilities, proposed: Proposal) -> Proposal:
    """What of a proposal the section of an application takes: its capabilities. Pure.

    That it has no franchises is a decision of the file: answers may tell of a cache, and know no franchises all the same.
    """
    decided = {} if stated.franchises else {"franchises": False}
    return Proposal({"capabilities": {**proposed.capabilities, **decided}}, proposed.remarks)


def as_ours(remark: Remark) -> Remark:
    """A finding with the keys of an environment that the harness starts. Pure."""
    for begins, ours in ADVICE:
        if remark.advice.startswith(begins):
            whole = ours.endswith("}")
            return replace(remark, advice=ours if whole else ours + remark.advice.removeprefix(begins))
    return remark


def _of_instances(own: ApplicationOf, deployment: Deployment) -> Iterator[Remark]:
    """What only whoever reaches single instances can see."""
    apps = [process for process in deployment.processes if process.role == "app"]
    silent = {app.name: status for app in apps if (status := ports.fresh_status(ports.url(app.ports[0], own.probe))) != 200}
    if silent:
        said = ", ".join(f"{name} answers {status}" if status else f"{name} does not answer" for name, status in silent.items())
        yield Remark(
            "probe", "missing", f"{said} to {own.probe}", f"{SECTION}.probe: a path that anybody may read and that needs the database"
        )
    else:
        yield Remark("probe", "ok", f"every instance answers {own.probe}")
    if own.version is None:
        said = "the section does not say how an instance tells its release, so two releases cannot be compared"
        yield Remark("version", "note", said, f"{SECTION}.version: {{path: /health, member: version}}")
    else:
        answers = {app.name: versions.of(deployment, app) for app in apps}
        if unsaid := [name for name, version in answers.items() if not version]:
            yield Remark("version", "missing", f"{', '.join(unsaid)}: no version at {own.version.path}", f"{SECTION}.version")
        else:
            yield Remark("version", "ok", ", ".join(sorted({str(version) for version in answers.values()})))
    worth = grade.of(deployment)
    yield Remark("evidence", "ok" if worth is EvidenceGrade.MEASURED else "note", f"a run is {EVIDENCE_WORDS[worth]}")


def _not_removed(left: tuple[str, ...]) -> str:
    return f"could not be removed afterwards: {', '.join(left)}"
