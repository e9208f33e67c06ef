"""The files with which the example of an application is brought: valid, and those that the page shows."""

import csv
import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from docs.examples.application.barbers import prepare
from tests.reference.blocks import of_page

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
