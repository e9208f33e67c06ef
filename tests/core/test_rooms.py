"""Each folder of the package says what it is for and what it may import; imports run down and never in a circle; few modules lie at the root."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "closeshave"
ROOT_MODULES_MAX = 15
SAID = re.compile(r"^May import: (nothing|[a-z., \n]+)\.$", re.MULTILINE)
VALUES = {
    "clock",
    "cluster",
    "deployment",
    "hashslots",
    "operations",
    "plan",
    "plurals",
    "private",
    "quantiles",
    "scope",
    "shapes",
    "target",
    "topology",
    "vocabulary",
}
"""Modules at the root that every folder may know, if it says so; they know no folder but ``files``; ``private`` asks ``control`` who lives,
and a deployment says which API it speaks."""
FOLDED = {"deployment", "plan", "target"}
"""Of these, what has grown into a folder of modules."""
AT_THE_TOP = {"__init__", "__main__", "conclusion"}
"""Modules at the root that put the folders together."""


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the package, by its name below it: ``judge.verdict``; a folder by its own name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


@cache
def nodes(module: str) -> tuple[ast.stmt, ...]:
    """Its imports and classes, wherever in its file: all that is asked of it here, so that it is read once."""
    wanted = (ast.Import, ast.ImportFrom, ast.ClassDef)
    return tuple(node for node in ast.walk(ast.parse(modules()[module].read_text())) if isinstance(node, wanted))


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of the package that a module imports, wherever in its file."""
    return frozenset(_imports(module)) - {module}


def _imports(module: str) -> Iterator[str]:
    for node in nodes(module):
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for parent, name in names:
            for candidate in (f"{parent}.{name}", parent):
                below = candidate.removeprefix("closeshave.")
                if candidate.startswith("closeshave.") and below in modules():
                    yield below
                    break


def folders() -> list[str]:
    """Every folder of modules, as ``judge.evidence``."""
    return [name for name, path in modules().items() if path.name == "__init__.py" and name != "__init__"]


def within(name: str, folder: str) -> bool:
    """Whether a module is a folder, or is inside it."""
    return name == folder or name.startswith(f"{folder}.")


@pytest.mark.parametrize("folder", folders())
def test_a_folder_says_what_it_is_for(folder: str) -> None:
    """In the first sentence of its docstring; a folder at the root says what it may import, too."""
    said = ast.get_docstring(ast.parse(modules()[folder].read_text())) or ""
    assert len(said.split()) >= 5
    assert "." in folder or SAID.search(said)


@pytest.mark.parametrize("folder", [name for name in folders() if SAID.search(modules()[name].read_text())])
def test_a_folder_imports_what_it_says_and_nothing_else(folder: str) -> None:
    """The list is neither too short nor longer than it need be."""
    text = SAID.search(modules()[folder].read_text())
    assert text is not None
    allowed = set() if text[1] == "nothing" else {name.strip() for name in text[1].split(",")}
    used = {other for name in modules() if within(name, folder) for other in imports(name) if not within(other, folder)}
    assert {other for other in used if not any(within(other, name) for name in allowed)} == set()
    assert {name for name in allowed if not any(within(other, name) for other in used)} == set()


def test_no_imports_run_in_a_circle() -> None:
    """Neither at run time nor for the type checker alone: whatever is read first can be read alone."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' → '.join((*path[path.index(name) :], name))}"
        if name not in done:
            for other in sorted(imports(name)):
                visit(other, (*path, name))
            done.add(name)

    for name in modules():
        visit(name, ())


def test_few_modules_lie_at_the_root() -> None:
    """Those that everybody needs; everything else has a folder."""
    there = {path.stem for path in PACKAGE.glob("*.py")}
    assert len(there) <= ROOT_MODULES_MAX
    assert there == (VALUES - FOLDED) | AT_THE_TOP


@pytest.mark.parametrize("module", sorted(VALUES))
def test_values_at_the_root_know_no_room(module: str) -> None:
    """Frozen values and small effects lie at the bottom."""
    below = {*VALUES, "files", *({"control"} if module == "private" else ()), *({"api"} if module == "deployment" else ())}
    assert {other for other in imports(module) if other.partition(".")[0] not in below} == set()


def test_no_fault_asks_where_a_process_runs() -> None:
    """Nor at which address: :mod:`closeshave.control.machine` and :mod:`closeshave.clients` know."""
    asking = re.compile(r"container is (not )?None|127\\.0\\.0\\.1|localhost:")
    assert [str(path) for path in (PACKAGE / "faults").rglob("*.py") if asking.search(path.read_text())] == []


def public_classes() -> Mapping[str, list[str]]:
    """The modules that define a public class, by its name."""
    found: dict[str, list[str]] = {}
    for module in modules():
        for node in nodes(module):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    return found


def test_the_name_of_a_public_class_means_one_thing() -> None:
    """Whoever reads it, searches for it or meets it in a traceback knows which one it is."""
    assert {name: found for name, found in public_classes().items() if len(found) > 1} == {}
