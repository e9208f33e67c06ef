"""The conditions of a run that can change its figures: machine, versions of every part, plan, harness. Only what is alike can be compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Fact = str | int | float | None
"""A version, a name or a number; ``None`` where it was not recorded."""

NEAR = 0.05
"""Relative. Rates that a calibration found differ by some per cent from night to night, and memory by some pages."""
SHOWN_ONLY = frozenset({"target", "target file", "environment", "environment file", "commit"})
"""Facts whose differences are shown and do not prevent a comparison: bounds are no figures, releases of the platform differ in their environment
file, and the version of the harness says what its commit cannot."""
_NAMES = {
    "postgres": "PostgreSQL",
    "patroni": "Patroni",
    "etcd": "etcd",
    "valkey": "Valkey",
    "haproxy": "HAProxy",
    "toxiproxy": "Toxiproxy",
    "pgbouncer": "PgBouncer",
    "python": "Python",
}


@dataclass(frozen=True, slots=True)
class RunFingerprint:
    """The conditions of a run, by what they belong to."""

    machine: Mapping[str, Fact] = field(default_factory=dict)
    """``kernel``, ``processor``, ``cores``, ``memory (GiB)``, ``architecture``, ``system`` and the limits of the container."""
    parts: Mapping[str, Fact] = field(default_factory=dict)
    """The version of every part of the platform, and of every package that can change a figure."""
    plan: Mapping[str, Fact] = field(default_factory=dict)
    """``plan``, ``plan file`` (its digest), ``target``, ``target file``, ``environment``, ``environment file``, ``seed`` and ``sessions per second``."""
    harness: Mapping[str, Fact] = field(default_factory=dict)
    """``Closeshave``, ``commit`` and ``load engine``."""


@dataclass(frozen=True, slots=True)
class FingerprintDifference:
    """One condition in which two runs differ."""

    section: str
    """``machine``, ``parts``, ``plan`` or ``harness``."""
    what: str
    base: Fact
    other: Fact
    moves: bool
    """Whether it can change figures, so that the runs cannot be compared."""

    @property
    def text(self) -> str:
        """``PostgreSQL 18.5 → 18.6``."""
        return f"{self.what} {_short(self.base)} → {_short(self.other)}"


def fingerprint(run: Mapping[str, Any], rate: Mapping[str, Any] | None, described: Mapping[str, Any]) -> RunFingerprint:
    """From the parts ``run`` and ``rate`` of a summary and the content of ``environment.json``; whatever is missing there is not known."""
    machine, environment = _inside(described, "machine"), _inside(described, "environment")
    container, git = _inside(described, "container"), _inside(described, "git")
    memory = machine.get("memory_bytes")
    return RunFingerprint(
        machine={
            "kernel": _fact(machine.get("kernel")),
            "processor": _fact(machine.get("cpu_model")),
            "cores": _number(machine.get("cpu_available")),
            "memory (GiB)": round(memory / 2**30, 1) if isinstance(memory, int | float) else None,
            "architecture": _fact(machine.get("architecture")),
            "system": _fact(machine.get("system")),
            **{f"limit {name}": _fact(value) for name, value in sorted(_inside(container, "limits").items())},
        },
        parts={
            **{_NAMES.get(name, name): _fact(value) for name, value in _inside(environment, "versions").items()},
            **{f"package {name}": _fact(value) for name, value in _inside(described, "packages").items()},
            "kind of environment": _fact(environment.get("kind")),
            "topology": _topology(environment),
        },
        plan={
            "plan": _fact(run.get("plan")),
            "plan file": _fact(run.get("plan_digest")),
            "target": _fact(run.get("target")),
            "target file": _fact(run.get("target_digest")),
            "environment": _fact(run.get("environment")),
            "environment file": _fact(run.get("environment_digest")),
            "seed": _fact(run.get("seed")),
            "sessions per second": _number((rate or {}).get("sessions_per_s")),
        },
        harness={
            "Closeshave": _fact(run.get("version")),
            "commit": _fact(git.get("sha")),
            "load engine": str(described.get("load_engine", "")).partition(":")[0] or None,
        },
    )


def differences(base: RunFingerprint, other: RunFingerprint) -> tuple[FingerprintDifference, ...]:
    """In what two runs differ. What only one of them recorded is taken to differ."""
    return tuple(_differences(base, other))


def unknown(found: RunFingerprint) -> tuple[str, ...]:
    """What was not recorded and must be known for a comparison: without it two runs may differ in anything."""
    needed = {"machine": ("kernel", "processor", "cores"), "plan": ("plan file", "seed"), "harness": ("Closeshave",)}
    sections = asdict(found)
    return tuple(name for section, names in needed.items() for name in names if sections[section].get(name) is None)


def _differences(base: RunFingerprint, other: RunFingerprint) -> Iterator[FingerprintDifference]:
    mine, theirs = asdict(base), asdict(other)
    for section in mine:
        for name in sorted({*mine[section], *theirs[section]}):
            one, two = mine[section].get(name), theirs[section].get(name)
            if not _alike(one, two):
                yield FingerprintDifference(section, name, one, two, name not in SHOWN_ONLY)


def _alike(one: Fact, two: Fact) -> bool:
    # Seeds are whole numbers, and differ wholly.
    if isinstance(one, float) and isinstance(two, float):
        return abs(one - two) <= NEAR * max(abs(one), abs(two))
    return one == two


def _topology(environment: Mapping[str, Any]) -> str | None:
    told = environment.get("topology")
    if not isinstance(told, Mapping):
        return None
    regions, shards = (told.get(name) for name in ("regions", "shards"))
    if not (isinstance(regions, list | tuple) and isinstance(shards, list | tuple)):
        return None
    processes = environment.get("processes")
    return f"{len(regions)} regions, {len(shards)} shards" + (f", {processes} processes" if isinstance(processes, int) else "")


def _inside(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def _fact(value: Any) -> Fact:
    """A plain value as it is; of anything else its text."""
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _short(fact: Fact) -> str:
    """Digests by their beginning."""
    if fact is None:
        return "not recorded"
    text = f"{fact:.15g}" if isinstance(fact, float) else str(fact)
    return text[:12] if len(text) == 64 and all(letter in "0123456789abcdef" for letter in text) else text
