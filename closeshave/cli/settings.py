"""Where options come from besides the command line: variables, and ``closeshave.toml`` beside the plan.

```toml
[run]
environment = "containers"
rate-scale = 0.5

[validate]
environment = "containers"
```

A key is the long name of an option. Relative paths count from the file's directory. What confirms a production target (``--confirm``) is taken from
the command line alone.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from closeshave.files.closest import meant
from closeshave.files.shipped import locate
from closeshave.files.taken import OptionSource, Taken
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.vocabulary import RUN_VARIABLE

FILE = "closeshave.toml"
READERS = ("run", "validate")
"""The commands that name a plan."""
LARGEST_BYTES = 1 << 16
BY_HAND = "is taken from the command line alone, so that nothing that was left behind can load production"
CAPS = "is not an option: the caps of a platform stand in its environment file, and nothing exceeds them"
_SOURCES = {"COMMANDLINE": OptionSource.COMMAND_LINE, "ENVIRONMENT": OptionSource.VARIABLE, "DEFAULT_MAP": OptionSource.FILE}
_FORMS: Mapping[Any, tuple[Any, str]] = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
}
"""What a value must be, by the type of its option; text for every other type."""


def beside(context: typer.Context, plan: str) -> str:
    """Take defaults of options from the file beside the plan. For a plan's argument, read before all options. Raises :class:`InvalidFile`."""
    _take(context, [plan])
    return plan


def beside_all(context: typer.Context, plans: list[str]) -> list[str]:
    """The same for several plans, whose files must say the same."""
    _take(context, plans)
    return plans


def _take(context: typer.Context, plans: list[str]) -> None:
    places: list[Path] = []
    for plan in plans:
        # A plan that is not there is reported with everything else that is wrong.
        with suppress(InvalidFile):
            places.append(locate("scenarios", plan).parent / FILE)
    found = {path: read(path, context) if path.is_file() else {} for path in dict.fromkeys(places)}
    if len({repr(sorted(values.items())) for values in found.values()}) > 1:
        raise InvalidFile(Problem(", ".join(map(str, found)), 0, "", "these files differ; check the plans of one directory at a time"))
    context.default_map = next(iter(found.values()), {})
    context.meta[FILE] = next((path for path in found if path.is_file()), None)


def read(path: Path, context: typer.Context) -> dict[str, Any]:
    """The values for the command of ``context``, by the name of their parameter. All of the file is checked. Raises :class:`InvalidFile`."""
    commands = context.find_root().command.commands  # type: ignore[attr-defined]  # the root is a group
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name, table in _tables(path).items():
        if name not in READERS:
            problems.append(Problem(str(path), 0, name, f"unknown key{meant(name, READERS)}; there are tables for: {', '.join(READERS)}"))
            continue
        if not isinstance(table, dict):
            problems.append(Problem(str(path), 0, name, f"is a table: [{name}]"))
            continue
        known = {_key(parameter): parameter for parameter in _options(commands[name])}
        for key, given in table.items():
            try:
                value = _value(key, given, known, path, context)
            except (_Wrong, typer.TyperException) as error:
                problems.append(Problem(str(path), 0, f"{name}.{key}", error.message))
                continue
            if name == context.command.name:
                values[known[key].name] = value
    if problems:
        raise InvalidFile(*problems)
    return values


def _tables(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise InvalidFile(Problem(str(path), 0, "", f"too large: at most {LARGEST_BYTES >> 10} KiB"))
        return tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFile(Problem(str(path), 0, "", f"not valid TOML: {error}")) from None
    except OSError as error:
        raise InvalidFile(Problem(str(path), 0, "", f"cannot be read: {error.strerror or error}")) from None


class _Wrong(ValueError):
    """A value of the file cannot be used."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _value(key: str, given: Any, known: Mapping[str, Any], path: Path, context: typer.Context) -> Any:
    """A value as its option takes it; a path counts from the file's directory. Raises :class:`_Wrong`, and Typer's own error."""
    if key == "caps":
        raise _Wrong(CAPS)
    if key not in known:
        allowed = sorted(name for name, parameter in known.items() if parameter.allow_from_autoenv)
        raise _Wrong(f"unknown key{meant(key, allowed)}; known: {', '.join(allowed)}")
    parameter = known[key]
    if not parameter.allow_from_autoenv:
        raise _Wrong(BY_HAND)
    annotation = parameter.type_descriptor.annotation
    form, words = _FORMS.get(annotation, (str, "text in quotes"))
    if not isinstance(given, form) or (isinstance(given, bool) and annotation is not bool):
        raise _Wrong(f"{given!r} is not {words}")
    if parameter.type_descriptor.is_path:
        given = str(path.parent.joinpath(str(given)).absolute())
    return parameter.process_value(context, given)


def taken(context: typer.Context) -> tuple[Taken, ...]:
    """The options of a command that somebody set, and where; without what only the command line may say."""
    return tuple(
        Taken(_key(parameter), _told(context.params[parameter.name]), source, _place(context, parameter, source))
        for parameter in _options(context.command)
        if parameter.allow_from_autoenv and parameter.name in context.params and (source := _source(context, parameter)) is not None
    )


def stray(context: typer.Context) -> Iterator[str]:
    """Variables that look like those of this command's options, and are none: a sentence each."""
    prefix = f"{context.auto_envvar_prefix}_"
    known = {_variable(context, parameter): parameter for parameter in _options(context.command)}
    for name in sorted(os.environ):
        if not name.startswith(prefix) or name == RUN_VARIABLE:
            continue
        if name not in known:
            yield f"the variable {name} is ignored: no option has it{meant(name, known)}"
        elif not known[name].allow_from_autoenv:
            yield f"the variable {name} is ignored: --{_key(known[name])} {BY_HAND}"


def variable_of(context: typer.Context, parameter: Any) -> str | None:
    """The variable from which an option was taken; ``None`` when it was not."""
    return _variable(context, parameter) if _source(context, parameter) is OptionSource.VARIABLE else None


def forget(context: typer.Context) -> None:
    """Remove the variables of options: commands that this process starts, such as the one that takes an environment down, are told all they need."""
    root = context.find_root()
    for name in variables(root.command, str(root.auto_envvar_prefix)):
        os.environ.pop(name, None)


def variables(command: Any, prefix: str) -> Iterator[str]:
    """The variables of all options of a command and of those below it."""
    return (variable for variable, _ in named(command, prefix))


def named(command: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """All options of a command and of those below it, each with its variable."""
    for parameter in _options(command):
        yield f"{prefix}_{parameter.name.upper()}", parameter
    for name, below in getattr(command, "commands", {}).items():
        yield from named(below, f"{prefix}_{name.upper().replace('-', '_')}")


def _options(command: Any) -> list[Any]:
    return [parameter for parameter in command.params if parameter.param_type_name == "option"]


def _key(parameter: Any) -> str:
    """The long name without its dashes."""
    return str(next(name for name in parameter.opts if name.startswith("--"))).removeprefix("--")


def _variable(context: typer.Context, parameter: Any) -> str:
    return f"{context.auto_envvar_prefix}_{parameter.name.upper()}"


def _source(context: typer.Context, parameter: Any) -> OptionSource | None:
    source = context.get_parameter_source(parameter.name)
    return _SOURCES.get(source.name) if source is not None else None


def _told(value: object) -> str:
    """A flag has no value: it stands there or not."""
    return "" if isinstance(value, bool) else str(value)


def _place(context: typer.Context, parameter: Any, source: OptionSource) -> str:
    if source is OptionSource.FILE:
        return str(context.meta.get(FILE))
    return _variable(context, parameter) if source is OptionSource.VARIABLE else f"--{_key(parameter)}"
