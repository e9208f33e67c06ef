"""Environment files of remote platforms, as tests need them."""

from pathlib import Path
from typing import Any

from closeshave.environments.definition import read_definition
from closeshave.environments.remote.definition import Remote
from tests.yamls import written


def document(url: str = "http://127.0.0.1:1", **changes: Any) -> dict[str, Any]:
    """What a small staging platform's file says, with some keys changed; ``...`` leaves one out."""
    whole = {
        "kind": "remote",
        "name": "plain-staging",
        "stage": "staging",
        "regions": {"us-east-1": url},
        "fingerprint": {"path": "/health", "expect": {"service": "plain-barbers", "environment": "staging"}},
        "caps": {"requests_per_s": 50, "requests": 20000, "duration": "10m", "regions_at_once": 1, "shards_at_once": 1},
        "accounts": {"register": 3},
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def write(path: Path, document: dict[str, Any]) -> Path:
    """As YAML."""
    return written(path, document)


def remote(directory: Path, **changes: Any) -> Remote:
    """Read back from a file."""
    definition = read_definition(write(directory / "environment.yaml", document(**changes)))
    assert isinstance(definition, Remote)
    return definition
