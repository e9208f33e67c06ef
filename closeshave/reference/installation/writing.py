"""Objects as templates of Helm, with expressions for their values, and as resources of Kustomize, with the defaults: so the two cannot differ. Pure."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from closeshave.reference.installation.settings import ABOUT, NAME, VALUES, Setting, value_of

MADE = "# Made by `python -m closeshave.reference.manifests deploy`: change closeshave/reference/manifests.py, not this file.\n"
Rendering = Callable[[Setting], Any]


@dataclass(frozen=True, slots=True)
class DeployFile:
    """One file of both."""

    file: str
    objects: tuple[Mapping[str, Any], ...]
    when: str = ""
    """The setting that must be true; empty: always."""
    each: bool = False
    """Whether it is there once for each namespace of the platform."""


def rendered(told: Any, render: Rendering) -> Any:
    """An object with every setting replaced. Pure."""
    if isinstance(told, Setting):
        return render(told)
    if isinstance(told, Mapping):
        return {key: rendered(value, render) for key, value in told.items()}
    return [rendered(each, render) for each in told] if isinstance(told, list | tuple) else told


def by_default(target: str) -> Rendering:
    """Settings as they are by default, for a namespace of the platform."""

    def render(setting: Setting) -> Any:
        if setting.path == "image":
            return f"{value_of('image.repository')}:{value_of('image.tag')}"
        found = {"release": NAME, "each": target}.get(setting.path)
        told = f"{setting.prefix}{found}{setting.suffix}" if found else value_of(setting.path)
        return str(told) if setting.text else told

    return render


def _helm(setting: Setting) -> str:
    """A mark that no YAML changes; :func:`_expressions` puts the expression in its place."""
    return f"@@{setting.prefix}|{setting.path}{' toString' * setting.text}|{setting.suffix}@@"


def _expressions(text: str) -> str:
    def expression(match: re.Match[str]) -> str:
        prefix, path, suffix = match[1], match[2], match[3]
        if path == "image":
            return '"{{ .Values.image.repository }}:{{ .Values.image.tag }}"'
        if path in {"release", "each"}:
            return f"{prefix}{{{{ {'$.Release.Namespace' if path == 'release' else '.'} }}}}{suffix}"
        path, _, text = path.partition(" ")
        # JSON is YAML, on one line: nothing has to be indented.
        return f"{{{{ $.Values.{path}{' | toString' if text else ''} | toJson }}}}"

    return re.sub(r"'?@@([^|@]*)\|([^|@]*)\|([^|@]*)@@'?", expression, text)


def written(objects: Iterable[Any]) -> str:
    """Objects as one YAML text."""
    yaml, held = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.width = 1 << 16
    for index, each in enumerate(objects):
        if index:
            held.write("---\n")
        yaml.dump(each, held)
    return held.getvalue()


def template(manifest: DeployFile) -> str:
    """The chart's template. Pure."""
    text = _expressions(written(rendered(each, _helm) for each in manifest.objects))
    if manifest.each:
        text = f"{{{{- range .Values.namespaces }}}}\n---\n{text}{{{{- end }}}}\n"
    return MADE + (f"{{{{- if .Values.{manifest.when} }}}}\n{text}{{{{- end }}}}\n" if manifest.when else text)


def resource(manifest: DeployFile) -> str:
    """The resource of the Kustomize base. Pure."""
    targets = VALUES["namespaces"] if manifest.each else [""]
    return MADE + written(rendered(each, by_default(target)) for target in targets for each in manifest.objects)


def values() -> str:
    """The chart's ``values.yaml``. Pure."""
    parts = [MADE]
    for key, held in VALUES.items():
        parts.append(f"\n# {ABOUT[key]}\n{written([{key: held}])}")
    return "".join(parts)
