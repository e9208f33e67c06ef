"""Where options come from: the command line wins over a variable, that over ``closeshave.toml`` beside the plan, and that over the plan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from closeshave import vocabulary
from closeshave.cli import settings
from closeshave.cli.app import app
from closeshave.files import rundir
from closeshave.files.rundir import Inputs
from closeshave.files.shipped import locate
from closeshave.files.taken import OptionSource, Taken
from tests.remote import definitions


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """The smoke plan, in a directory of its own whose name has a space."""
    path = tmp_path / "my plans" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(locate("scenarios", "smoke").read_text())
    return path


@pytest.fixture
def asked(command, tmp_path):
    """The command, from another directory than the plan's: its code, its result, and what else it said."""

    def ask(*arguments, **environ):
        done = command(*arguments, cwd=tmp_path, environ={"HOME": str(tmp_path), **environ})
        return done.code, done.stdout.decode(), done.stderr.decode()

    return ask


def taken(said: str) -> dict[str, tuple[str, str]]:
    """Of the first plan in a document of ``validate``: option → value and where it came from."""
    return {one["option"]: (one["value"], one["source"]) for one in json.loads(said)[0]["options"] if one["value"]}


@pytest.mark.parametrize(
    ("line", "variable", "file", "expected"),
    [
        (["--seed", "3"], "5", "seed = 7", ("3", "command line")),
        ([], "5", "seed = 7", ("5", "variable")),
        ([], "", "seed = 7", ("7", "file")),
        ([], "", "", None),
        (["--seed", "0"], "5", "", ("0", "command line")),
    ],
)
def test_the_command_line_wins_over_the_variable_and_that_over_the_file(plan, asked, line, variable, file, expected):
    """Without any of them the plan's own value is used; an empty variable is none."""
    (plan.parent / "closeshave.toml").write_text(f"[validate]\n{file}\n")
    code, said, _ = asked("validate", plan, "--json", *line, CLOSESHAVE_VALIDATE_SEED=variable)
    assert code == 0
    assert taken(said).get("seed") == expected


def test_the_file_has_options_of_every_form_and_paths_count_from_its_directory(plan, asked):
    """And the person who checks a plan is told what came from where."""
    elsewhere = plan.parent / "other.yaml"
    elsewhere.write_text(locate("environments", "embedded").read_text())
    (plan.parent / "closeshave.toml").write_text(
        '[validate]\nenvironment = "other.yaml"\nrate-scale = 1\nquiet = false\n[run]\nruns = "runs"\n'
    )
    code, said, _ = asked("validate", plan)
    assert code == 0
    assert f"options: --environment other.yaml ({plan.parent}/closeshave.toml), --rate-scale 1.0 (" in said


WRONG = {
    "[validate]\nsede = 3": "validate.sede: unknown key (did you mean seed?); known: ",
    "[validate]\nrate_scale = 0.5": "validate.rate_scale: unknown key (did you mean rate-scale?)",
    "[valdate]\nseed = 3": "valdate: unknown key (did you mean validate?); there are tables for: run, validate",
    "seed = 3": "seed: unknown key; there are tables for: run, validate",
    "validate = 3": "validate: is a table: [validate]",
    '[validate]\nseed = "three"': "validate.seed: 'three' is not a whole number",
    "[validate]\nseed = true": "validate.seed: True is not a whole number",
    "[validate]\nseed = -1": "validate.seed: ",
    "[run]\nprocesses = 0": "run.processes: ",
    "[validate]\nenvironment = 3": "validate.environment: 3 is not text in quotes",
    "[validate]\nrate-scale = [1]": "validate.rate-scale: [1] is not a number",
    "[validate]\nquiet = 1": "validate.quiet: 1 is not true or false",
    '[run]\nconfirm = "prod"': "run.confirm: is taken from the command line alone",
    "[run]\ncaps = {requests = 1}": "run.caps: is not an option: the caps of a platform stand in its environment file",
    "[validate\n": "not valid TOML",
    "\ufeff[validate]\nseed = 03": "not valid TOML",
    f"x = {'[' * 3000}": "not valid TOML",
    "#" * (1 << 17): "too large",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=list(WRONG.values()))
def test_a_wrong_file_is_refused_with_its_name_the_key_and_what_would_be_right(plan, asked, text, message):
    """By whichever command reads it, also where the key is another command's."""
    path = plan.parent / "closeshave.toml"
    path.write_text(text)
    for word in ("validate", "run"):
        code, result, said = asked(word, plan)
        assert (code, result) == (2, "")
        assert said.startswith(f"{path}: {message}"), said
        assert "raceback" not in said


def test_bytes_that_are_no_text_are_refused(plan, asked):
    """TOML is UTF-8."""
    (plan.parent / "closeshave.toml").write_bytes(b"[run]\nruns = '\xff\xfe'\n")
    assert asked("validate", plan)[0] == 2


def test_a_wrong_value_of_a_variable_is_refused_with_its_name(asked):
    """Before anything is read."""
    code, _, said = asked("validate", "smoke", CLOSESHAVE_VALIDATE_SEED="three")
    assert code == 2
    assert "CLOSESHAVE_VALIDATE_SEED" in said


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "CLOSESHAVE_VALIDATE_SEDE",
            "the variable CLOSESHAVE_VALIDATE_SEDE is ignored: no option has it (did you mean CLOSESHAVE_VALIDATE_SEED?)",
        ),
        ("CLOSESHAVE_RUN_SEDE", ""),
        ("CLOSESHAVE_TOKEN", ""),
    ],
)
def test_a_misspelt_variable_is_told(asked, name, told):
    """It is no error: another program may have it for itself."""
    code, _, said = asked("validate", "smoke", **{name: "3"})
    assert (code, said.strip()) == (0, told)


def test_plans_whose_files_differ_are_checked_one_directory_at_a_time(plan, asked, tmp_path):
    """What of the first plan would otherwise be taken for the second?"""
    (plan.parent / "closeshave.toml").write_text("[validate]\nseed = 7\n")
    code, _, said = asked("validate", plan, "smoke")
    assert code == 2
    assert "differ" in said


@pytest.mark.parametrize("word", ["run", "validate"])
@pytest.mark.parametrize("by", ["variable", "file"])
def test_production_is_named_by_a_person_only(plan, asked, word, by, tmp_path):
    """A variable or a file that was left behind sends no load there: refused before the platform is even asked."""
    written = definitions.document(name="the-shop", stage="production")
    definitions.write(plan.parent / "prod.yaml", written)
    environ = {}
    if by == "variable":
        environ[f"CLOSESHAVE_{word.upper()}_ENVIRONMENT"] = str(plan.parent / "prod.yaml")
    else:
        (plan.parent / "closeshave.toml").write_text(f'[{word}]\nenvironment = "prod.yaml"\n')
    place = f"CLOSESHAVE_{word.upper()}_ENVIRONMENT" if by == "variable" else f"{plan.parent}/closeshave.toml"
    code, _, said = asked(word, plan, **environ)
    assert code == 2
    assert (
        f"{place}: environment: the-shop is production, which only the command line (--environment the-shop) or the plan may name" in said
    )
    assert "may name" not in asked(word, plan, "--environment", plan.parent / "prod.yaml")[2]


def test_the_confirmation_is_taken_from_no_variable(asked, tmp_path):
    """It is ignored, and that is said; then production is refused for want of it."""
    path = definitions.write(tmp_path / "prod.yaml", definitions.document(name="the-shop", stage="production"))
    code, _, said = asked("run", "smoke", "--environment", path, "--rate-scale", "0.01", CLOSESHAVE_RUN_CONFIRM="the-shop")
    assert code == 2
    assert "the variable CLOSESHAVE_RUN_CONFIRM is ignored: --confirm is taken from the command line alone" in said


def test_no_option_shares_its_variable_with_another_use_of_the_harness():
    """A seed for one run must not be taken for the mark of another."""
    used = {value for name, value in vars(vocabulary).items() if name.endswith("_VARIABLE")}
    assert len(used) > 5
    found = list(settings.variables(typer.main.get_command(app), vocabulary.OPTION_PREFIX))
    assert len(found) == len(set(found))
    assert used & set(found) == set()
    assert "CLOSESHAVE_ENV_DOWN_LOGS_TO" in found


def test_commands_that_a_trial_starts_get_none_of_its_variables(monkeypatch):
    """One that was meant for a person's command must not keep an environment from being taken down."""
    monkeypatch.setenv("CLOSESHAVE_ENV_DOWN_JSON", "perhaps")
    monkeypatch.setenv("CLOSESHAVE_RUN_SEED", "3")
    monkeypatch.setenv("CLOSESHAVE_RUN_ID", "mine")
    context: Any = typer.main.get_command(app).make_context("closeshave", ["list"])
    settings.forget(context)
    assert {name for name in os.environ if name.startswith(("CLOSESHAVE_ENV_DOWN", "CLOSESHAVE_RUN"))} == {"CLOSESHAVE_RUN_ID"}


def test_a_run_keeps_where_its_options_came_from_and_repeats_them_from_anywhere(tmp_path, monkeypatch):
    """From another directory, below a path with spaces, with the same interpreter, in the directory where names were looked up, whatever variables say."""
    run, began, elsewhere = (tmp_path / name for name in ("a run", "began here", "else where"))
    for place in (run, began, elsewhere):
        place.mkdir()
    interpreter = tmp_path / "its own python"
    interpreter.write_text(
        '#!/bin/sh\npwd\necho "${CLOSESHAVE_RUN_SEED-unset} ${CLOSESHAVE_OTHER-unset}"\nfor each in "$@"; do echo "<$each>"; done\n'
    )
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    monkeypatch.chdir(began)
    source = locate("scenarios", "smoke")
    options = (
        Taken("seed", "7", OptionSource.VARIABLE, "CLOSESHAVE_RUN_SEED"),
        Taken("accounts", "a\nb; touch x", OptionSource.FILE, "/f/closeshave.toml"),
    )
    rundir.keep(run, Inputs(source, source, source, options), ["--seed", "7", "--accounts", "it's; touch x"])
    assert json.loads((run / "options.json").read_text())[0] == {
        "option": "seed",
        "value": "7",
        "source": "variable",
        "place": "CLOSESHAVE_RUN_SEED",
    }
    assert "# --seed 7 (CLOSESHAVE_RUN_SEED)\n# --accounts a b; touch x (/f/closeshave.toml)\n" in (run / "rerun.sh").read_text()
    environ = {"PATH": os.environ["PATH"], "CLOSESHAVE_RUN_SEED": "9", "CLOSESHAVE_OTHER": "kept"}
    done = subprocess.run([run / "rerun.sh", "--quiet"], cwd=elsewhere, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        str(began), "unset kept", "<-m>", "<closeshave>", "<run>", f"<{run}/plan.yaml>", "<--target>", f"<{run}/target.yaml>", "<--environment>",
        f"<{run}/environment.yaml>", "<--runs>", f"<{elsewhere}/reports/runs>", "<--seed>", "<7>", "<--accounts>", "<it's; touch x>", "<--quiet>",
    ]  # fmt: skip
    assert done.stderr == ""
    assert sorted(path.name for path in tmp_path.rglob("x")) == []
    # On another machine there is neither.
    interpreter.unlink()
    began.rmdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "bin" / "python3").chmod(0o755)
    environ["PATH"] = f"{tmp_path}/bin:{environ['PATH']}"
    done = subprocess.run(["sh", run / "rerun.sh"], cwd=elsewhere, env=environ, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{elsewhere}\n", "")
