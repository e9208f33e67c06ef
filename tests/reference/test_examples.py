"""Every example of the documentation is run, read or compiled; what cannot be says why, for its reader to see."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from closeshave.api.known import read_api
from closeshave.cli.main import command as whole
from closeshave.environments.definition import read_definition
from closeshave.faults import ownexperiment
from closeshave.files.yamlfile import InvalidFile, read
from closeshave.plan import read_plan
from closeshave.target import read_target
from closeshave.traffic.profiles import Profile
from tests import yamls
from tests.reference.blocks import PAGES, ROOT, Block, blocks, of_page
from tests.yamls import loaded

LANGUAGES = {"sh", "yaml", "toml", "python", "text"}
EVERY_KEY = ROOT / "docs" / "examples" / "every-key"


def an_experiment(path: Path) -> bool:
    """Accepted as a hook's experiment is. Raises :class:`InvalidFile`."""
    if wrong := ownexperiment.problems(path, ("method", "rollbacks", "steady-state")):
        raise InvalidFile(*wrong)
    return True


READERS = {
    "plan": read_plan,
    "target": read_target,
    "containers": read_definition,
    "remote": read_definition,
    "kubernetes": read_definition,
    "profile": lambda path: read(path, Profile),
    "api": read_api,
    "experiment": an_experiment,
}
QUICK = {"list", "validate"}
"""Commands that start nothing and ask nobody: these are carried out."""


@pytest.mark.parametrize("path", dict.fromkeys(PAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_code_is_fenced_and_says_its_language(path):
    """So that none of it goes untested: a block that is indented only is code that no test sees."""
    text = path.read_text(encoding="utf-8")
    assert {block.language for block in blocks() if block.page == str(path.relative_to(ROOT))} <= LANGUAGES
    assert indented(re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)) == []


def indented(text: str) -> list[str]:
    """Lines that Markdown takes for code because of their indent: after a blank line, and in no list."""
    found, in_list, before = [], False, ""
    for line in text.splitlines():
        if re.match(r" *([*-]|\d+\.) ", line):
            in_list = True
        elif line and not line.startswith(" "):
            in_list = False
        elif line.startswith("    ") and not before and not in_list:
            found.append(line)
        before = line.strip()
    return found


def merged(base: Any, part: Any) -> Any:
    """A document with the keys of a part of one, operations one by one; one that says its kind is whole."""
    if "kind" in part:
        return part
    each = {name: {**base[name], **part[name]} for name in ("operations",) if name in part and name in base}
    return {**base, **part, **each}


def written(directory: Path, name: str, document: Any) -> Path:
    """A file of it."""
    return yamls.written(directory / name, document)


BASES: dict[str, dict[str, Any]] = {
    "plan": {
        "name": "p",
        "environment": "embedded",
        "target": "bookedbarber-smoke",
        "seed": 1,
        "limits": {"duration": "30m", "requests": 100},
        "phases": [
            {"name": "calm", "role": "calm", "duration": "30s", "sessions_per_s": 3},
            {"name": "broken", "role": "fault", "duration": "60s", "sessions_per_s": 3},
        ],
    },
    "target": {
        "name": "t",
        "title": "T",
        "claims": [{"id": name, "text": "Something", "how": ["load"]} for name in ("M1", "P1", "P2", "P3")],
        "objectives": [],
    },
    **{name: loaded(EVERY_KEY / f"{name}.yaml") for name in ("containers", "remote", "kubernetes", "profile")},
    "api": loaded(ROOT / "docs" / "examples" / "salon-api.yaml"),
    "experiment": {"title": "T", "description": "D", "method": [], "rollbacks": [], "steady-state-hypothesis": {}},
}
"""What a part of a file is completed by."""
KEYS = {name: {*base} | ({*loaded(EVERY_KEY / f"{name}.yaml")} if name in {"plan", "target"} else set()) for name, base in BASES.items()}
"""The keys that each may have."""


def kind_of(document: dict[str, Any]) -> list[str]:
    """Which files may have these keys."""
    if document.get("kind") in BASES:
        return [str(document["kind"])]
    return [name for name, keys in KEYS.items() if {*document} <= keys]


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_what_the_harness_reads(block: Block, tmp_path: Path):
    """A whole file as it is; a part of one, completed by the least that such a file needs."""
    document = loaded(block.text)
    if document is None:
        assert block.text.startswith("# yaml-language-server: $schema=")
        return
    kinds = kind_of(document)
    assert kinds, f"{block}: no file has the keys {', '.join(document)}"
    refused = []
    for kind in kinds:
        try:
            assert READERS[kind](written(tmp_path, f"{kind}.yaml", merged(BASES[kind], document)))
        except InvalidFile as error:
            refused.append(str(error))
        else:
            return
    raise AssertionError(f"{block}: {'; '.join(refused)}")


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if block.title.endswith(".yaml")], ids=str)
def test_a_block_that_is_called_a_file_is_a_whole_one(block: Block, tmp_path: Path):
    """Nothing has to be completed."""
    path = tmp_path / "file.yaml"
    path.write_text(block.text)
    document = loaded(block.text)
    assert any(READERS[kind](path) for kind in kind_of(document))


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_file_of_options_is_read(block: Block, command, tmp_path: Path):
    """Beside a plan, by the command itself."""
    (tmp_path / "plan.yaml").write_text((ROOT / "scenarios" / "smoke.yaml").read_text())
    (tmp_path / "closeshave.toml").write_text(block.text)
    done = command("validate", "plan.yaml", cwd=tmp_path, environ={"PATH": os.environ["PATH"]})
    assert (done.code, "closeshave.toml" in done.stdout.decode()) == (0, True), done.said.decode()


def lines(block: Block) -> list[str]:
    """The commands of a block, without comments."""
    joined = block.text.replace("\\\n", " ")
    return [command for line in joined.splitlines() if (command := re.sub(r"(^|\s+)#.*", "", line).strip())]


SHELL = [(block, line) for block in blocks("sh") for line in lines(block)]


def words(line: str) -> list[str]:
    """The program and its arguments; of a command in a variable, the inner one."""
    inner = re.fullmatch(r"export \w+=\$\((.*)\)", line)
    found = shlex.split(inner[1] if inner else line)
    return [found[0].removeprefix(".venv/bin/"), *found[1:]]


def parsed(arguments: list[str]) -> None:
    """The real command's own parser takes them. Raises what it raises for an option that does not exist, or one argument too many."""
    command: Any = whole()
    while hasattr(command, "commands"):
        # What is no command below this one may be meant for one of them: gameday PLAN.
        name, *arguments = command.meant(arguments) if hasattr(command, "meant") else arguments
        command = command.commands[name]
    context = typer.Context(command, info_name="closeshave")
    _, left, _ = command.make_parser(context).parse_args(list(arguments))
    assert left == [], f"too many arguments: {left}"


@pytest.mark.parametrize(("block", "line"), SHELL, ids=[f"{block}: {line[:40]}" for block, line in SHELL])
def test_a_command_exists_with_its_options(block: Block, line: str):
    """Whether it is run or not."""
    program, *arguments = words(line)
    match program:
        case "closeshave":
            parsed(arguments)
        case "make":
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert arguments[0] in targets
        case "locust" | "chaos":
            path = arguments[arguments.index("-f") + 1] if program == "locust" else arguments[1]
            assert (ROOT / path).is_file()
        case "python" | "python3":
            if arguments[0] == "-c":
                compile(arguments[1], str(block), "exec")
                return
            assert arguments[0] == "-m"
            assert importlib.util.find_spec(arguments[1])
        case "pip" | "mkdir" | "." | "cp" | "docker" | "export" | "helm" | "kubectl":
            assert block.why_not_run
        case _:
            assert (ROOT / program).is_file(), f"{block}: what is {program}?"


CARRIED_OUT = [
    (block, line) for block, line in SHELL if not block.why_not_run and words(line)[:1] == ["closeshave"] and words(line)[1] in QUICK
]


@pytest.mark.parametrize(("block", "line"), CARRIED_OUT, ids=[f"{block}: {line[:40]}" for block, line in CARRIED_OUT])
def test_a_command_that_starts_nothing_does_what_the_page_says(block: Block, line: str, command, tmp_path: Path):
    """Beside the files that its page shows."""
    for shown in of_page(block.page, "yaml"):
        if shown.title.endswith(".yaml"):
            path = tmp_path / shown.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(shown.text)
    done = command(*words(line)[1:], cwd=tmp_path, environ={"PATH": os.environ["PATH"]})
    assert done.code == 0, done.said.decode()


MADE = {"closeshave.faults.page", "closeshave.faults.experiments", "closeshave.reference"}
"""Programs that other tests carry out: what they make is compared with what is published."""


def run_by_tests(line: str) -> bool:
    """Whether a test carries the command out."""
    program, *arguments = words(line)
    return arguments[0] in QUICK if program == "closeshave" else program == "python" and arguments[1] in MADE


def test_what_is_not_run_says_why():
    """In a title above the block, which the site shows."""
    assert [f"{block}: {line}" for block, line in SHELL if not block.why_not_run and not run_by_tests(line)] == []


EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_is_a_part_of_an_example_file(block: Block):
    """Word for word: these files are linted, type-checked and imported."""
    compile(block.text, str(block), "exec")
    indents = ("", " " * 4)
    shifted = ["".join(f"{indent}{line}" if line.strip() else line for line in block.text.splitlines(keepends=True)) for indent in indents]
    assert any(one.strip("\n") in path.read_text() for path in EXAMPLES for one in shifted), f"{block} is in no file of docs/examples"


@pytest.mark.parametrize("name", ["promises.yaml", "salon.yaml"])
def test_the_files_of_three_promises_are_those_of_their_page(name: str):
    """Which is carried out with the page's own blocks."""
    (block,) = [one for one in of_page("docs/how-to/write-a-target.md", "yaml") if one.title == name]
    assert (ROOT / "docs" / "examples" / "three-promises" / name).read_text() == block.text


def test_the_example_files_can_be_imported():
    """In a process of their own: Locust patches the interpreter."""
    told = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path)\nprint('imported')"
    done = subprocess.run([sys.executable, "-c", told, *map(str, EXAMPLES)], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.endswith("imported\n"), done.stderr


def test_a_wrong_example_would_be_found():
    """An option that does not exist, a key that does not exist."""
    with pytest.raises(Exception, match="no-such-option"):
        parsed(["run", "smoke", "--no-such-option", "1"])
    with pytest.raises(KeyError):
        parsed(["rnu", "smoke"])
    assert kind_of({"phases": [], "phaces": []}) == []
