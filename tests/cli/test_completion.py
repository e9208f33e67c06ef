"""What a shell completes: commands, options, and names of plans, environments, targets and kinds of faults."""

from __future__ import annotations

import pytest

COMPLETED = {
    "closeshave ru": "run",
    "closeshave run --rate": "--rate-scale",
    "closeshave run nightl": "nightly",
    "closeshave validate smok": "smoke",
    "closeshave run smoke --environment embedd": "embedded",
    "closeshave run smoke --target bookedbarber-sm": "bookedbarber-smoke",
    "closeshave readiness --target bookedbarber-sm": "bookedbarber-smoke",
    "closeshave list fau": "faults",
    "closeshave list faults shard.primary-k": "shard.primary-killed",
    "closeshave env dow": "down",
    "closeshave env up embedd": "embedded",
    "closeshave judge reports/runs/2026": "reports/runs/20261129-a",
}


@pytest.mark.parametrize("line", COMPLETED)
def test_a_word_is_completed(line, command, tmp_path):
    """As bash asks; nothing else is said."""
    (tmp_path / "reports" / "runs" / "20261129-a").mkdir(parents=True)
    environ = {"_CLOSESHAVE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "HOME": str(tmp_path)}
    done = command(cwd=tmp_path, environ=environ)
    assert (done.code, done.stderr) == (0, b"")
    assert COMPLETED[line] in done.stdout.decode().split()


@pytest.mark.parametrize("asked", ["complete_nothing", "nonsense"])
def test_a_shell_that_nobody_knows_is_wrong_use(asked, command, tmp_path):
    """Exit code 1 is the judges' alone."""
    assert command(cwd=tmp_path, environ={"_CLOSESHAVE_COMPLETE": asked}).code == 2
