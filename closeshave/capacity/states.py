"""States of failure in which the capacity is searched: calm, and one fault held in effect. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from closeshave.faults.catalogue import KINDS
from closeshave.files.closest import meant
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.plan import FAULT_KIND, Expected, Fault

OPTION = "--under"
SETTLE_S: Mapping[str, float] = {"region": 30.0}
"""Family → seconds from the injection to the first judged one: the fail-over belongs to the recovery and not to the capacity."""
SETTLE_OTHER_S = 15.0
HOW = "write KIND:KEY=VALUE, like region.lost:region=us-west-2 or shard.primary-killed:shard=1"
FREES_PROCESSORS = "region"
"""The family of faults that stop so much of the platform that, on one machine, the rest gets faster by it."""


@dataclass(frozen=True, slots=True)
class FailureState:
    """What is broken while a capacity is searched."""

    kind: str = ""
    """A kind of fault; empty for calm."""
    scope: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``calm``, or the kind and its scope: ``region.lost us-west-2``."""
        return " ".join((self.kind, *map(str, self.scope.values()))) if self.kind else "calm"

    @property
    def slug(self) -> str:
        """The same, as a part of a file's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())[:40].strip("-")

    @property
    def settle_s(self) -> float:
        """Seconds from the injection to the first judged one; none in calm."""
        return SETTLE_S.get(self.kind.split(".")[0], SETTLE_OTHER_S) if self.kind else 0.0

    @property
    def needs_quota(self) -> bool:
        """Whether its capacity means nothing on a machine that the regions share."""
        return self.kind.split(".")[0] == FREES_PROCESSORS

    def fault(self, phase: str, at_s: float, hold_s: float) -> Fault:
        """The fault of a level's plan."""
        return Fault("state", self.kind, phase, at_s, hold_s, Expected.DEGRADES, self.scope)


CALM = FailureState()


def parsed(text: str) -> FailureState:
    """The state that ``--under`` names. Raises :class:`InvalidFile` for a text that names none, and for a fault that is over at once."""
    kind, _, rest = text.partition(":")
    if not re.fullmatch(FAULT_KIND, kind):
        raise _wrong(f"{text!r} is not a fault; {HOW}")
    if kind not in KINDS:
        raise _wrong(f"there is no kind of fault {kind}{meant(kind, KINDS)}; 'closeshave list faults' shows all")
    if not KINDS[kind].lasting:
        raise _wrong(f"{kind} ends at once: no load can be sent while it is in effect")
    scope: dict[str, str | int] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or not value or not re.fullmatch(r"[a-z_]{1,32}", key) or key in scope:
            raise _wrong(f"{pair!r} is no KEY=VALUE; {HOW}")
        scope[key] = int(value) if value.isdecimal() and len(value) < 10 else value
    if problems := KINDS[kind].problems(scope, {}):
        raise _wrong("; ".join(problems))
    return FailureState(kind, scope)


def _wrong(said: str) -> InvalidFile:
    return InvalidFile(Problem(OPTION, 0, "", said))
