"""Generates the experiments of Chaos Toolkit from the catalogue, one for each kind: ``python -m closeshave.faults.experiments chaos``.

They are plain files that ``chaos run`` accepts. What a kind does is defined there; here are only the defaults for a manual run: the scope and how
long the fault is held.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from closeshave.faults.catalogue import KINDS
from closeshave.faults.kind import Kind
from closeshave.faults.page import MEANINGS
from closeshave.files import write_atomically

PLACES: Mapping[str, str] = {"shard": '"1"', "region": "us-east-1", "tier": "cache", "process": "etcd-us-east-1"}
LOST_REGION = "us-west-2"
"""The default scopes of experiments, and the region that ``region.lost`` loses: the embedded environment can survive its loss."""
HOLD_S = 20
HOLDS_S: Mapping[str, int] = {
    "data.acknowledgement-lost": 15,
    "region.customers-cut": 30,
    "region.customers-partitioned": 30,
    "region.data-links-cut": 30,
    "region.flapping": 40,
    "region.lossy": 30,
    "region.lost": 60,
    "region.partitioned": 60,
    "region.restored": 120,
    "region.slow": 30,
    "service.bad-version": 30,
    "shard.disk-full": 30,
    "shard.etcd-lost": 30,
    "shard.primary-hung": 45,
    "shard.primary-killed": 30,
    "shard.primary-partitioned": 45,
}
"""How long a fault is held by default, for the kinds that need another time than :data:`HOLD_S`."""
WIDTH = 140
TOOLKIT = "closeshave.faults.toolkit"


def experiments(kinds: Mapping[str, Kind] = KINDS) -> dict[str, str]:
    """Path below ``chaos/`` → text, one for each kind. Pure."""
    return {f"{name.replace('.', '/')}.yaml": "\n".join(_lines(kind)) + "\n" for name, kind in kinds.items()}


def _lines(kind: Kind) -> Iterator[str]:
    family, _, name = kind.name.partition(".")
    yield "# Made from the catalogue by: python -m closeshave.faults.experiments chaos"
    yield f'title: "{family}: {name.replace("-", " ")}"'
    yield "description: >-"
    told = f"{kind.does} Expected: {MEANINGS[kind.expected]}."
    yield from textwrap.wrap(told, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    yield f"tags: [{family}, {kind.expected}]"
    yield "runtime:"
    yield "  rollbacks:"
    yield "    strategy: always"
    yield "configuration:"
    yield from (
        f"  {key}: {{type: env, key: CLOSESHAVE_{key.upper()}, default: {default}}}" for key, default in _configuration(kind).items()
    )
    yield "method:"
    for sort, does, func in (("action", "inject", "inject"), ("probe", "see that it is in effect", "observe"), ("action", "hold", "hold")):
        yield from _activity(kind, sort, does, func)
    yield "rollbacks:"
    yield from _activity(kind, "action", "heal and prove it", "heal")


def _configuration(kind: Kind) -> dict[str, str]:
    common = {
        "deployment": '""',
        "run": '""',
        "fault": kind.name.replace(".", "-"),
        "at_ns": '"0"',
        "hold_s": f'"{HOLDS_S.get(kind.name, HOLD_S)}"',
    }
    places = {key: LOST_REGION if key == "region" and kind.name.startswith("region.") else PLACES[key] for key in kind.scope}
    return common | places | {parameter.name: f'"{_written(parameter.default)}"' for parameter in kind.parameters}


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _activity(kind: Kind, sort: str, does: str, func: str) -> Iterator[str]:
    yield f"  - type: {sort}"
    yield f"    name: {does.replace(' ', '-')}"
    yield f"    provider: {{type: python, module: {TOOLKIT}, func: {func}, arguments: {{kind: {kind.name}}}}}"


def main() -> None:
    """Write them into the directory that the command line names."""
    for path, text in experiments().items():
        write_atomically(Path(sys.argv[1]) / path, text)


if __name__ == "__main__":
    main()
