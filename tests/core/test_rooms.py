"""Imports run down: cli, trial, the acting rooms, plan and history; judges never import what acts."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "closeshave"
SHARED = {
    "caps",
    "clients",
    "clock",
    "control",
    "deployment",
    "files",
    "history",
    "plan",
    "plurals",
    "private",
    "quantiles",
    "shapes",
    "target",
    "topology",
}
ALLOWED = {
    "loadgen": {"clock", "files", "history"},
    "traffic": SHARED | {"loadgen"},
    "faults": SHARED,
    "environments": SHARED | {"standin"},
    "standin": {"clock", "deployment", "files", "topology", "history"},
    "judge": {"history", "plan", "plurals", "quantiles", "target", "topology", "clock"},
    "report": {"history", "plan", "plurals", "target", "judge", "files", "clock", "topology"},
}
"""Which parts of the package each room may import; itself always."""


def imports(path):
    """The parts of the package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if (
                parts[0] == "closeshave"
                and len(parts) > 1
                and (PACKAGE / parts[1]).with_suffix("" if (PACKAGE / parts[1]).is_dir() else ".py").exists()
            ):
                yield parts[1]


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_lies_below_it(room):
    """Every file keeps the directions of import of docs/architecture.md."""
    above = {str(path): set(imports(path)) - {room} - ALLOWED[room] for path in (PACKAGE / room).rglob("*.py")}
    assert above
    assert {path: parts for path, parts in above.items() if parts} == {}


def test_what_is_shared_knows_no_room():
    """Frozen values and files lie at the bottom."""
    for name in SHARED:
        for path in (PACKAGE / name).rglob("*.py") if (PACKAGE / name).is_dir() else [PACKAGE / f"{name}.py"]:
            assert set(imports(path)) <= SHARED
