"""A round from its question to its result: the platform is found or started, the probes are asked and recorded, and what was seen is judged."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from closeshave.api.spoken import spoken
from closeshave.environments import fingerprint
from closeshave.environments.definition import Definition, read_definition
from closeshave.environments.evidence import grade
from closeshave.files import unexpected, write_atomically
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.probes import record, telling
from closeshave.probes.asking import ask_all
from closeshave.probes.catalogue import chosen, matching
from closeshave.probes.places import PlaceRefused, ProbePlace, place
from closeshave.probes.probe import PromiseProbe, obstacle
from closeshave.probes.record import ProbeRecord
from closeshave.probes.result import ProbeResult, result
from closeshave.probes.scene import ProbeScene
from closeshave.target import Target, read_target

RESULT, MARKDOWN = "result.json", "result.md"
"""Files of a round for other programs and for people; made from its observations."""


@dataclass(frozen=True, slots=True)
class ProbeQuestion:
    """What somebody wants to know, checked before anything starts."""

    environment: Path
    definition: Definition
    path: Path
    """Of the target."""
    target: Target
    probes: tuple[PromiseProbe, ...]
    named: bool
    """Whether families or probes were named: then all of them are asked, and none is left out."""


def question(environment: str, target: str, families: Sequence[str], names: Sequence[str]) -> ProbeQuestion:
    """The words of the command line as values. Raises :class:`InvalidFile`."""
    there, promised = locate("environments", environment), locate("environments/targets", target)
    read = read_target(promised)
    if unmatched := [(claim.id, pattern) for claim in read.claims for pattern in claim.probes if not matching([pattern])]:
        raise InvalidFile(
            *(
                Problem(str(promised), 0, f"claims: {claim}: probes", f"no probe is called {pattern!r}; all are listed in docs/probes.md")
                for claim, pattern in unmatched
            )
        )
    return ProbeQuestion(there, read_definition(there), promised, read, chosen(read, families, names), bool(families or names))


def carry_out(
    asked: ProbeQuestion, runs: Path, attach: Path | None, say: Callable[[str], None], shield: Callable[[], None], *, strain: bool
) -> tuple[Path, ProbeResult]:
    """Ask, record, judge, and write the result; returns the directory of the round.

    Raises :class:`closeshave.probes.places.PlaceRefused`, :class:`closeshave.environments.errors.EnvironmentFailed`, :class:`OSError`.
    """
    started = datetime.now(UTC)
    run = record.create(runs, asked.definition.name, secrets.token_hex(2), started)
    try:
        with place(asked.definition, attach, run, say, shield, strain=strain) as found:
            ask(asked, found, run, started, say)
    except PlaceRefused:
        # Nothing was asked: there is no round.
        shutil.rmtree(run, ignore_errors=True)
        raise
    return run, read(run)


def read(run: Path) -> ProbeResult:
    """The result of a round, judged again from its observations, and written beside them.

    Raises :class:`closeshave.files.jsonfile.Damaged`, :class:`InvalidFile`, :class:`OSError`.
    """
    told = result(record.facts(run), record.observations(run))
    write_atomically(run / RESULT, json.dumps(telling.told(told), indent=1) + "\n")
    write_atomically(run / MARKDOWN, telling.markdown(told))
    return told


def ask(asked: ProbeQuestion, found: ProbePlace, run: Path, started: datetime, say: Callable[[str], None]) -> None:
    """Ask what was asked for of a platform that is there, and record it in the new directory of a round. Raises :class:`OSError`."""
    record.keep(run, asked.path, asked.environment, fingerprint.describe(found.deployment, 0))
    basis = found.basis(asked.target)
    promised = set(matching([pattern for claim in asked.target.claims for pattern in claim.probes]))
    impossible = {probe.name: why for probe in asked.probes if (why := obstacle(probe, basis, basis.reaches))}
    left_out = {} if asked.named else {name: why for name, why in impossible.items() if name not in promised}
    probes = tuple(probe for probe in asked.probes if probe.name not in left_out)
    conduct(run, found, asked.target, probes, started, say, left_out=left_out)


def conduct(
    run: Path,
    found: ProbePlace,
    target: Target,
    probes: Sequence[PromiseProbe],
    started: datetime,
    say: Callable[[str], None],
    *,
    left_out: Mapping[str, str] | None = None,
    sent: Callable[[str], None] = lambda _region: None,
) -> None:
    """Ask these probes of a platform, and record the round in a directory that has the user's files. ``sent`` is told of each request to an endpoint."""
    facts = ProbeRecord(
        id=run.name,
        environment=found.definition.name,
        kind=found.definition.kind,
        target=target.name,
        started_at=started.isoformat(timespec="seconds"),
        evidence=grade.of(found.deployment).value,
        basis=found.basis(target),
        asked=tuple(probe.name for probe in probes),
        left_out=left_out or {},
    )
    record.write(run, facts)
    scene = ProbeScene(
        facts.basis,
        found.deployment,
        spoken(found.deployment.api),
        administrator=found.administrator,
        rows=found.rows,
        pace=found.pace,
        first_address=secrets.randbelow(10_000_000),
        sent=sent,
    )
    try:
        left = ask_all(
            probes, scene, partial(record.note, run), lambda probe: say(f"asking {probe.name}"), lambda error: unexpected.keep(error, run)
        )
    finally:
        scene.close()
    record.finish(run, facts, left)
