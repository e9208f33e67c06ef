"""The pages of the reference say what the code says: every key of every schema, with meaning, form, default and example."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from closeshave.reference.keys import FileKey, sections
from closeshave.reference.pages import EXAMPLES, anchor, beyond, calls_once, pages
from closeshave.reference.schemas import FILES, WRITTEN, schemas

DOCS = Path(__file__).parents[2] / "docs"
NAMES = sorted(path.name for path in (DOCS / "reference").glob("*.md") if path.name != "index.md")
STARTS: dict[str, list[tuple[str, str | None, str]]] = {
    "plans.md": [("plan", None, "")],
    "targets.md": [("target", None, "")],
    "environments.md": [
        ("environment", "Embedded", "both"),
        ("environment", "Containers", "containers"),
        ("environment", "Remote", "remote"),
        ("environment", "Kubernetes", "kubernetes"),
    ],
    "profiles.md": [("profile", None, "")],
    "apis.md": [("api", None, "")],
    "gate.md": [("gate", None, "gate"), ("baseline", None, "baseline")],
    "capacity.md": [("capacity", None, "capacity")],
    "claims.md": [("claims", None, "claims")],
    "readiness.md": [("readiness", None, "")],
    "probes.md": [("probes", None, "")],
    "summary.md": [("summary", None, "")],
}


def keys_of(page: str) -> Iterator[tuple[FileKey, str]]:
    """Every key that belongs on a page, with its prefix."""
    for name, definition, prefix in STARTS[page]:
        schema = schemas()[name]
        without = frozenset(schema["$defs"]["Embedded"]["properties"]) if definition == "Containers" else frozenset()
        start = schema["$defs"][definition] if definition else schema
        start = beyond(start, schema["$defs"]["Remote"]) if definition == "Kubernetes" else start
        found = sections(schema, start, {}, without)
        for section in calls_once(found) if name == "api" else found:
            yield from ((key, prefix) for key in section.keys)


@cache
def made():
    """The pages as the code makes them now."""
    return pages(schemas(), DOCS)


def test_every_published_page_is_made():
    """And every page that is made is published."""
    assert sorted(made()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_published_page_is_up_to_date(name):
    """``python -m closeshave.reference docs`` makes them again."""
    assert (DOCS / "reference" / name).read_text() == made()[name]


@pytest.mark.parametrize("page", STARTS)
def test_every_key_appears_once_with_its_meaning(page):
    """Under an anchor of its own, so that it can be linked to."""
    rows: dict[str, list[list[str]]] = {}
    for line in made()[page].splitlines():
        if line.startswith('| <a id="'):
            rows.setdefault(line.split('"')[1], []).append(line.replace("\\|", "").strip("|").split("|"))
    found = [(key, anchor(prefix, key.path)) for key, prefix in keys_of(page)]
    assert sorted(rows) == sorted(name for _, name in found)
    for key, name in found:
        (cells,) = rows[name]
        assert f"`{key.name}`" in cells[0]
        assert [cell for cell in cells[1:-1] if not cell.strip()] == [], key.path


@pytest.mark.parametrize(
    "page", [page for page in STARTS if page not in {"summary.md", "gate.md", "capacity.md", "claims.md", "readiness.md", "probes.md"}]
)
def test_every_key_that_people_write_has_an_example(page):
    """From the file that shows every key; a mapping's keys have theirs."""
    bare = []
    for line in made()[page].splitlines():
        if line.startswith('| <a id="'):
            cells = [cell.strip() for cell in line.replace("\\|", "").strip("|").split("|")]
            # No spare shard, no monitoring and no Valkey cluster run in containers yet: a file that states one is refused, and so would an example be.
            refused = any(key in cells[0] for key in ("containers.spare.", "containers.alerts.", "containers.valkey_cluster."))
            if not cells[-1] and "see below" not in cells[2] and not refused:
                bare.append(cells[0])
    assert bare == []


def keys_in(node):
    """Names of the schema's properties, at any depth."""
    if isinstance(node, dict):
        if "properties" in node and "type" in node:
            yield from node["properties"]
        for inner in node.values():
            yield from keys_in(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from keys_in(inner)


@pytest.mark.parametrize("name", [*FILES, *WRITTEN, "summary"])
def test_no_key_of_a_schema_is_missing_in_the_reference(name):
    """Counted without the generator's own walk: whatever the schema names stands on some page."""
    everything = "".join(made().values())
    assert {key for key in keys_in(schemas()[name]) if f"</a>`{key}`" not in everything} == set()


@pytest.mark.parametrize("name", ["summary", "gate", "capacity", "baseline", "claims", "readiness", "probes", "gameday"])
def test_the_file_that_a_page_shows_is_a_real_one(name):
    """It fits its schema."""
    jsonschema.validate(json.loads((DOCS / EXAMPLES / f"{name}.json").read_text()), schemas()[name])
