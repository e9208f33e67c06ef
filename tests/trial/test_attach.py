"""``--attach`` to what is no environment, or to one of which nothing runs: refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from closeshave.environments.layout import lay_out
from closeshave.environments.parts import Etcd, Parts
from closeshave.environments.stack import Stack
from closeshave.environments.unprivileged import Wrapper
from closeshave.files.yamlfile import InvalidFile
from closeshave.trial import running
from closeshave.trial.display import Display
from closeshave.trial.preparation import prepare


def attached(place: Path, root: Path) -> None:
    """Run the smoke plan there, as far as it comes."""
    try:
        running.run(prepare("smoke"), place / "runs", Display(Console(quiet=True)), attach=root)
    finally:
        assert not list((place / "runs").glob("*")), "a run directory was made"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "it has no deployment.json"), ("{", "deployment.json"), ('{"name": "x"}', "deployment.json")],
)
def test_a_root_that_holds_no_environment_is_refused(
    tmp_path: Path, content: str | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is missing or damaged, and what does run."""
    monkeypatch.setenv("CLOSESHAVE_STATE_DIR", str(tmp_path / "state"))
    root = tmp_path / "root"
    root.mkdir()
    if content is not None:
        (root / "deployment.json").write_text(content)
    with pytest.raises(InvalidFile, match=r"--attach: no environment can be used at .*root: ") as refused:
        attached(tmp_path, root)
    assert why in str(refused.value)
    assert str(refused.value).endswith("running: none")


def test_an_environment_of_which_nothing_runs_is_refused(tmp_path: Path) -> None:
    """Its machine was started again, or its parts were killed: no trial would find anything to load."""
    program, root = Path("/programs/any"), tmp_path / "root"
    root.mkdir()
    parts = Parts(program, "18.1", Wrapper(), program, program, Etcd(program, "3.6", rejoins_empty=False), program, {}, {})
    definition = prepare("smoke").definition
    assert isinstance(definition, Stack)
    lay_out("an-id", root, definition, parts, 20_000).deployment.save()
    with pytest.raises(InvalidFile, match=r"nothing of the environment at .* runs; 'closeshave env down --root .*' removes it"):
        attached(tmp_path, root)
