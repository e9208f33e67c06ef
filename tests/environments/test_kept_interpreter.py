"""The interpreter that forks instances is kept from one rollout of an environment to the next, and for nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from closeshave.environments.rollout import starting
from closeshave.environments.rollout.starting import KeptInterpreter

HERE: Any = SimpleNamespace(id="here")
THERE: Any = SimpleNamespace(id="there")


class Interpreter:
    """Stands for one that has imported the application."""

    made: list[Interpreter] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, _deployment: object) -> None:
        self.alive, self.closed = True, False
        Interpreter.made.append(self)

    def close(self) -> None:
        """End it."""
        self.alive, self.closed = False, True


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptInterpreter:
    """With interpreters that count themselves."""
    Interpreter.made = []
    monkeypatch.setattr(starting, "Starting", Interpreter)
    return KeptInterpreter()


def rolled(kept: KeptInterpreter, deployment: Any) -> object:
    """What starts the instances of a rollout."""
    with kept.of(deployment) as found:
        return found


def test_rollouts_of_an_environment_share_it(kept: KeptInterpreter) -> None:
    """Its imports are what takes the time."""
    assert rolled(kept, HERE) is rolled(kept, HERE)
    assert [each.closed for each in Interpreter.made] == [False]
    kept.close()
    kept.close()
    assert [each.closed for each in Interpreter.made] == [True]
    assert rolled(kept, HERE) is Interpreter.made[1]


def test_another_environment_has_its_own(kept: KeptInterpreter) -> None:
    """Instances carry the mark of theirs. The first one is ended."""
    assert rolled(kept, HERE) is not rolled(kept, THERE)
    assert [each.closed for each in Interpreter.made] == [True, False]


def test_one_that_died_is_replaced(kept: KeptInterpreter) -> None:
    """As when the kernel ended it to free memory."""
    rolled(kept, HERE)
    Interpreter.made[0].alive = False
    assert rolled(kept, HERE) is Interpreter.made[1]


def test_a_rollout_that_failed_ends_it(kept: KeptInterpreter) -> None:
    """It may be the reason."""
    with pytest.raises(RuntimeError, match="not ready"), kept.of(HERE):
        raise RuntimeError("not ready")
    assert [each.closed for each in Interpreter.made] == [True]
