"""The Helm chart and the Kustomize base: made from one description, valid by Kubernetes' own schemas, and no more is granted than is needed.

That a real API server takes them, and that Helm renders the chart, is tried in ``test_manifests_on_a_control_plane.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from closeshave.environments.definition import read_definition
from closeshave.environments.kubernetes.definition import Kubernetes
from closeshave.reference import manifests
from closeshave.reference.installation import settings

DEPLOY = Path(__file__).parents[2] / "deploy"
VERSION = "1.34"
FILES = dict(manifests.files())
BASE = {name: text for name, text in FILES.items() if name.startswith("kustomize/") and "kustomization" not in name}
PER_LEVEL = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def documents(text: str) -> list[dict[str, Any]]:
    """The objects of a YAML text."""
    return [each for each in YAML(typ="safe").load_all(text) if each]


def everything() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the base and the components, with its file."""
    for name, text in BASE.items():
        yield from ((name, each) for each in documents(text))


def pods() -> Iterator[dict[str, Any]]:
    """Every pod that they make."""
    yield from (each["spec"]["template"] for _, each in everything() if each["kind"] in {"Job", "Deployment", "StatefulSet"})


def by_helm(text: str, values: Mapping[str, Any], release: str) -> str:
    """What Helm makes of a template that uses only the expressions of ours. Raises :class:`AssertionError` for another one."""

    def value(match: re.Match[str]) -> str:
        found: Any = values
        for part in match[1].split("."):
            found = found[part]
        found = str(found) if match[2] else found
        return json.dumps(found) if match[3] else str(found)

    if (condition := re.match(r"(#.*\n)?\{\{- if \.Values\.([\w.]+) \}\}\n", text)) is not None:
        found: Any = values
        for part in condition[2].split("."):
            found = found[part]
        text = text[condition.end() :].removesuffix("{{- end }}\n") if found else ""
    if (loop := re.match(r"(#.*\n)?\{\{- range \.Values\.namespaces \}\}\n", text)) is not None:
        body = text[loop.end() :].removesuffix("{{- end }}\n")
        text = "".join(body.replace("{{ . }}", each) for each in values["namespaces"])
    text = text.replace("{{ $.Release.Namespace }}", release)
    text = re.sub(r"\{\{ \$?\.Values\.([\w.]+)( \| toString)?( \| toJson)? \}\}", value, text)
    assert "{{" not in text, text
    return text


def test_what_is_kept_is_what_is_made() -> None:
    """``python -m closeshave.reference.manifests deploy`` makes them again."""
    kept = {
        str(path.relative_to(DEPLOY)): path.read_text(encoding="utf-8")
        for part in ("helm", "kustomize")
        for path in (DEPLOY / part).rglob("*")
        if path.is_file()
    }
    assert kept == FILES


def test_the_chart_with_its_defaults_is_the_base() -> None:
    """Object by object."""
    values = documents(FILES["helm/values.yaml"])[0]
    values["workers"]["enabled"] = True
    for manifest in manifests.manifests():
        made = documents(by_helm(FILES[f"helm/templates/{manifest.file}.yaml"], values | {"cordonNodes": True}, settings.NAME))
        place = "base" if f"kustomize/base/{manifest.file}.yaml" in FILES else f"components/{manifest.file}"
        assert made == documents(FILES[f"kustomize/{place}/{manifest.file}.yaml"])


def test_the_chart_makes_roles_in_each_namespace_and_nowhere_else() -> None:
    """Of the platform's."""
    values = documents(FILES["helm/values.yaml"])[0] | {"namespaces": ["one", "two"]}
    made = documents(by_helm(FILES["helm/templates/roles.yaml"], values, "here"))
    assert sorted({each["metadata"]["namespace"] for each in made}) == ["one", "two"]
    assert {subject["namespace"] for each in made for subject in each.get("subjects", [])} == {"here"}


@pytest.mark.parametrize(("name", "held"), list(everything()), ids=lambda each: each if isinstance(each, str) else each["kind"])
def test_every_object_is_valid_by_kubernetes_own_schema(name: str, held: dict[str, Any]) -> None:
    """Strictly: an unknown field is an error."""
    kubernetes_validate.validate(held, VERSION, strict=True)


def test_an_unknown_field_would_be_found() -> None:
    """The test above can fail."""
    (job,) = [each for _, each in everything() if each["kind"] == "Job"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**job, "spec": {**job["spec"], "retries": 0}}, VERSION, strict=True)


def test_pods_are_restricted() -> None:
    """kubernetes.io/docs/concepts/security/pod-security-standards; and they write to volumes only."""
    found = list(pods())
    assert len(found) == 3
    for pod in found:
        assert pod["spec"]["securityContext"].items() >= PER_LEVEL.items()
        assert pod["spec"]["securityContext"]["runAsUser"] > 0
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
        assert {key for volume in pod["spec"]["volumes"] for key in volume} <= {
            "name",
            "configMap",
            "emptyDir",
            "persistentVolumeClaim",
            "secret",
        }
        for container in pod["spec"]["containers"]:
            context = container["securityContext"]
            assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
            assert container["resources"]["limits"].keys() == container["resources"]["requests"].keys() == {"cpu", "memory"}


def rights(kind: str, name: str) -> set[tuple[str, str]]:
    """What a role grants: resource and verb."""
    roles = [each for _, each in everything() if each["kind"] == kind and each["metadata"]["name"] == name]
    return {(resource, verb) for role in roles for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def test_the_trial_may_do_what_its_faults_need_and_nothing_else() -> None:
    """The whole list, to be read: no secrets, no exec, no workloads, no wildcards."""
    assert rights("Role", "closeshave-trial") == {
        ("pods", "get"), ("pods", "list"), ("pods", "delete"), ("pods", "patch"), ("pods/eviction", "create"), ("pods/resize", "patch"),
        ("networkpolicies", "get"), ("networkpolicies", "list"), ("networkpolicies", "create"), ("networkpolicies", "delete"),
        ("leases", "create"), ("leases", "get"), ("leases", "patch"),
    }  # fmt: skip
    assert rights("ClusterRole", "closeshave-closeshave") == {("namespaces", "get"), ("nodes", "get"), ("nodes", "list")}
    assert rights("ClusterRole", "closeshave-closeshave-cordon") == {("nodes", "patch")}


def test_the_janitor_may_put_back_and_nothing_that_breaks() -> None:
    """It deletes no pod and makes no policy."""
    assert rights("Role", "closeshave-janitor") == {
        ("pods", "get"), ("pods", "list"), ("pods", "patch"), ("pods/resize", "patch"),
        ("networkpolicies", "get"), ("networkpolicies", "list"), ("networkpolicies", "delete"), ("leases", "get"),
    }  # fmt: skip


def test_the_environment_file_of_the_chart_is_one(tmp_path: Path) -> None:
    """Read by the harness as it stands, so that only its values have to be changed."""
    (tmp_path / "platform.yaml").write_text(settings.PLATFORM)
    assert isinstance(read_definition(tmp_path / "platform.yaml"), Kubernetes)
