"""The published schemas are those of the classes that read the files; every key of theirs is described; shipped files fit them."""

import json
from pathlib import Path

import jsonschema
import pytest

from closeshave.files.shipped import available, locate
from closeshave.reference.schemas import FILES, WRITTEN, schemas, text
from tests.yamls import loaded

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAMES = (*FILES, "summary", *WRITTEN)
FOLDERS = {
    "plan": "scenarios",
    "target": "environments/targets",
    "environment": "environments",
    "profile": "scenarios/profiles",
    "api": "scenarios/apis",
}
STANDARD = {"ge", "gt", "le", "lt"}


def mappings(node, path=""):
    """Every schema of a mapping with keys, at any depth, and where it stands."""
    if isinstance(node, dict):
        if "properties" in node and "type" in node:
            yield path, node
        for name, inner in node.items():
            yield from mappings(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from mappings(inner, f"{path}/{number}")


def as_json(path):
    """A YAML file as its schema sees it: instants are text."""
    return json.loads(json.dumps(loaded(path), default=lambda value: value.isoformat()))


@pytest.mark.parametrize("name", NAMES)
def test_a_published_schema_is_up_to_date(name):
    """``python -m closeshave.reference docs`` makes them again."""
    assert (DOCS / f"{name}.schema.json").read_text() == text(schemas()[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_json_schema(name):
    """Of the draft that it names, with standard keywords only where pydantic uses its own."""
    jsonschema.Draft202012Validator.check_schema(schemas()[name])
    assert [word for word in STANDARD if f'"{word}":' in text(schemas()[name])] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_every_schema_is_described(name):
    """By the docstring below its field; a description is a sentence, without references of the code."""
    for path, mapping in mappings(schemas()[name]):
        for key, said in mapping["properties"].items():
            description = said.get("description", "")
            assert description.rstrip("`").endswith((".", "…")), f"{path}: {key}: {description!r}"
            assert "``" not in description, f"{path}: {key}"
            assert ":class:" not in description, f"{path}: {key}"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, folder in FOLDERS.items() for name in available(folder)])
def test_what_we_ship_fits_its_schema(kind, name):
    """An editor that checks against the schema shows no error in a shipped file."""
    # Whether the schema itself is valid is asked once, above.
    assert [*jsonschema.Draft202012Validator(schemas()[kind]).iter_errors(as_json(locate(FOLDERS[kind], name)))] == []


SHIPPED = {
    **{path: "plan" for folder in ("scenarios", "scenarios/faults") for path in ROOT.glob(f"{folder}/*.yaml")},
    **dict.fromkeys(ROOT.glob("scenarios/profiles/*.yaml"), "profile"),
    **dict.fromkeys(ROOT.glob("scenarios/apis/*.yaml"), "api"),
    **dict.fromkeys(ROOT.glob("environments/*.yaml"), "environment"),
    **dict.fromkeys(ROOT.glob("environments/targets/*.yaml"), "target"),
}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_names_its_schema_in_its_first_line(path):
    """For editors with the YAML language server; the path leads there in a checkout and in the wheel alike."""
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("$schema=")[2]).resolve() == DOCS / f"{SHIPPED[path]}.schema.json"


def test_the_wheel_carries_every_schema_where_shipped_files_look_for_it():
    """Below ``shipped/docs``, beside ``shipped/scenarios`` and ``shipped/environments``."""
    project = (ROOT / "pyproject.toml").read_text()
    assert {*schemas()} == {*NAMES}
    for name in NAMES:
        assert f'"docs/{name}.schema.json" = "closeshave/shipped/docs/{name}.schema.json"' in project
