"""One line of the table, and the file with the figures of a run: one file for each run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import circumstances
from closeshave.files import write_atomically

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Result:
    """A measured figure and the required value (bar)."""

    measure: str
    value: float
    unit: str
    bar: str
    met: bool
    ratio_to: str | None = None
    """The tool to which ``value`` is a ratio; ``None`` for an absolute figure."""
    tools: Mapping[str, float] = field(default_factory=dict)
    """The figures from which it is computed: medians, and further ones."""
    circumstances: Mapping[str, str] = field(default_factory=dict)
    """The circumstances of the measurement: the machine's own speed and its load, before and after."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the benchmarks and its file, which is written again completely after every measurement."""

    path: Path
    told: Mapping[str, object]
    """Commit, machine and versions."""
    results: list[Result] = field(default_factory=list)

    @classmethod
    def begin(cls, measures: Sequence[str], directory: Path = RESULTS) -> Run:
        """A new run; nothing is written yet."""
        began = datetime.now(UTC)
        of_run = circumstances.of_run()
        path = directory / f"{began:%Y-%m-%dT%H%M%S}-{of_run['commit']}.json"
        return cls(path, {"began": began.isoformat(timespec="seconds"), "measures": list(measures), **of_run})

    def add(self, found: Sequence[Result]) -> None:
        """Add ``found``, and write all results so far. Raises :class:`OSError`."""
        self.results.extend(found)
        self.path.parent.mkdir(exist_ok=True)
        whole = {**self.told, "ended": datetime.now(UTC).isoformat(timespec="seconds"), "results": [asdict(each) for each in self.results]}
        write_atomically(self.path, json.dumps(whole, indent=1) + "\n")


def at_least(measure: str, value: float, unit: str, bar: float, **more: object) -> Result:
    """A figure that must reach ``bar``."""
    return Result(measure, value, unit, f">= {bar:g}", value >= bar, **more)  # type: ignore[arg-type]  # the fields after met, by name


def at_most(measure: str, value: float, unit: str, bar: float, **more: object) -> Result:
    """A figure that must not exceed ``bar``."""
    return Result(measure, value, unit, f"<= {bar:g}", value <= bar, **more)  # type: ignore[arg-type]  # the fields after met, by name


def table(results: list[Result]) -> str:
    """A table with one line for each measure."""
    lines = []
    for result in results:
        ratio = f" x {result.ratio_to}" if result.ratio_to else ""
        tools = ", ".join(f"{name} {value:,.4g}" if value < 1000 else f"{name} {value:,.0f}" for name, value in result.tools.items())
        told = "; ".join(f"{name} {value}" for name, value in result.circumstances.items())
        lines.append(
            f"{'ok ' if result.met else 'NOT'} {result.measure:46} {result.value:>12,.4g} {result.unit}{ratio}  (bar {result.bar})  {tools}"
            + (f"  [{told}]" if told else "")
        )
    return "\n".join(lines)
