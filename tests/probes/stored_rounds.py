"""Directories of rounds, made by the probes themselves on the small shop."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from closeshave.probes import record
from closeshave.probes.asking import ask_all
from closeshave.probes.catalogue import PROBES
from closeshave.probes.record import ProbeRecord
from closeshave.target import read_target
from tests.probes import rounds
from tests.probes.shop import Shop

TARGET = """\
name: shop
title: A shop
claims:
  - {id: R1, text: "Every franchise leads to its shard", how: [probe], probes: ["routing.*-of-each-range", routing.outside-refused]}
  - {id: R2, text: "Bookings are private", how: [probe], probes: [tenants.read-refused]}
  - {id: R3, text: "It is audited", how: [attest], owner: finance}
objectives: []
"""
ASKED = ("routing.first-of-each-range", "routing.last-of-each-range", "routing.outside-refused", "tenants.read-refused")
DESCRIPTION = {"environment": {"release": "7", "versions": {"postgres": "18"}, "processes": 46}}
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def target(directory: Path, text: str = TARGET) -> Path:
    """The file of the target."""
    path = directory / "shop.yaml"
    path.write_text(text)
    return path


def made(
    place: Path,
    *lies: str,
    name: str = "r1",
    probes: tuple[str, ...] = ASKED,
    days: float = 1.0,
    evidence: str = "verified",
    text: str = TARGET,
    ended: bool = True,
) -> Path:
    """A round on the shop that tells these lies, some days before :data:`NOW`."""
    place.mkdir(exist_ok=True)
    run = record.create(place, "shop", name, NOW - timedelta(days=days))
    path = target(place, text)
    environment = place / "environment-of-the-shop.yaml"
    environment.write_text("kind: remote\nname: shop\n")
    record.keep(run, path, environment, DESCRIPTION)
    with rounds.scene(Shop(*lies), target=read_target(path)) as there:
        at = (NOW - timedelta(days=days)).isoformat()
        facts = ProbeRecord(run.name, "shop", "remote", "shop", at, evidence, there.basis, probes)
        record.write(run, facts)
        left = ask_all([PROBES[one] for one in probes], there, partial(record.note, run), lambda _probe: None, print)
    if ended:
        record.finish(run, facts, left)
        edited(run, ended_at=at)
    return run


def edited(run: Path, **changed: object) -> None:
    """Its facts with other values."""
    told = json.loads((run / record.ROUND).read_text())
    (run / record.ROUND).write_text(json.dumps(told | changed))
