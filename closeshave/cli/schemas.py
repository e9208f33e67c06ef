"""JSON Schemas of the files that people write and of the summary, made from the same classes: ``python -m closeshave.cli.schemas docs``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from closeshave.environments.definition import Definition
from closeshave.files import write_atomically
from closeshave.plan import Plan
from closeshave.report import summary
from closeshave.target import Target

FILES: dict[str, Any] = {"plan": Plan, "target": Target, "environment": Definition}


def schemas() -> dict[str, str]:
    """File name → schema text, one for each kind of file."""
    made = {}
    for name, type_ in FILES.items():
        schema = TypeAdapter(type_).json_schema() | {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"closeshave {name}",
        }
        made[f"{name}.schema.json"] = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    made["summary.schema.json"] = json.dumps(summary.schema(), indent=1, ensure_ascii=False) + "\n"
    return made


def main() -> None:
    """Write them into the directory that the command line names."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        write_atomically(directory / name, text)


if __name__ == "__main__":
    main()
