"""The files that a team copies into its own pipeline are valid there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.ci import actionlint
from tests.tiers import thorough

CI = Path(__file__).parents[2] / "ci"
WORKFLOW, ACTION = CI / "github/workflows/nightly.yml", CI / "github/gate/action.yml"
RECOVERY = CI / "github/workflows/disaster-recovery.yml"
GITLAB, JENKINS = CI / "gitlab/closeshave.gitlab-ci.yml", CI / "jenkins/Jenkinsfile"


def checked(schema, path, *more):
    """The answer of check-jsonschema, which carries the published schemas."""
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *more, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("schema", "path", "more"),
    [
        *thorough(
            ("vendor.github-workflows", WORKFLOW, ()),
            ("vendor.github-workflows", RECOVERY, ()),
            ("vendor.github-actions", ACTION, ()),
        ),
        ("vendor.gitlab-ci", GITLAB, ("--data-transform", "gitlab-ci")),
    ],
)
def test_a_file_is_valid_by_its_published_schema(schema, path, more, tmp_path):
    """And the check notices a key that does not exist."""
    done = checked(schema, path, *more)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / path.name
    broken.write_text(
        re.sub(r"^(jobs|runs|closeshave-gate):", r"\1:\n  when: [7]\n", path.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    )
    assert checked(schema, broken, *more).returncode != 0


@pytest.mark.thorough
@pytest.mark.parametrize("workflow", [WORKFLOW, RECOVERY], ids=lambda path: path.stem)
def test_actionlint_has_nothing_to_say(tmp_path, workflow):
    """Expressions, contexts and shell scripts of the workflow; and it notices a context that does not exist."""
    if isinstance(program := actionlint.program(), str):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(program)

    def linted(path):
        return subprocess.run([program, "-ignore", "SC.*", str(path)], capture_output=True, text=True, check=False)

    done = linted(workflow)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / workflow.name
    broken.write_text(workflow.read_text(encoding="utf-8").replace("${{ ", "${{ nothing.", 1), encoding="utf-8")
    assert linted(broken).returncode == 1


def test_no_expression_is_pasted_into_a_script():
    """What somebody writes into an input would be a part of the script: it goes through a variable."""
    for path in (WORKFLOW, ACTION):
        loaded = YAML(typ="safe").load(path)
        steps = loaded["runs"]["steps"] if "runs" in loaded else [step for job in loaded["jobs"].values() for step in job["steps"]]
        assert any("run" in step for step in steps)
        assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


def test_every_option_in_these_files_exists(command):
    """Of every command that they call."""
    for path in (WORKFLOW, ACTION, GITLAB, JENKINS):
        text = path.read_text(encoding="utf-8")
        for name in set(re.findall(r'closeshave"? (run|gate|trend)\b', text)):
            shown = command(name, "--help", environ={"COLUMNS": "200"})
            assert shown.code == 0
            called = re.compile(rf'closeshave"? {name}\b')
            lines = [line for line in text.splitlines() if called.search(line) or (name == "gate" and "options+=" in line)]
            used = set(re.findall(r"(--[a-z-]+)", " ".join(lines)))
            assert used
            assert {option for option in used if option not in shown.stdout.decode()} == set()


def test_the_jenkinsfile_is_a_balanced_declarative_pipeline():
    """Jenkins publishes no schema; its sections and brackets are looked at."""
    text = JENKINS.read_text(encoding="utf-8")
    code = re.sub(r"//.*|'''[\s\S]*?'''|'[^'\n]*'|\"[^\"\n]*\"", "", text)
    depth = 0
    for letter in code:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert [name for name in ("pipeline", "agent", "stages", "stage", "steps", "post") if not re.search(rf"\b{name}\b", code)] == []
