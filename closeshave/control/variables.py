"""Which environment variables the processes that the harness starts get: no secret that they do not need. Parts of an environment get no variable
that could change their behaviour: libpq, Patroni and etcd all read variables of their own, passwords among them.
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
    """The variables for a part of an environment: paths of programs and of this package, language, temporary directory."""
    return {name: value for name, value in without(()).items() if name in NEEDED or name.startswith(FAMILIES)}
