"""The shipped alert rules: enough of them, each of a severity and a category, and each raises its alert when it should and only then."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from closeshave.environments.alerting.rules import read_rules
from closeshave.environments.alerting.settings import SHIPPED_RULES
from closeshave.environments.gobuild import VMALERT_TOOL, CannotBuild, built
from closeshave.files.yamlfile import InvalidFile, document
from closeshave.vocabulary import CATEGORIES, SEVERITIES, WATCHDOG
from tests.alerts.cases import CASES, Case

FOLDER = Path(__file__).parents[2] / "environments" / "alerts"
RULES = {name: read_rules(FOLDER / f"{name}.yaml") for name in SHIPPED_RULES}


def test_there_are_at_least_thirty_rules_and_some_of_every_category() -> None:
    """A14; the alert that always fires is none of them."""
    names = [rule.name for rules in RULES.values() for rule in rules if rule.name != WATCHDOG]
    assert len(set(names)) == len(names) >= 30
    assert set(RULES) == set(CATEGORIES)
    for category, rules in RULES.items():
        assert {rule.category for rule in rules} == {category}
        assert sum(rule.name != WATCHDOG for rule in rules) >= 5


def test_every_severity_is_there() -> None:
    """B20 names four."""
    assert {rule.severity for rules in RULES.values() for rule in rules if rule.name != WATCHDOG} == set(SEVERITIES)


@pytest.mark.parametrize("name", SHIPPED_RULES)
def test_every_rule_has_a_case(name: str) -> None:
    """No rule is shipped untried."""
    assert sorted(case.alert for case in CASES[name]) == sorted(rule.name for rule in RULES[name] if rule.name != WATCHDOG)


def rule_of(case: Case, name: str) -> dict[str, Any]:
    """The rule in its file."""
    (group,) = document(FOLDER / f"{name}.yaml")["groups"]
    found: dict[str, Any] = next(rule for rule in group["rules"] if rule["alert"] == case.alert)
    return found


def raised(case: Case, name: str) -> list[dict[str, Any]]:
    """The alerts that a case should raise, as a test of rules states them."""
    rule = rule_of(case, name)

    def filled(labels: Mapping[str, str]) -> str:
        summary: str = rule["annotations"]["summary"]
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels.get(found[1], ""), summary)

    return [{"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": {"summary": filled(labels)}} for labels in case.labels]


def unit_tests(name: str) -> dict[str, Any]:
    """A file of unit tests for the rules of a file, in the format of ``promtool`` and ``vmalert-tool``."""

    def test(case: Case, series: Any, expected: list[dict[str, Any]], what: str) -> dict[str, Any]:
        return {
            "name": f"{case.alert} {what}",
            "interval": "2s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": f"{case.at_s}s", "groupname": name, "alertname": case.alert, "exp_alerts": expected}],
        }

    return {
        "rule_files": [str(FOLDER / f"{name}.yaml")],
        "evaluation_interval": "2s",
        "tests": [
            one
            for case in CASES[name]
            for one in (test(case, case.fires, raised(case, name), "fires"), test(case, case.silent, [], "stays silent"))
        ],
    }


@pytest.fixture(scope="module")
def tool() -> Path:
    """The program that tests rules."""
    try:
        return built(VMALERT_TOOL, lambda _: None)
    except CannotBuild as error:
        pytest.skip(f"nothing here can test rules: {error}")


def tool_says(tool: Path, file: Path, told: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """The tool's verdict on a file of unit tests."""
    file.write_text(json.dumps(told))
    return subprocess.run([tool, "unittest", f"--files={file}"], capture_output=True, text=True, timeout=120, check=False, cwd=file.parent)


@pytest.mark.servers
@pytest.mark.parametrize("name", SHIPPED_RULES)
def test_every_rule_fires_when_it_should_and_is_silent_close_to_that(tool: Path, tmp_path: Path, name: str) -> None:
    """Evaluated by the engine that evaluates them in a run."""
    done = tool_says(tool, tmp_path / "tests.yaml", unit_tests(name))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
def test_the_tool_notices_a_rule_that_does_not_fire(tool: Path, tmp_path: Path) -> None:
    """Or the tests above could not fail: shown the input of silence, each rule is missed."""
    told = unit_tests("security")
    for fires, silent in zip(told["tests"][::2], told["tests"][1::2], strict=True):
        fires["input_series"] = silent["input_series"]
    done = tool_says(tool, tmp_path / "tests.yaml", told)
    assert done.returncode != 0
    assert all(case.alert in done.stdout + done.stderr for case in CASES["security"])


GROUP = "groups:\n  - name: g\n    rules:\n"
RULE = "      - {{alert: {name}, expr: up == 0, for: {lasts}, labels: {{severity: {severity}, category: {category}}}}}\n"
GOOD = {"name": "Down", "lasts": "5s", "severity": "high", "category": "business"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"severity": "warning"}, "severity is one of critical, high, medium, low"),
        ({"category": "network"}, "category is one of infrastructure"),
        ({"lasts": "soon"}, "is not a duration"),
        ({"name": "'Down; rm'"}, "is no name of an alert"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(tmp_path: Path, change: dict[str, str], said: str) -> None:
    """Before anything starts."""
    file = tmp_path / "own.yaml"
    file.write_text(GROUP + RULE.format(**GOOD) + RULE.format(**{**GOOD, "name": "Other", **change}))
    with pytest.raises(InvalidFile, match=said) as caught:
        read_rules(file)
    assert [problem.line for problem in caught.value.problems] == [5]


@pytest.mark.parametrize(
    "text", ["groups: 1", "groups: []", "rules: []", "groups: [{name: a}]", "groups: [{name: a, rules: [{alert: A}]}]"]
)
def test_what_is_no_rule_file_is_refused(tmp_path: Path, text: str) -> None:
    """With what one is."""
    file = tmp_path / "own.yaml"
    file.write_text(text + "\n")
    with pytest.raises(InvalidFile):
        read_rules(file)


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """A plan that names it could mean either."""
    file = tmp_path / "own.yaml"
    file.write_text(GROUP + 2 * RULE.format(**GOOD))
    with pytest.raises(InvalidFile, match="there twice"):
        read_rules(file)


def test_recording_rules_are_left_to_the_engine(tmp_path: Path) -> None:
    """They raise nothing."""
    file = tmp_path / "own.yaml"
    file.write_text(GROUP + RULE.format(**GOOD) + "      - {record: a:b, expr: sum(up)}\n")
    assert [(rule.name, rule.severity, rule.category, rule.for_s) for rule in read_rules(file)] == [("Down", "high", "business", 5.0)]


def test_the_page_lists_every_rule() -> None:
    """As it is in its file."""
    page = (FOLDER.parents[1] / "docs" / "alerts.md").read_text(encoding="utf-8").splitlines()
    rows = [f"| `{rule.name}` | {rule.severity} | {rule.category} | {rule.for_s:g} s |" for rules in RULES.values() for rule in rules]
    assert [row for row in page if row.startswith("| `") and row.count("|") == 5 and row.endswith(" s |")] == rows
