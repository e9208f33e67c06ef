"""Generates the experiments of Chaos Toolkit from the catalogue, one for each kind: ``python -m closeshave.faults.experiments chaos``.

They are plain files that ``chaos run`` accepts. What a kind does is defined there; here are only the default scopes for a manual run. The experiment of a
kind of an installed package is made when a trial needs it.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from closeshave.faults.catalogue import OWN
from closeshave.faults.kind import Kind
from closeshave.faults.page import MEANINGS
from closeshave.files import write_atomically

PLACES: Mapping[str, str] = {"shard": '"1"', "region": "us-east-1", "tier": "cache", "process": "etcd-us-east-1"}
OF_FAMILIES: Mapping[str, Mapping[str, str]] = {"region": {"region": "us-west-2"}, "broker": {"tier": "broker"}}
"""The default scopes of experiments, and those of families: the embedded environment can survive the loss of that region."""
WIDTH = 140
TOOLKIT = "closeshave.faults.toolkit"


def experiments(kinds: Mapping[str, Kind] = OWN) -> dict[str, str]:
    """Path below ``chaos/`` → text, one for each kind. Pure."""
    return {f"{name.replace('.', '/')}.yaml": text(kind) for name, kind in kinds.items()}


def text(kind: Kind) -> str:
    """The experiment of this kind, as YAML. Pure."""
    return "\n".join(_lines(kind)) + "\n"


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
        "hold_s": f'"{kind.hold_s:g}"',
    }
    own = {**PLACES, **OF_FAMILIES.get(kind.name.partition(".")[0], {})}
    places = {key: own.get(key, '""') for key in kind.scope}
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
