"""No file's encoding depends on the locale: a file that was written under one is read under another."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "closeshave"


def left_to_the_locale(text):
    """Calls that read or write text without saying in what encoding, as ``line: name``."""
    found: list[str] = []
    if not any(name in text for name in ("open", "read_text", "write_text", "TextIOWrapper")):
        # Most modules: to read them would take seconds.
        return found
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        told = {keyword.arg for keyword in node.keywords}
        if "encoding" in told or (name == "read_text" and node.args) or (name == "write_text" and len(node.args) > 1):
            continue
        modes = [
            each.value
            for each in node.args
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and set(each.value) <= set("rwaxt+")
        ]
        text_mode = any(mode for mode in modes) and name in {"open", "fdopen"}
        if name in {"read_text", "write_text"} or text_mode or (name == "TextIOWrapper" and len(node.args) < 2):
            found.append(f"{node.lineno}: {name}")
    return found


def test_every_text_file_has_an_encoding():
    """Stated at each call, because the locale is different under a daemon, in a container, and at home."""
    found = {path: left_to_the_locale(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    assert len(found) > 100
    assert {str(path): calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize("text", ["p.read_text()", "p.write_text('x')", "open(p, 'w')", "p.open('r')", "os.fdopen(d, 'a')"])
def test_a_careless_call_is_found(text):
    """The test above can fail."""
    assert left_to_the_locale(text)


@pytest.mark.parametrize(
    "text", ["p.read_bytes()", "p.open('rb')", "p.read_text('utf-8')", "p.read_text(encoding='utf-8')", "os.open(p, 0)"]
)
def test_a_careful_call_is_not_reported(text):
    """Bytes have no encoding."""
    assert left_to_the_locale(text) == []
