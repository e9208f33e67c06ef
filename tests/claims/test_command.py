"""``closeshave lint-claims``: its streams, its forms and its codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RIGHT = """\
name: mine
title: Mine
claims:
  - {id: M1, text: Is there, how: [load], says: [{availability: 99.9%}]}
  - {id: M2, text: Recovers, how: [fault], says: [{rto: RTO}]}
objectives: []
"""


@pytest.fixture
def ask(command, tmp_path: Path):
    """The command in an empty directory: its code, and what it said on each stream."""

    def carried_out(*arguments: object):
        done = command("lint-claims", *arguments, cwd=tmp_path, environ={"HOME": str(tmp_path)})
        return done.code, done.stdout.decode(), done.stderr.decode()

    return carried_out


def test_a_contradiction_is_code_1_in_each_of_the_three_forms(ask, tmp_path: Path) -> None:
    """The document is whole, few words are a line for each contradiction."""
    path = tmp_path / "mine.yaml"
    path.write_text(RIGHT.replace("RTO", "2h"))
    code, said, beside = ask(path)
    assert (code, beside) == (1, "")
    assert "278 %" in said
    assert "1 contradiction and 0 remarks about the promises of mine." in said
    assert ask(path, "--quiet") == (1, "contradiction budget-and-recovery M1,M2\n", "")
    code, said, beside = ask(path, "--json")
    document = json.loads(said)
    assert (code, beside, document["contradictions"]) == (1, "", 1)
    assert document["findings"][0]["claims"] == ["M1", "M2"]


def test_a_remark_alone_is_code_0(ask, tmp_path: Path) -> None:
    """It is shown, and few words are none."""
    path = tmp_path / "mine.yaml"
    path.write_text(RIGHT.replace("RTO", "5m"))
    code, said, _ = ask(path)
    assert code == 0
    assert "remark" in said
    assert ask(path, "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{rto: 5}]", "mine.yaml:5: claims.1.says.0.rto: "),
        ("[{rtto: 5m}]", "rtto: unknown key (did you mean rto?)"),
        ("[{of: database}]", "claims.1.says.0: a statement has at least one figure"),
        ("[{over: 30d, rto: 5m}]", "over goes with availability"),
        ("[{failover: planet}]", "'planet' is unknown here; available: node, zone, region"),
        ("[{resident: []}]", "names at least one region"),
    ],
)
def test_a_wrong_figure_is_code_2_with_file_line_and_key(ask, tmp_path: Path, text: str, told: str) -> None:
    """Nothing is printed on standard output."""
    path = tmp_path / "mine.yaml"
    path.write_text(RIGHT.replace("[{rto: RTO}]", text))
    code, said, beside = ask(path)
    assert (code, said) == (2, "")
    assert told in beside


def test_an_unknown_target_is_code_2_with_the_closest_name(ask) -> None:
    """Each of several unknown ones is told."""
    code, said, beside = ask("bookedbarber-enterprize", "barberpro-argentinia")
    assert (code, said) == (2, "")
    assert "did you mean bookedbarber-enterprise?" in beside
    assert "did you mean barberpro-argentina?" in beside


def test_a_plan_that_cannot_be_read_is_left_out_and_told(ask, tmp_path: Path) -> None:
    """It is somebody's unfinished work, and not what was asked about."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "unfinished.yaml").write_text("name: unfinished\n")
    (tmp_path / "mine.yaml").write_text(RIGHT.replace("RTO", "5m"))
    code, _, beside = ask(tmp_path / "mine.yaml")
    assert code == 0
    assert "left out: " in beside
    assert "unfinished.yaml" in beside
