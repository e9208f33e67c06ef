"""``closeshave doctor --environment``: look, ask, and propose the file. A platform that must not be loaded is not written to either."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from closeshave.environments.remote import doctor, guard
from closeshave.environments.remote.asking import ask
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.doctor import Finding
from closeshave.environments.remote.look import look
from closeshave.yamlfile import InvalidFile, Problem


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination found."""

    findings: tuple[Finding, ...]
    proposal: dict[str, Any]
    """The file's ``capabilities`` as they should be."""
    refused: bool
    """Whether it is another platform than the file means, or one that would move real money."""


def examine(definition: Remote) -> Examined:
    """Ask the platform. On production, and on one that is not recognised, nothing is registered, booked or changed."""
    wrong = tuple(Finding("guard", "missing", said) for said in guard.unsound(definition, look(definition)))
    reading_only = bool(wrong) or definition.stage == "production"
    heard = ask(definition, write=not reading_only)
    unasked = Finding(
        "customers' routes", "note", "were not asked: nothing is registered or booked on production, or where the guard objects"
    )
    told = doctor.findings(definition, heard)
    return Examined((*wrong, *told, *((unasked,) if reading_only else ())), doctor.proposal(definition, heard), bool(wrong))


def propose(path: Path, capabilities: dict[str, Any]) -> Path:
    """Write the file with these capabilities beside itself; returns where. Raises :class:`InvalidFile` where a proposal lies already."""
    yaml = YAML()
    yaml.width = 140
    document = yaml.load(path.read_text())
    if capabilities:
        document["capabilities"] = capabilities
    else:
        document.pop("capabilities", None)
    text = io.StringIO()
    yaml.dump(document, text)
    proposed = path.with_name(f"{path.name}.proposed")
    try:
        with proposed.open("x") as file:
            file.write(text.getvalue())
    except FileExistsError:
        raise InvalidFile(Problem(str(proposed), 0, "", "is there already: take it or remove it first; nothing is overwritten")) from None
    return proposed
