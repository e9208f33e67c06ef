"""Probes of installed packages: asked again and again while the load runs, in a thread each; whenever one sees something else, the timeline says so.

They judge nothing: a check of the same package may read the marks later. A probe that fails, or that hangs, disturbs nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType

from closeshave import extensions
from closeshave.deployment import Deployment
from closeshave.files.plaintext import clean
from closeshave.trial.probe import PlatformProbe

LONGEST = 500
"""Characters of what a probe saw."""
LEAST_S = 0.1
"""Nothing is asked more often."""


Note = Callable[[str], None]
"""Notes ``NAME: what was seen`` on the timeline."""


def _unfit(added: extensions.Extension) -> str:
    """Why what a package adds cannot be asked; empty when it can."""
    if not isinstance(added.value, PlatformProbe):
        return f"is {type(added.value).__name__}, not closeshave.trial.probe.PlatformProbe"
    return f"asks every {added.value.every_s:g} s; at least {LEAST_S:g} s must be between" if added.value.every_s < LEAST_S else ""


PROBES: Mapping[str, PlatformProbe] = MappingProxyType({added.name: added.value for added in extensions.load(extensions.PROBES, _unfit)})
"""Every probe that there is here, by name."""


@contextmanager
def probing(names: Iterable[str], deployment: Deployment, note: Note, probes: Mapping[str, PlatformProbe] = PROBES) -> Iterator[None]:
    """Ask these probes while the block runs. On leaving it nobody waits for one that is still asking."""
    over = threading.Event()
    for name in names:
        act = partial(_ask, name, probes[name], deployment, note, over)
        threading.Thread(target=act, name=f"probe {name}", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _ask(name: str, probe: PlatformProbe, deployment: Deployment, note: Note, over: threading.Event) -> None:
    before: str | None = None
    while True:
        try:
            seen = str(probe.ask(deployment))
        except Exception as error:  # noqa: BLE001 - whatever a package's code does, the trial goes on
            seen = f"could not be asked: {type(error).__name__}: {error}"
        if over.is_set():
            return  # after the load it would be noted where nothing was loaded
        if seen != before:
            note(f"{name}: {clean(seen, LONGEST)}")
            before = seen
        if over.wait(probe.every_s):
            return
