"""The environment file for a platform, from the doctor's findings: complete, with a comment beside each guess. Pure except for writing."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from closeshave.api import known
from closeshave.api.spoken import SpokenApi
from closeshave.deployment import Capabilities
from closeshave.environments.remote import meaning, speaking, zones
from closeshave.environments.remote.asking import Heard
from closeshave.environments.remote.definition import Accounts, Caps, Fingerprint, Remote, Stage
from closeshave.environments.remote.look import members
from closeshave.environments.remote.visiting import Noticed
from closeshave.files.yamlfile import InvalidFile, Problem

NOTHING = Noticed()
STAGES: Mapping[str, Stage] = {
    "dev": "development", "development": "development", "local": "development", "test": "development", "testing": "development",
    "stage": "staging", "staging": "staging", "prod": "production", "production": "production",
}  # fmt: skip
REGION = "main"
GENTLE = Caps(requests_per_s=60, requests=100_000, duration=3600.0, regions_at_once=1, shards_at_once=1)
"""For a platform whose limits are unknown."""
REGISTERED = 10
"""The number of customers in a first file: platforms allow about 20 registrations an hour."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Proposed sections of the file; other sections stay as they are."""

    sections: Mapping[str, Any]
    remarks: Mapping[str, str] = field(default_factory=dict)
    """Key of ``capabilities``, or a section → the comment beside it."""

    @property
    def capabilities(self) -> dict[str, Any]:
        """In the form of the file; only differences from a platform that can do everything."""
        return dict(self.sections.get("capabilities", {}))


def propose(definition: Remote, heard: Mapping[str, Heard], noticed: Noticed = NOTHING) -> Proposal:
    """The proposed changes of the file."""
    api = speaking.of(definition.api)
    able, remarks = _capabilities(definition.capabilities, heard, noticed, api)
    plain = asdict(Capabilities())
    sections: dict[str, Any] = {"capabilities": {name: value for name, value in asdict(able).items() if value != plain[name]}}
    if (told := _fingerprint(definition.fingerprint, heard, meaning.identifying(api.profile))) is not None:
        sections["fingerprint"] = told
        remarks["fingerprint"] = "as the platform answered; check that it is the right platform"
    if "register" in heard and heard["register"].status not in {0, 200, 201, 429} and definition.accounts.file is None:
        sections["accounts"] = {"file": "accounts.csv"}
        remarks["accounts"] = "registering does not work here: a CSV of email,password,region, relative to the working directory"
    return Proposal(sections, remarks)


def first(url: str, stage: Stage, fingerprint: Fingerprint, name: str, api: str = known.SHIPPED) -> Remote:
    """A first definition of a platform of which only the address and the API are known."""
    accounts, regions = Accounts(register=REGISTERED), {REGION: url}
    return Remote(kind="remote", name=name, regions=regions, fingerprint=fingerprint, caps=GENTLE, stage=stage, accounts=accounts, api=api)


def stage_of(told: Mapping[str, str], url: str) -> Stage | None:
    """The stage: as the platform says; development if it is on this machine; else unknown."""
    if found := STAGES.get((told.get("environment") or told.get("stage") or "").lower()):
        return found
    return "development" if urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"} else None


def document(definition: Remote, proposal: Proposal) -> CommentedMap:
    """A whole first file."""
    caps = definition.caps
    whole = CommentedMap(
        kind="remote",
        name=definition.name,
        stage=definition.stage,
        regions=dict(definition.regions),
        **({} if definition.api == known.SHIPPED else {"api": definition.api}),
        fingerprint={"path": definition.fingerprint.path, "expect": dict(definition.fingerprint.expect)},
        caps={"requests_per_s": int(caps.requests_per_s), "requests": caps.requests, "duration": "1h", "regions_at_once": caps.regions_at_once,
              "shards_at_once": caps.shards_at_once},
        accounts={"register": definition.accounts.register},
        capabilities={},
        read_back={"api": "customer"},
    )  # fmt: skip
    whole.yaml_set_comment_before_after_key("stage", before="development, staging or production; production needs permission for each run")
    whole.yaml_set_comment_before_after_key(
        "caps", before="A guess: it is unknown how much load this platform can take. No plan may exceed these."
    )
    whole.yaml_set_comment_before_after_key(
        "read_back", before="Through each customer's own list; better {sql: {1: NAME_OF_VARIABLE}}, a connection string"
    )
    return _changed(whole, proposal)


def edited(path: Path, proposal: Proposal, within: str = "") -> CommentedMap:
    """The file with these sections, of the file itself or of its section ``within``; all other lines and comments stay."""
    whole: CommentedMap = _yaml().load(path.read_text(encoding="utf-8"))
    _changed(whole[within] if within else whole, proposal)
    return whole


def write(path: Path, whole: CommentedMap) -> Path:
    """Write it; returns the path. Raises :class:`InvalidFile` if the file already exists."""
    text = io.StringIO()
    _yaml().dump(whole, text)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.getvalue())
    except FileExistsError:
        raise InvalidFile(Problem(str(path), 0, "", "already exists: use it or remove it first; nothing is overwritten")) from None
    return path


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 140
    return yaml


def _changed(whole: CommentedMap, proposal: Proposal) -> CommentedMap:
    for name, value in proposal.sections.items():
        if not value:
            whole.pop(name, None)
            continue
        section = CommentedMap({key: list(held) if isinstance(held, tuple) else held for key, held in value.items()})
        for key in section:
            if remark := proposal.remarks.get(key):
                section.yaml_add_eol_comment(remark, key)
        whole[name] = section
        if remark := proposal.remarks.get(name):
            whole.yaml_set_comment_before_after_key(name, before=remark)
    return whole


def _capabilities(able: Capabilities, heard: Mapping[str, Heard], noticed: Noticed, api: SpokenApi) -> tuple[Capabilities, dict[str, str]]:
    remarks = {}
    found, others = meaning.zone(noticed)
    if found is not None and (able.zone is None or not _fits(able.zone, noticed)):
        remarks["zone"] = f"learnt from one booking; {', '.join(others)} would fit too" if others else "learnt from one booking"
    elif able.zone is not None:
        found = able.zone
    by_barber, keys, known = meaning.slots_by_barber(noticed), meaning.honours_keys(heard), meaning.honours_addresses(heard)
    idle = meaning.idle_barbers(noticed)
    if idle:
        remarks["idle_barbers"] = "listed, but accepted no booking at any time that was tried"
    if known.honoured is False:
        remarks["forwarded_for"] = f"it sees {known.as_} for all requests: all customers share the limits of one address"
    off = {*able.steps_off, *meaning.steps_off(heard, api)}
    if off:
        remarks["steps_off"] = "did not answer as expected; promises about them cannot be tested"
    limits = {**able.limits, **meaning.limits_met(heard)}
    proposed = replace(
        able,
        franchises=meaning.tells_franchises(heard) if noticed.looked else able.franchises,
        keyed_bookings=able.keyed_bookings if keys is None else keys,
        forwarded_for=able.forwarded_for if known.honoured is None else known.honoured,
        ready_by="body" if meaning.ready_by(heard) == "body" else able.ready_by,
        steps_off=tuple(sorted(off)),
        limits=limits,
        slots_by_barber=able.slots_by_barber if by_barber is None else by_barber,
        zone=found,
        idle_barbers=tuple(sorted({*able.idle_barbers, *idle} - set(noticed.took), key=str)),
    )
    return proposed, remarks


def _fits(zone: str, noticed: Noticed) -> bool:
    return noticed.booked is None or zone in zones.fitting(noticed.booked.asked, noticed.booked.answered)


def _fingerprint(stated: Fingerprint, heard: Mapping[str, Heard], routes: Mapping[str, str]) -> dict[str, Any] | None:
    """The stated fingerprint if it still matches; else the same members at another route, else what the routes show."""
    expected = dict(stated.expect)
    others = [(path, name) for name, path in sorted(routes.items(), reverse=True)]
    for path, name in ((stated.path, "fingerprint"), *others):
        if name in heard and members(heard[name].body, tuple(expected)) == expected:
            return None if path == stated.path else {"path": path, "expect": expected}
    told = meaning.fingerprint(heard, routes)
    return None if told is None else {"path": told[0], "expect": told[1]}
