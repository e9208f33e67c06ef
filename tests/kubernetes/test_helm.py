"""Helm itself takes the chart, and makes of it what Kustomize's files say, object by object."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.programs import HELM, lacking
from tests.kubernetes.test_manifests import BASE, DEPLOY, documents

pytestmark = pytest.mark.kubernetes
CHART = DEPLOY / "helm"
EVERYTHING = ("--set", "cordonNodes=true", "--set", "workers.enabled=true")
Named = dict[tuple[str, str, str], dict[str, Any]]


@pytest.fixture(autouse=True)
def built() -> None:
    """Skips with the reason where there is no Helm."""
    if said := lacking(HELM):
        pytest.skip(said)


def helm(home: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Helm, which finds nothing of this user's."""
    done = subprocess.run(
        [str(HELM.binary), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def made(home: Path, *arguments: str) -> Named:
    """What an installation of the chart would create."""
    return named(documents(helm(home, "template", "closeshave", str(CHART), "--namespace", "closeshave", *arguments).stdout))


def named(objects: list[dict[str, Any]]) -> Named:
    """By kind, namespace and name, each of which is there once."""
    found = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in objects}
    assert len(found) == len(objects)
    return found


def test_the_chart_has_nothing_that_helm_warns_of(tmp_path: Path) -> None:
    """With its defaults, and with everything that can be switched on."""
    for more in ((), EVERYTHING):
        done = helm(tmp_path, "lint", "--strict", str(CHART), *more)
        assert "0 chart(s) failed" in done.stdout
        assert "[WARNING]" not in done.stdout


def test_helm_makes_what_kustomize_has(tmp_path: Path) -> None:
    """The base and both components; the base alone by default. Only the namespace is not the chart's."""
    for arguments, parts in (((), ("base/",)), (EVERYTHING, ("base/", "components/"))):
        kept = [each for name, text in BASE.items() if name.removeprefix("kustomize/").startswith(parts) for each in documents(text)]
        assert made(tmp_path, *arguments) == {key: each for key, each in named(kept).items() if key[0] != "Namespace"}


def test_helm_puts_in_what_a_user_sets(tmp_path: Path) -> None:
    """Several namespaces of the platform, another namespace of the harness, and parts left out."""
    found = named(
        documents(
            helm(tmp_path, "template", "x", str(CHART), "--namespace", "here", "--set", "namespaces={one,two}", "--set", "trial.enabled=false",
                 "--set", "workers.enabled=true", "--set", "workers.replicas=7").stdout
        )
    )  # fmt: skip
    assert {key[1] for key in found if key[0] == "Role"} == {"here", "one", "two"}
    assert not [key for key in found if key[0] == "Job"]
    assert found["StatefulSet", "here", "closeshave-workers"]["spec"]["replicas"] == 7
    options = found["ConfigMap", "here", "closeshave-workers"]["data"]
    assert options["CLOSESHAVE_RUN_EXPECT_WORKERS"] == "7"
    assert options["CLOSESHAVE_RUN_JOIN_SECRET"] == "here/closeshave-join"


def test_a_chart_with_a_mistake_is_refused(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    subprocess.run(["cp", "-r", str(CHART), str(tmp_path / "chart")], check=True)
    (tmp_path / "chart" / "templates" / "more.yaml").write_text("{{ .Values.nothing.below }}\n")
    assert helm(tmp_path, "lint", "--strict", str(tmp_path / "chart"), check=False).returncode != 0
