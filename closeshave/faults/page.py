"""Generates the page of the catalogue from the kinds: ``python -m closeshave.faults.page docs/faults.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from closeshave.faults.catalogue import FAMILIES, OWN
from closeshave.faults.kind import Kind, Parameter
from closeshave.faults.kubernetes.act import ENVIRONMENT
from closeshave.faults.kubernetes.binding import ACTS, environments
from closeshave.files import write_atomically
from closeshave.files.described import clause, meanings
from closeshave.plan import Expected

MEANINGS: Mapping[Expected, str] = {each: clause(meanings(Expected)[each.name]) for each in Expected}


def page(kinds: Mapping[str, Kind] = OWN) -> str:
    """The whole page as Markdown. Pure."""
    return "\n".join(_lines(kinds)) + "\n"


def _lines(kinds: Mapping[str, Kind]) -> Iterator[str]:
    yield "# Faults"
    yield ""
    yield "Made by `python -m closeshave.faults.page docs/faults.md` from `closeshave/faults/`. A plan names a kind, a scope, an instant, a hold and"
    yield "what is expected. `closeshave validate` refuses a kind that does not work on its environment. `make faults` injects every kind and shows"
    yield "its effect."
    yield ""
    yield "Below, *expected* is what a `nemesis` expects of the platform under the faults that it draws. A fault that a plan lists states its own:"
    yield ""
    yield from (f"* *{expected}*: {meaning}." for expected, meaning in MEANINGS.items())
    for family, module in FAMILIES.items():
        yield ""
        yield f"## {family}: {module.ABOUT}"
        for kind in kinds.values():
            if kind.name.startswith(f"{family}."):
                yield ""
                yield from _section(kind)


def _section(kind: Kind) -> Iterator[str]:
    yield f"### {kind.name}"
    yield ""
    yield kind.does
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| scope | {', '.join(f'`{key}`' for key in kind.scope) or 'the whole environment'} |"
    yield f"| expected | *{kind.expected}* |"
    yield f"| observed | {kind.observed_by} Within {kind.observed_within_s:g} s. |"
    yield f"| customers | {_noticed(kind)} |"
    yield f"| undone | {kind.undone_by} Within {kind.healed_within_s:g} s. |"
    needs = f" (it needs {kind.needs})" if kind.needs else ""
    yield f"| environments | {', '.join(sorted(environments(kind), reverse=True))}{needs}; remote with a hook |"
    yield from (f"| `{parameter.name}` | {explained(parameter)} |" for parameter in kind.parameters)
    if (act := ACTS.get(kind.name)) is not None and kind.environments != {ENVIRONMENT}:
        yield f"| on kubernetes | {act.does} Observed: {act.observed_by} Undone: {act.undone_by} |"


def _noticed(kind: Kind) -> str:
    return "should notice nothing" if kind.effect_within_s is None else f"notice it within {kind.effect_within_s:g} s"


def explained(parameter: Parameter) -> str:
    """What a parameter is for, its default and its range, for a table."""
    default = str(parameter.default).lower() if parameter.type is bool else parameter.default
    bounds = f", or {' or '.join(each for each in parameter.among if each != default)}" if parameter.among else ""
    bounds = bounds if parameter.type in {bool, str} else f", {parameter.at_least:g} to {parameter.at_most:g}"
    return f"{parameter.about} Default {default}{bounds}."


if __name__ == "__main__":
    write_atomically(Path(sys.argv[1]), page())
