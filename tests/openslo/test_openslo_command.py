"""``closeshave import openslo`` and ``closeshave export openslo``: files, streams, codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closeshave.target import read_target


@pytest.fixture
def ask(command, tmp_path: Path):
    """The command in an empty directory: its code, and what it said on each stream."""

    def carried_out(*arguments: object):
        done = command(*arguments, cwd=tmp_path, environ={"HOME": str(tmp_path)})
        return done.code, done.stdout.decode(), done.stderr.decode()

    return carried_out


def test_a_target_goes_out_and_comes_back_and_no_file_is_overwritten(ask, tmp_path: Path) -> None:
    """What is not in the file is told on standard error, and in its comments."""
    slos, mine = tmp_path / "slos.yaml", tmp_path / "mine.yaml"
    code, said, beside = ask("export", "openslo", "bookedbarber-smoke", "--out", slos)
    assert (code, said) == (0, f"written: {slos}\n")
    assert "integrity (integrity): not exported: " in beside
    assert "# integrity (integrity): not exported: " in slos.read_text()
    code, said, beside = ask("import", "openslo", slos, "--name", "mine", "--out", mine)
    assert (code, said, beside) == (0, f"written: {mine}\n", "")
    assert read_target(mine).name == "mine"
    before = mine.read_text()
    for arguments in (("import", "openslo", slos, "--out", mine), ("export", "openslo", "bookedbarber-smoke", "--out", mine)):
        code, said, beside = ask(*arguments)
        assert (code, said) == (2, "")
        assert "is there already, and is not overwritten" in beside
    assert mine.read_text() == before


def test_without_a_file_the_text_is_on_standard_output(ask, tmp_path: Path) -> None:
    """Quiet too, where its comments say what is missing."""
    code, said, beside = ask("export", "openslo", "bookedbarber-smoke", "--quiet")
    assert (code, beside) == (0, "")
    assert said.startswith("# Made by Closeshave")
    assert "not exported" in said
    (tmp_path / "slos.yaml").write_text(said)
    code, said, _ = ask("import", "openslo", tmp_path / "slos.yaml", "--quiet")
    assert code == 0
    (tmp_path / "again.yaml").write_text(said)
    assert read_target(tmp_path / "again.yaml").name == "bookedbarber-smoke"


def test_the_document_holds_everything(ask, tmp_path: Path) -> None:
    """Also what was left out."""
    code, said, _ = ask("export", "openslo", "bookedbarber-smoke", "--json")
    document = json.loads(said)
    assert (code, document["file"]) == (0, None)
    assert [each["kind"] for each in document["documents"]][:2] == ["Service", "SLO"]
    assert {each["what"] for each in document["left_out"]} >= {"not exported"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["export", "openslo", "bookedbarber-smok"], "did you mean bookedbarber-smoke?"),
        (["import", "openslo", "nowhere.yaml"], "no such file"),
        (["import", "openslo", "empty.yaml"], "expected a mapping"),
        (["import", "openslo", "nothing.yaml"], "gives no objective: there is no SLO in it"),
        (["import", "openslo", "nothing.yaml", "--name", "two words"], "--name: "),
        (["import", "openslo", "nothing.yaml", "--unit", "minutes"], "use s or ms"),
        (["export", "openslo", "bookedbarber-smoke", "--out", "nowhere/x.yaml"], "cannot be written: No such file"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_code_2(ask, tmp_path: Path, arguments: list[str], told: str) -> None:
    """And nothing on standard output."""
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "nothing.yaml").write_text("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\n")
    code, said, beside = ask(*arguments)
    assert (code, said, beside.count("\n")) == (2, "", 1)
    assert told in beside
