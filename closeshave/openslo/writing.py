"""OpenSLO documents from files, and the texts of both sides; a file is made only where there is none."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from closeshave.files.yamlfile import InvalidFile, Problem, documents
from closeshave.openslo.nodes import Node
from closeshave.openslo.vocabulary import LeftOut, target_keys
from closeshave.target import Target, read_target


def nodes(paths: Iterable[Path]) -> tuple[Node, ...]:
    """Every document of these files. Raises :class:`InvalidFile` with the problems of all of them."""
    found: list[Node] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            found += [Node(path, each) for each in documents(path)]
        except InvalidFile as error:
            problems += error.problems
    if problems:
        raise InvalidFile(*problems)
    return tuple(found)


def openslo_text(made: Iterable[Mapping[str, Any]], left_out: Iterable[LeftOut]) -> str:
    """The documents, with a line between them, and a comment for whatever was left out."""
    return _comments("Made by Closeshave from a target.", "Not exported, or for Closeshave alone:", left_out) + "---\n".join(
        map(_yaml, made)
    )


def target_text(target: Target, left_out: Iterable[LeftOut]) -> str:
    """A target file, with a comment for whatever was left out. Raises :class:`InvalidFile` if no target file can say it."""
    text = _comments("Made from OpenSLO documents.", "Not taken over, or taken with an assumption:", left_out) + _yaml(target_keys(target))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "target.yaml")
        path.write_text(text, encoding="utf-8")
        try:
            read_target(path)
        except InvalidFile as error:
            raise InvalidFile(
                *(Problem("the target that these files give", 0, each.key, each.message) for each in error.problems)
            ) from None
    return text


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises :class:`InvalidFile` otherwise."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidFile(Problem(str(path), 0, "", "is there already, and is not overwritten")) from None
    except OSError as error:
        raise InvalidFile(Problem(str(path), 0, "", f"cannot be written: {error.strerror or error}")) from None


class _WholeText(Emitter):
    """Breaks no line inside of double quotes: beside an escaped character the library adds a space when it does."""

    def write_double_quoted(self, text: str, split: bool = True) -> None:  # noqa: ARG002 - the library's own signature
        super().write_double_quoted(text, split=False)


class _ExactText(SafeRepresenter):
    """Writes text that is not printable in double quotes, where it is escaped: in single ones U+0085 is a line break, and comes back as a space."""

    def represent_str(self, text: str) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_ExactText.add_representer(str, _ExactText.represent_str)


def _yaml(value: Mapping[str, Any]) -> str:
    writer = YAML(typ="safe", pure=True)
    writer.Emitter = _WholeText
    writer.Representer = _ExactText
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the stub says None
    writer.width = 150
    writer.allow_unicode = True
    written = io.StringIO()
    writer.dump(value, written)
    return written.getvalue()


def _comments(made: str, title: str, left_out: Iterable[LeftOut]) -> str:
    told = [_one_line(str(each)) for each in left_out]
    return "".join(f"# {line}\n" for line in (made, *([title] if told else []), *told))


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
