"""How often a gate is wrong, and how often it notices: gates composed from the recorded blocks of live ones.

``python -m benchmarks.gate_resampling GATE… [--gates 10000] [--seed 1]`` reads directories of gates that were made by the same rules (A against A for
the rate of false alarms, a planted change for the rate of alarms) and composes gates from their sound blocks, without using a block twice in one gate.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from closeshave.gate import directory
from closeshave.gate.decision import Changes, GateAnswer
from closeshave.gate.resampling import Resampled, resample
from closeshave.gate.rules import Rules
from closeshave.gate.running import changes


def recorded(gates: Sequence[Path]) -> tuple[Rules, list[Changes]]:
    """The rules of these gates, and what their sound blocks say. Raises :class:`ValueError` for gates of different rules."""
    rules: Rules | None = None
    found: list[Changes] = []
    for path in gates:
        mine = directory.order_of(path).rules
        if rules is not None and mine != rules:
            raise ValueError(f"{path} has other rules than {gates[0]}")
        rules = mine
        blocks = list(directory.kept(path))
        found += [change for stage in sorted({block.stage for block in blocks}) for change in changes(rules, blocks, stage)]
    if rules is None:
        raise ValueError("name at least one directory of a gate")
    return rules, found


def table(found: Resampled) -> str:
    """The counts with their intervals, as Markdown."""
    lines = [f"{found.gates:,} gates of {found.blocks} recorded blocks; {found.second_stages:,} needed their second stage.", ""]
    lines += ["| answer | gates | share | interval |", "|---|---|---|---|"]
    for answer in (GateAnswer.WORSE, GateAnswer.BETTER, GateAnswer.SAME):
        number, (low, high) = found.answers.get(answer, 0), found.bounds(answer)
        name = "neither" if answer is GateAnswer.SAME else answer.value
        lines.append(f"| {name} | {number:,} | {number / found.gates:.2%} | {low:.2%} to {high:.2%} |")
    lines += ["", *(f"* worse on {metric}: {number:,}" for metric, number in sorted(found.worse.items()))]
    return "\n".join(lines)


def main(
    gates: Annotated[list[Path], typer.Argument(help="Directories of gates.", exists=True, file_okay=False)],
    number: Annotated[int, typer.Option("--gates", help="How many gates are composed.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Chooses their blocks.")] = 1,
) -> None:
    """Compose gates from recorded blocks and count their answers."""
    try:
        rules, blocks = recorded(gates)
        typer.echo(table(resample(rules, blocks, number, seed)))
    except ValueError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    typer.run(main)
