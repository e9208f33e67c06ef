"""``python -m closeshave.reference docs`` writes schemas and pages below a directory."""

from __future__ import annotations

import sys
from pathlib import Path

from closeshave.files import write_atomically
from closeshave.reference.pages import pages
from closeshave.reference.schemas import schemas, text


def main() -> None:
    """Write them into the directory that the command line names."""
    docs = Path(sys.argv[1])
    made = schemas()
    for name, schema in made.items():
        write_atomically(docs / f"{name}.schema.json", text(schema))
    (docs / "reference").mkdir(exist_ok=True)
    for name, page in pages(made, docs).items():
        write_atomically(docs / "reference" / name, page)


if __name__ == "__main__":
    main()
