"""The kinds of one family of faults: whatever the modules of its folder define. A new module needs to be listed nowhere."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

from closeshave.faults.kind import Kind


def kinds_of(family: ModuleType) -> tuple[Kind, ...]:
    """Every kind that a module in the family's folder defines at its top level, by name.

    Raises :class:`ValueError` for two kinds of one name, and for one that is named after another family.
    """
    name = family.__name__.rpartition(".")[2]
    found: dict[str, Kind] = {}
    for module in pkgutil.iter_modules(family.__path__):
        for value in vars(import_module(f"{family.__name__}.{module.name}")).values():
            if not isinstance(value, Kind):
                continue
            if not value.name.startswith(f"{name}."):
                raise ValueError(f"{value.name} is defined in the folder of the family {name}")
            if found.setdefault(value.name, value) is not value:
                raise ValueError(f"two kinds are called {value.name}")
    return tuple(found[each] for each in sorted(found))
