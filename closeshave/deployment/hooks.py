"""Hooks: calls that a platform's operator provides, by which the harness injects a fault or carries out a drill."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict

from closeshave.files.yamlfile import STRICT, Flag, Lasting, Place, WholeNumber, stated
from closeshave.plan import FAULT_KIND


@dataclass(frozen=True, slots=True)
class Expect:
    """What the answer to a call must contain: a status, or members of its JSON. A text search alone could match an answer of a broken platform."""

    __pydantic_config__ = ConfigDict(**STRICT, json_schema_extra={"anyOf": [{"required": ["status"]}, {"required": ["members"]}]})

    status: Annotated[WholeNumber, stated(minimum=100, maximum=599)] | None = None
    """The status of the HTTP answer; any other status is a failure. A command has none."""
    members: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    """Path in the JSON of the answer or output → expected value: ``checks.database.status: healthy``; a number chooses from a list."""

    def __post_init__(self) -> None:
        if self.status is None and not self.members:
            raise ValueError("expect needs a status, like {status: 200}, or members, like {members: {checks.database: healthy}}")
        if self.status is not None and not 100 <= self.status <= 599:
            raise ValueError(f"{self.status} is not an HTTP status; write 100 to 599")


ExperimentPart = Literal["method", "rollbacks", "steady-state", "deviation"]
"""What of a Chaos Toolkit experiment a call runs."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a hook: a command (without a shell), an HTTP request, or a part of a Chaos Toolkit experiment."""

    __pydantic_config__ = ConfigDict(
        **STRICT, json_schema_extra={"oneOf": [{"required": ["command"]}, {"required": ["http"]}, {"required": ["experiment"]}]}
    )

    command: tuple[str, ...] = ()
    """The program and its arguments, one text each; no shell runs it, and it gets the environment variables of the command's caller. Either this,
    ``http`` or ``experiment``."""
    http: str | None = None
    """URL of an HTTP request. Either this, ``command`` or ``experiment``."""
    experiment: str | None = None
    """A Chaos Toolkit experiment (YAML or JSON) beside the environment file, or at an absolute path. Either this, ``command`` or ``http``."""
    part: ExperimentPart | None = None
    """What of the experiment is run: ``method`` (its actions must succeed), ``rollbacks`` (all must succeed), ``steady-state`` (succeeds while the
    steady-state hypothesis is met) or ``deviation`` (succeeds while it is not met). By default ``inject`` runs the method, ``undo`` the rollbacks,
    ``heal_check`` the steady state, and ``observe`` the deviation."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """Of the HTTP request."""
    headers_from: Mapping[str, str] = field(default_factory=dict)
    """Header → name of the environment variable that holds its value: secrets are never written in a file."""
    body: str = ""
    """Of the HTTP request, as text."""
    expect: Expect | str | None = None
    """The expected answer, or a text that it must contain. Without it, exit code 0 or a 2xx is a success."""
    timeout: Lasting = 30.0
    """After it the call is ended, with every process that it started, and counts as failed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that reports when the old primary has ended."""

    __pydantic_config__ = STRICT

    asked: Call
    """Succeeds once the old primary cannot acknowledge any more."""


UNSAID = Call()
"""A call that a file leaves out."""
PARTS: Mapping[str, ExperimentPart] = {"inject": "method", "observe": "deviation", "undo": "rollbacks", "heal_check": "steady-state"}
"""What of an experiment each call of a fault's hook runs."""
DRILL_PARTS: Mapping[str, ExperimentPart] = {
    "start": "method",
    "status": "steady-state",
    "finish": "method",
    "verify": "steady-state",
    "abort": "rollbacks",
    "heal_check": "steady-state",
}
"""The same for a drill's hook."""
_ALL_CALLED: dict[str, Any] = {"required": ["observe", "undo", "heal_check"]}
_BY_EXPERIMENT: dict[str, Any] = {"properties": {"inject": {"required": ["experiment"]}}}


@dataclass(frozen=True, slots=True)
class Hook:
    """How one kind of fault is injected by calls that an operator provides: commands, HTTP requests, or a Chaos Toolkit experiment."""

    __pydantic_config__ = ConfigDict(**STRICT, json_schema_extra={"anyOf": [_ALL_CALLED, _BY_EXPERIMENT]})

    kind: str
    """A kind of the catalogue, such as ``shard.primary-killed``."""
    scope: Mapping[str, Place]
    """The part that the hook breaks. A fault of a plan needs a hook with exactly its scope."""
    inject: Call
    """Breaks it."""
    observe: Call = UNSAID
    """Succeeds while the fault is in effect. Shares nothing with ``inject``. Where ``inject`` is an experiment, it is by default: its steady state
    is not met."""
    undo: Call = UNSAID
    """Repairs it, or waits until the platform has. It is called in any case, and may be called more than once. Where ``inject`` is an experiment, it is
    by default its rollbacks."""
    heal_check: Call = UNSAID
    """Succeeds once the platform is healthy again. Where ``inject`` is an experiment, it is by default: its steady state is met."""
    observed_within: Lasting = 30.0
    """How long after the injection ``observe`` may take to succeed; after it the fault was *not observed*."""
    healed_within: Lasting = 300.0
    """How long ``undo`` and ``heal_check`` may take together, until the fault counts as not healed."""
    lasting: Flag = True
    """Whether the fault stays in effect until it is undone; false for one that the platform repairs by itself, such as a deleted pod."""
    ends: Literal["at-once", "when-observed"] | Asked | None = None
    """When the old primary has stopped acknowledging: at the return of ``inject``, when ``observe`` first succeeds, or when another call reports it.

    If it is left out, it is at some time between the start of ``inject`` and the first sign: a failed request, the observation, a promotion.
    """

    def __post_init__(self) -> None:
        for name, part in PARTS.items():
            call: Call = getattr(self, name)
            if call == UNSAID and name != "inject" and self.inject.experiment is not None:
                call = Call(experiment=self.inject.experiment, timeout=self.inject.timeout)
            if call.experiment is not None and call.part is None:
                object.__setattr__(self, name, replace(call, part=part))

    @property
    def calls(self) -> Mapping[str, Call]:
        """Every call by its key."""
        found = {name: getattr(self, name) for name in PARTS}
        return {**found, "ends": self.ends.asked} if isinstance(self.ends, Asked) else found

    def below(self, directory: Path) -> Hook:
        """The same with the paths of its experiments counted from ``directory``."""
        there = {
            name: replace(call, experiment=str(directory / call.experiment))
            for name in PARTS
            if (call := getattr(self, name)).experiment is not None
        }
        return replace(self, **there)


@dataclass(frozen=True, slots=True)
class DrillHook:
    """How a drill is carried out by calls that the platform's operator provides, like those of a hook for a fault."""

    __pydantic_config__ = STRICT

    kind: Annotated[str, stated(pattern=FAULT_KIND)]
    """``family.name``: one of the catalogue of drills, such as ``restore.latest``, or a name of your own. A kind of fault is none."""
    start: Call
    """Begins the procedure. It may return at once; without ``status`` the procedure is done when it has returned."""
    verify: Call
    """Succeeds once the end state is as it must be. Shares nothing with ``start`` and ``finish``. It must not succeed before the drill: it would prove
    nothing."""
    abort: Call
    """Brings the platform back to a safe state. It must be safe at any instant, and may be called more than once: when the drill is given up, by the
    janitor when the harness was killed, and after the drill too, unless it ``stays``."""
    heal_check: Call
    """Succeeds while the platform is in a safe state: before the drill, and after it. It must not succeed while the drill is under way: it could not say
    whether it is over."""
    scope: Mapping[str, Place] = field(default_factory=dict)
    """The part that the procedure works on. A drill of a plan needs a hook with exactly its scope."""
    status: Call = UNSAID
    """Succeeds once the procedure that ``start`` began is done. Asked once a second, until the drill's ``limit``."""
    finish: Call = UNSAID
    """The last step, after ``status``: it switches to what was prepared, for instance. Left out, there is none."""
    stays: Flag = False
    """Whether the end state stays once ``verify`` has proven it, as after a move for good: then ``abort`` is not called any more."""
    verified_within: Lasting = 30.0
    """How long ``verify`` may take to succeed after the last step; after it the end state is not as it must be."""
    healed_within: Lasting = 300.0
    """How long ``abort`` and ``heal_check`` may take together, until the drill counts as not put back."""

    def __post_init__(self) -> None:
        if not re.fullmatch(FAULT_KIND, self.kind):
            raise ValueError(f"kind {self.kind!r}: write family.name, like database.failover")
        for name, part in DRILL_PARTS.items():
            call: Call = getattr(self, name)
            if call.experiment is not None and call.part is None:
                object.__setattr__(self, name, replace(call, part=part))

    @property
    def calls(self) -> Mapping[str, Call]:
        """Every call by its key, without those that are left out."""
        found = {name: getattr(self, name) for name in DRILL_PARTS}
        return {name: call for name, call in found.items() if call != UNSAID or name not in {"status", "finish"}}

    def below(self, directory: Path) -> DrillHook:
        """The same with the paths of its experiments counted from ``directory``."""
        there: dict[str, Any] = {
            name: replace(call, experiment=str(directory / call.experiment))
            for name, call in self.calls.items()
            if call.experiment is not None
        }
        return replace(self, **there)
