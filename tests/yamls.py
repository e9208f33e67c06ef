"""YAML that tests read, and write to be read: by libyaml where it can be, and as JSON, which is YAML too and takes a hundredth of the time of a writer
of YAML.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from closeshave.files.yamlquick import quick


def loaded(source: Path | str) -> Any:
    """The document in a file or in a text; the caller may change it."""
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    try:
        (document,) = quick(text)
    except ValueError:  # it is not sure, or there is not exactly one document
        return YAML(typ="safe").load(text)
    return document


def written(path: Path, document: Any) -> Path:
    """A file of it. Days and times become text, as a person may write them; raises :class:`ValueError` for a number that JSON cannot say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, default=lambda value: value.isoformat(), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text, encoding="utf-8")
    return path
