"""Where pods of load machines find the join file: a Secret that is named, by a run that is a pod itself. On a real API server: ``tests/kubernetes``."""

from __future__ import annotations

import pytest

from closeshave.clients import kubeconfig
from closeshave.files.yamlfile import InvalidFile
from closeshave.trial import joinsecret
from closeshave.trial.joinsecret import JoinSecret


@pytest.mark.parametrize("text", ["", "join", "a/b/c", "../b", "Closeshave/join", "a/b?x=1", "a/-b", "a/b\n"])
def test_another_text_than_a_name_is_refused(text: str) -> None:
    """It becomes a path of the API."""
    with pytest.raises(InvalidFile, match="is not NAMESPACE/NAME of a Secret"):
        joinsecret.named(text)


def test_a_run_outside_of_a_pod_has_a_file_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no account by which it could write the Secret."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidFile, match=r"this process runs in no pod .*; elsewhere use --join-file"):
        joinsecret.named("closeshave/closeshave-join")


def test_a_run_in_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its service account, which is read when it is used."""
    monkeypatch.setattr(kubeconfig, "of", lambda context: context)
    assert joinsecret.named("closeshave/closeshave-join") == JoinSecret("closeshave", "closeshave-join")
    assert JoinSecret("closeshave", "closeshave-join").at == "/api/v1/namespaces/closeshave/secrets/closeshave-join"
