"""The published schemas are those of the classes that read the files."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from closeshave.cli.schemas import schemas
from closeshave.files.shipped import available, locate

DOCS = Path(__file__).parents[2] / "docs"
MADE = schemas()


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_published_schema_is_up_to_date(name):
    """``python -m closeshave.cli.schemas docs`` makes them again."""
    assert (DOCS / name).read_text() == MADE[name]


@pytest.mark.parametrize(
    ("folder", "schema", "name"),
    [
        (folder, schema, name)
        for folder, schema in (("scenarios", "plan"), ("environments/targets", "target"), ("environments", "environment"))
        for name in available(folder)
    ],
)
def test_what_we_ship_fits_its_schema(folder, schema, name):
    """An editor that checks against the schema shows no error in a shipped file."""
    document = YAML(typ="safe").load(locate(folder, name))
    jsonschema.validate(document, json.loads(MADE[f"{schema}.schema.json"]))
