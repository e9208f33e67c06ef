"""Whether the hot modules of this package run compiled: the same sources, translated to C by mypyc.

Wheels contain them, and ``make compiled`` builds them in a checkout, in the directory ``_compiled`` with hashes of the sources. If they do not fit
the sources (changed since) or the interpreter, they are not used: then the whole package is plain Python, which does the same but takes longer.
``CLOSESHAVE_PLAIN_ENGINE=1`` requests this.
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
"""The modules that every request uses. The others run once a second, once for each connection, or inside numpy."""
PLAIN = "CLOSESHAVE_PLAIN_ENGINE"


def why_plain(directory: Path = DIRECTORY, sources: Path = SOURCES) -> str | None:
    """Why the engine runs as plain Python; ``None`` when it runs compiled."""
    if os.environ.get(PLAIN, "0") not in {"", "0"}:
        return f"{PLAIN} requests it"
    try:
        sealed = json.loads((directory / SEAL).read_bytes())
    except FileNotFoundError:
        return "it is not compiled; 'make compiled' does that in a checkout with a C compiler, and wheels contain it compiled"
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
