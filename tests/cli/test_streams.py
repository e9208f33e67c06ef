"""Results go to standard output and everything else to standard error; a result is one JSON document, or as few words as possible, on request."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from closeshave.cli import settings
from closeshave.cli.app import app
from closeshave.environments import registry
from closeshave.vocabulary import OPTION_PREFIX
from tests import stored
from tests.remote import definitions
from tests.tiers import thorough

NO_ENVIRONMENT = {"CLOSESHAVE_STATE_DIR": "/nowhere/at/all"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that fails."""
    return stored.made(tmp_path_factory.mktemp("runs") / "run", "fail")


CASES = {
    "list": (["list"], 0, "plans", "plans/smoke", lambda told: "smoke" in told["plans"]),
    "list of one sort": (["list", "targets"], 0, "targets", "bookedbarber-smoke", lambda told: list(told) == ["targets"]),
    "one fault": (
        ["list", "faults", "cache.slow"],
        0,
        "latency",
        "scope: ",
        lambda told: {one["name"] for one in told["parameters"]} >= {"latency_ms"},
    ),
    "invariants": (["list", "invariants"], 0, "makes it inconclusive", "double_booked", lambda told: "unresolved" in told["invariants"]),
    "one invariant": (
        ["list", "invariants", "lost"],
        0,
        "fails the run",
        "Lost bookings: fails the run",
        lambda told: told["gating"] is True,
    ),
    "one plan": (["list", "plans", "smoke"], 0, "smoke.yaml", "smoke.yaml", lambda told: told["file"].endswith("scenarios/smoke.yaml")),
    "judge": (["judge", "RUN"], 1, "recovery", "Fail (", lambda told: told["schema"] == "closeshave.summary/1"),
    "report": (["report", "RUN"], 1, "report.html", "report.html", lambda told: told["exit_code"] == 1),
    "explain": (
        ["explain", "RUN"],
        0,
        "recovery/kill",
        "fail recovery/kill",
        lambda told: told[0]["status"] == "fail" and told[0]["story"],
    ),
    "validate": (
        ["validate", "smoke"],
        0,
        "valid  ",
        None,
        lambda told: told[0]["will_be_judged"] and told[0]["plan"].endswith("smoke.yaml"),
    ),
    "export openslo": (
        ["export", "openslo", "bookedbarber-smoke"],
        0,
        "kind: SLO",
        "kind: SLO",
        lambda told: told["documents"][1]["kind"] == "SLO",
    ),
    "lint-claims": (
        ["lint-claims", "bookedbarber-enterprise"],
        1,
        "4.32 min",
        "contradiction budget-and-recovery E05,E21,E04",
        lambda told: told["schema"] == "closeshave.claims/1" and told["contradictions"] >= 3,
    ),
    "allow": (["allow", "FILE"], 0, ".", ".", lambda told: told["variable"] == "CLOSESHAVE_TOKEN" and "." in told["token"]),
    "env down": (["env", "down", "--root", "/nowhere/at/all"], 0, None, None, lambda told: told["left"] == []),
}
"""Arguments, exit code, what a person is told, what few words hold, and what is true of the document."""


@pytest.fixture
def told(command, run, tmp_path):
    """The command with these arguments: its code, and what it said on each stream."""
    file = definitions.write(tmp_path / "mine.yaml", definitions.document(stage="production"))

    def ask(arguments, *more):
        names = {"RUN": run, "FILE": file}
        done = command(
            *(names.get(each, each) for each in arguments), *more, cwd=tmp_path, environ={"HOME": str(tmp_path), **NO_ENVIRONMENT}
        )
        return done.code, done.stdout.decode(), done.stderr.decode()

    return ask


@pytest.mark.parametrize("case", [*(name for name in CASES if name != "report"), *thorough("report")])
def test_a_result_is_on_standard_output_in_each_of_its_three_forms(case, told):
    """The exit code is the same; few words are fewer, and nothing else is said; the document is whole."""
    arguments, code, shown, brief, holds = CASES[case]
    found, said, _ = told(arguments)
    assert found == code
    assert (shown in said) if shown else said == ""
    found, few, beside = told(arguments, "--quiet")
    assert (found, beside) == (code, "")
    assert (brief in few) if brief else few == ""
    assert len(few) <= len(said) or case == "list", "a name a line"
    found, document, _ = told(arguments, "--json")
    assert found == code
    assert holds(json.loads(document)), document


@pytest.mark.parametrize("how", [[], ["--quiet"], ["--json"]], ids=str)
@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "smkoe"],
        ["judge", "/nowhere"],
        ["judge", "."],
        ["env", "status", "nowhere"],
        ["explain", "RUN", "recovery/klil"],
        ["list", "plan"],
    ],
    ids=str,
)
def test_an_error_is_on_standard_error_in_any_case(arguments, how, told):
    """And nothing is on standard output, which a program may read."""
    code, result, said = told(arguments, *how)
    assert (code, result) == (2, "")
    assert said.count("\n") == 1


def test_every_command_has_both_forms_and_short_help():
    """Whoever adds one thinks of programs too."""
    commands = dict(_below(typer.main.get_command(app)))
    assert set(commands) >= {"run", "judge", "env up", "doctor"}
    for name, one in commands.items():
        options = {option for parameter in one.params for option in parameter.opts}
        assert {"--json", "--quiet", "-q"} <= options, name
        assert "Exit codes:" in one.epilog, name


@pytest.mark.parametrize("name", ["run", "validate", "env up", "doctor"])
def test_help_on_a_small_terminal_is_whole(name, command):
    """Every variable can be read and copied, and the exit codes stand in lines of their own."""
    done = command(*name.split(), "--help", environ={"COLUMNS": "80"})
    told = done.stdout.decode()
    variables = {variable for variable, _ in settings.named(typer.main.get_command(app), OPTION_PREFIX)}
    mine = {one for one in variables if one.startswith(f"{OPTION_PREFIX}_{name.upper().replace(' ', '_')}_")}
    hidden = {f"{OPTION_PREFIX}_RUN_CONFIRM"}
    assert len(mine - hidden) >= 2
    assert {one for one in mine - hidden if one not in told} == set()
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 80
    assert re.search(r"^ +2  An option, ", told, re.MULTILINE)


@pytest.mark.parametrize("name", ["", "env"])
def test_the_list_of_commands_cuts_no_sentence_off(name, command):
    """On a terminal of 80 columns."""
    told = command(*name.split(), "--help", environ={"COLUMNS": "80"}).stdout.decode()
    assert "Commands:" in told
    assert "..." not in told.partition("\n")[2], "but in the usage, behind what may be repeated"


def test_help_shows_what_looks_like_markup(command):
    """The name of the extra that is to be installed."""
    assert "closeshave[otlp]" in command("run", "--help").stdout.decode()


def _below(command, name=""):
    for word, one in getattr(command, "commands", {}).items():
        path = f"{name} {word}".strip()
        if hasattr(one, "commands"):
            yield from _below(one, path)
        else:
            yield path, one


@pytest.mark.parametrize("arguments", [["-h"], ["run", "-h"], ["env", "-h"], ["env", "up", "-h"], ["run", "nowhere", "--help"]], ids=str)
def test_help_has_a_short_name_and_tells_exit_codes(arguments, told):
    """On standard output, with code 0, also beside a mistake."""
    code, said, beside = told(arguments)
    assert (code, beside) == (0, "")
    assert "Exit codes:" in said
    assert "130" in said


def test_help_shows_the_variable_of_each_option(told):
    """Save of what only the command line may say."""
    said = told(["run", "--help"])[1]
    assert "CLOSESHAVE_RUN_SEED" in said
    assert "CLOSESHAVE_RUN_CONFIRM" not in said


def test_whoever_names_a_directory_of_runs_is_told_the_newest(tmp_path, command, run):
    """The usual mistake."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a-run").symlink_to(run)
    done = command("judge", tmp_path / "runs", cwd=tmp_path)
    assert (done.code, f"did you mean {tmp_path / 'runs' / 'a-run'}?" in done.stderr.decode()) == (2, True)


def test_of_no_running_environment_the_running_ones_are_told(tmp_path, command):
    """With the one that was probably meant."""
    root = tmp_path / "state" / "embedded-1"
    root.mkdir(parents=True)
    registry.write_claim(root, registry.EnvironmentClaim("an-id", "embedded"))
    done = command("env", "status", "embeded", cwd=tmp_path, environ={"CLOSESHAVE_STATE_DIR": str(tmp_path / "state")})
    assert done.code == 2
    assert "running: embedded-1" in done.stderr.decode()
    assert "did you mean embedded-1?" in done.stderr.decode()
