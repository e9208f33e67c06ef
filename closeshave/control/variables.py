"""What the processes that the harness starts are given of its environment: no secret of which they have no use, and to the parts of an environment
nothing that could change what they are: libpq, Patroni and etcd all read variables of their own, a password among them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from closeshave.vocabulary import TOKEN_VARIABLE

NEEDED = frozenset({
    "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SHELL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ", "TZDIR", "USER",
})  # fmt: skip
FAMILIES = ("CLOSESHAVE_", "LC_", "PYTHON", "XDG_")
TOKEN = TOKEN_VARIABLE
"""The permission to load production: only the command itself may have it."""


def without(names: Iterable[str]) -> dict[str, str]:
    """This process's environment without the variables of these names and without the permission."""
    withheld = {*names, TOKEN}
    return {name: value for name, value in os.environ.items() if name not in withheld}


def for_parts() -> dict[str, str]:
    """What a part of an environment is given of it: where programs, this package, languages and temporary files are."""
    return {name: value for name, value in without(()).items() if name in NEEDED or name.startswith(FAMILIES)}
