"""The files with which the example of an application is brought: valid, and those that the page shows."""

import csv
import os
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from docs.examples.application.barbers import prepare
from tests.reference.blocks import of_page
from tests.trial import brought

RESILIENCE = Path(__file__).parents[2] / "docs" / "examples" / "application" / "resilience"
STARTED = {"command", "directory", "prepare", "workers"}
"""Where the program of each is named."""
PAGE = "docs/your-application.md"


@pytest.mark.parametrize("environment", ["environment.yaml", "containers.yaml"])
@pytest.mark.parametrize("plan", ["smoke.yaml", "nightly.yaml"])
def test_a_plan_is_valid_in_either_environment(plan, environment, command):
    """Nothing of it is refused, and no fault is unfit."""
    done = command("validate", plan, "--environment", environment, cwd=RESILIENCE, environ={"PATH": os.environ["PATH"]})
    assert done.code == 0, done.said.decode()
    assert b"not run in this plan" not in done.stdout or plan == "smoke.yaml"


def test_too_many_canaries_for_a_small_shop_are_told_before_anything_starts(command, tmp_path):
    """The plan's key, how many slots there are, and a rate that fits: with that rate the plan is valid."""
    directory = brought.copied(tmp_path)
    plan = directory / "smoke.yaml"
    plan.write_text(plan.read_text().replace("home_per_s: 5", "home_per_s: 20"))
    environ = {"PATH": os.environ["PATH"]}
    for given in (("validate",), ("run", "--runs", tmp_path / "runs")):
        done = command(given[0], plan, *given[1:], cwd=directory, environ=environ)
        assert done.code == 2, done.said
        assert b"smoke.yaml:10: canaries.home_per_s: the canaries book 680 slots of shard 1" in done.stderr
        assert b"there are only 384 (1 franchise with 96 slots a day, on 4 days)" in done.stderr
    assert not (tmp_path / "runs").exists()
    fits = re.search(rb"write canaries: \{home_per_s: ([0-9.]+)\}", done.stderr)
    assert fits is not None
    plan.write_text(plan.read_text().replace("home_per_s: 20", f"home_per_s: {fits[1].decode()}"))
    assert command("validate", plan, cwd=directory, environ=environ).code == 0


@pytest.mark.parametrize("name", ["environment.yaml", "promises.yaml", "smoke.yaml"])
def test_the_page_shows_the_files_that_are_run(name):
    """Word for word, but for the line that names the schema."""
    [shown] = [block for block in of_page(PAGE, "yaml") if block.title == name]
    assert shown.text == "".join((RESILIENCE / name).read_text().splitlines(keepends=True)[1:])


def test_both_environments_run_the_same_application():
    """They differ in how it is started, and in nothing that it is told."""
    embedded, contained = (YAML(typ="safe").load(RESILIENCE / name)["application"] for name in ("environment.yaml", "containers.yaml"))
    assert {key for key in embedded | contained if embedded.get(key) != contained.get(key)} == {*STARTED, "image"}


def test_the_customers_are_those_that_are_prepared():
    """Address and password."""
    rows = list(csv.DictReader((RESILIENCE / "accounts.csv").open()))
    assert len(rows) == prepare.CUSTOMERS
    assert {row["email"] for row in rows} == {f"customer{number}@barbers.test" for number in range(1, prepare.CUSTOMERS + 1)}
    assert {(row["password"], row["region"]) for row in rows} == {(prepare.PASSWORD, "main")}
