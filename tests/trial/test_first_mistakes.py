"""Whoever writes a plan and a target of their own is told all mistakes at once, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.files.yamlfile import InvalidFile
from closeshave.trial.preparation import prepare

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "three-promises"


def mistakes(directory: Path, plan: tuple[str, str] = ("", ""), target: tuple[str, str] = ("", "")) -> list[str]:
    """What is told of the example with these words replaced."""
    for name, (old, new) in {"salon.yaml": plan, "promises.yaml": target}.items():
        text = (EXAMPLE / name).read_text()
        assert old in text
        (directory / name).write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidFile) as told:
        prepare(str(directory / "salon.yaml"))
    return [str(problem).removeprefix(f"{directory}/") for problem in told.value.problems]


def test_mistakes_of_plan_and_target_are_told_together(tmp_path: Path) -> None:
    """Each with its own file and line."""
    told = mistakes(tmp_path, ("phase: broken", "phase: calm"), ("percentile: 95%", "percentile: 95"))
    assert [one.partition(": ")[0] for one in told] == ["salon.yaml:14", "promises.yaml:8"]
    assert "'calm' is a calm phase" in told[0]
    assert "write 95%" in told[1]


def test_a_target_of_ones_own_without_its_ending_is_found_beside_the_plan(tmp_path: Path) -> None:
    """It is not taken, because one that ships may have the name; it is told."""
    (told,) = mistakes(tmp_path, ("target: promises.yaml", "target: promises"))
    assert told.startswith("salon.yaml:4: target: 'promises': no such file in environments/targets/")
    assert told.endswith("; promises.yaml lies beside the plan: write promises.yaml")


def test_a_plan_without_a_target_has_only_its_own_mistakes(tmp_path: Path) -> None:
    """There is none to be read."""
    (told,) = mistakes(tmp_path, ("target: promises.yaml\n", ""), ("percentile: 95%", "percentile: 95"))
    assert told.startswith("salon.yaml:1: target: is missing")
