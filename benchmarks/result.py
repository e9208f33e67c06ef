"""One line of the table, and the file in which all of them are published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Result:
    """A measured figure and the bar that it has to reach."""

    measure: str
    value: float
    unit: str
    bar: str
    met: bool
    ratio_to: str | None = None
    """What ``value`` is a ratio to; ``None`` for an absolute figure."""
    tools: Mapping[str, float] = field(default_factory=dict)
    """The figures behind it: medians, and what else was seen."""
    circumstances: Mapping[str, str | float] = field(default_factory=dict)
    """Of the measurement: machine, load, commit."""


def at_least(measure: str, value: float, unit: str, bar: float, **more: object) -> Result:
    """A figure that has to reach ``bar``."""
    return Result(measure, value, unit, f">= {bar:g}", value >= bar, **more)  # type: ignore[arg-type]  # the fields after met, by name


def at_most(measure: str, value: float, unit: str, bar: float, **more: object) -> Result:
    """A figure that must not exceed ``bar``."""
    return Result(measure, value, unit, f"<= {bar:g}", value <= bar, **more)  # type: ignore[arg-type]  # the fields after met, by name


def save(results: list[Result]) -> None:
    """Publish ``results``; measures that were not run now keep their last figures."""
    kept = {entry["measure"]: entry for entry in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    kept |= {result.measure: asdict(result) for result in results}
    RESULTS.write_text(json.dumps(list(kept.values()), indent=1) + "\n")


def table(results: list[Result]) -> str:
    """For people: a line a measure."""
    lines = []
    for result in results:
        ratio = f" x {result.ratio_to}" if result.ratio_to else ""
        tools = ", ".join(f"{name} {value:,.4g}" if value < 1000 else f"{name} {value:,.0f}" for name, value in result.tools.items())
        circumstances = "; ".join(f"{name} {value}" for name, value in result.circumstances.items())
        lines.append(
            f"{'ok ' if result.met else 'NOT'} {result.measure:46} {result.value:>12,.4g} {result.unit}{ratio}  (bar {result.bar})  {tools}"
            + (f"  [{circumstances}]" if circumstances else "")
        )
    return "\n".join(lines)
