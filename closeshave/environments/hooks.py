"""Hooks in environment files of every kind: what is wrong with one, and which secrets it names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import SplitResult

from closeshave.clients import web
from closeshave.deployment import Call, DrillHook, Expect, Hook
from closeshave.files import foreign

CREDENTIALS = "credentials do not belong in an address, because addresses are written to logs"
Location = tuple[str | int, ...]
_ONE_OF = (
    "either a command (a list: the program and its arguments), the URL of an HTTP request (http), "
    "or the file of a Chaos Toolkit experiment (experiment)"
)


def wrong_hooks(hooks: Sequence[Hook | DrillHook], key: str = "hooks") -> Iterator[tuple[Location, str]]:
    """What is wrong with well-formed hooks of the file's ``key``: where, and what would be right."""
    seen: set[tuple[str, str]] = set()
    for index, hook in enumerate(hooks):
        for name, call in hook.calls.items():
            yield from (((key, index, name, *place), message) for place, message in _wrong_call(call))
        aim = (hook.kind, repr(sorted((part, str(value)) for part, value in hook.scope.items())))
        if aim in seen:
            yield (key, index), f"a second hook for {hook.kind} on the same scope"
        seen.add(aim)


def _wrong_call(call: Call) -> Iterator[tuple[Location, str]]:
    if [bool(call.command), bool(call.http), bool(call.experiment)].count(True) != 1:
        yield (), _ONE_OF
    elif call.http is not None and (parts := address_of(call.http)) is not None and "@" in parts.netloc:
        yield (), f"{CREDENTIALS}: headers_from names a variable for an Authorization header"
    elif call.http is not None and (parts is None or parts.scheme not in {"http", "https"}):
        yield (), f"{call.http!r} is not the URL of an HTTP request"
    elif call.command and isinstance(call.expect, Expect) and call.expect.status is not None:
        yield ("expect",), "a command has no status; its exit code must be 0: give members of the JSON that it prints"
    elif call.experiment is not None and call.expect is not None:
        yield ("expect",), "what is expected of an experiment is said by the tolerances of its own probes: leave out expect"
    elif call.experiment is None and call.part is not None:
        yield ("part",), "only an experiment has parts: leave out part"


def variables(hooks: Sequence[Hook | DrillHook]) -> tuple[str, ...]:
    """The names of the variables that hold secrets of their HTTP requests, each once."""
    return tuple(dict.fromkeys(variable for hook in hooks for call in hook.calls.values() for variable in call.headers_from.values()))


def address_of(url: str) -> SplitResult | None:
    """The parts of a URL with a valid host; ``None`` for a URL that no client accepts, such as ``http://a..b``."""
    return foreign.address(url) if web.takes(url) else None
