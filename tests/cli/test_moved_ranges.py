"""Ranges of franchises that a drill has moved stay there: whoever asks for an environment's state is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from closeshave.cli.commands import environment
from closeshave.deployment import reroute
from closeshave.topology import Move, Routing
from tests.faults import toys


@pytest.mark.parametrize("moves", [(), (Move(1, 1000, 1, 5), Move(24_001, 25_000, 1, 5))])
def test_env_status_says_which_ranges_were_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str], moves: tuple[Move, ...]) -> None:
    """To programs and to people; nothing is running here, which is said by the exit code."""
    toy = toys.described(tmp_path)
    there = replace(toy, application=replace(toy.application, routing=str(tmp_path / "routing.json")))
    there.save()
    reroute(there, Routing(len(moves), moves))
    said = [f"franchises {move.first} to {move.last} were moved from shard {move.source} to shard {move.target}" for move in moves]
    with pytest.raises(typer.Exit):
        environment.status(root=tmp_path, json=True)
    assert json.loads(capsys.readouterr().out)["moved"] == said
    with pytest.raises(typer.Exit):
        environment.status(root=tmp_path)
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("franchises")] == said
