"""Whether the hot modules of this package run compiled: the very same sources, translated to C by mypyc.

A wheel carries them, and ``make compiled`` makes them in a checkout, in the directory ``_compiled`` beside the sources with a seal of these. What does
not fit the sources (they were changed since) or the interpreter is left alone: then all of the package is plain Python, which does the same and
takes longer. ``CLOSESHAVE_PLAIN_ENGINE=1`` asks for that.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

SOURCES = Path(__file__).parent
DIRECTORY = SOURCES / "_compiled"
SEAL = "seal.json"
MODULES = (
    "carrier", "client", "connection", "cookies", "loop", "parser", "pool", "records", "response", "rows", "scheduler", "tls", "wire",
)  # fmt: skip
"""What a request passes through. The rest runs once a second, once a connection, or inside numpy."""
PLAIN = "CLOSESHAVE_PLAIN_ENGINE"


def why_plain(directory: Path = DIRECTORY, sources: Path = SOURCES) -> str | None:
    """Why the engine runs as plain Python; ``None`` when it runs compiled."""
    if os.environ.get(PLAIN, "0") not in {"", "0"}:
        return f"{PLAIN} asks for it"
    try:
        sealed = json.loads((directory / SEAL).read_bytes())
    except FileNotFoundError:
        return "nothing was compiled; 'make compiled' does it in a checkout that has a C compiler, and wheels carry it"
    except (OSError, ValueError) as error:
        return f"what was compiled cannot be read: {error}"
    if not all((directory / f"{module}{EXTENSION_SUFFIXES[0]}").exists() for module in MODULES):
        return "what was compiled is for another Python; 'make compiled' does it again"
    if sealed != seal(sources):
        return "the sources were changed since they were compiled; 'make compiled' does it again"
    return None


def seal(sources: Path = SOURCES) -> Mapping[str, str]:
    """Module → hash of its source."""
    return {module: hashlib.sha256((sources / f"{module}.py").read_bytes()).hexdigest() for module in MODULES}
