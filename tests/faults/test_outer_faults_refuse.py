"""Faults of the service, of its dependencies and of data are not injected into an environment that is unfit for them, and say why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.deployment import Deployment
from closeshave.faults.catalogue import KINDS
from tests.faults import toys


@pytest.fixture
def idle(tmp_path: Path) -> Deployment:
    """Two applications that do not run, no links, a payment provider that does not answer."""
    apps = (replace(toys.server(f"app-{number}", toys.NEAR), role="app") for number in range(2))
    return toys.deployment(tmp_path / "root", *apps)


@pytest.mark.parametrize(
    ("kind", "scope", "parameters", "says"),
    [
        ("service.killed", {"region": "atlantis"}, {}, "this environment has no applications in a region 'atlantis'"),
        ("service.hung", {"region": toys.NEAR}, {"instance": 2}, "us-west-2 has 2 application processes, so there is no instance 2"),
        ("service.erring", {"region": toys.NEAR}, {}, "not ready: app-0, app-1"),
        ("service.clock-skewed", {"region": toys.NEAR}, {"skew_s": 0}, "a skew of 0 s has no effect"),
        ("service.bad-version", {"region": toys.NEAR}, {}, "not ready: app-0, app-1"),
        ("dependency.payments-down", {}, {}, "the payment provider does not answer"),
        ("dependency.payments-late", {}, {}, "the payment provider does not answer"),
        ("dependency.payments-slow", {}, {}, "this environment has no links that can be disturbed"),
        ("data.acknowledgement-lost", {"shard": 1}, {}, "this environment has no links that can be disturbed"),
        ("data.retry-storm", {"region": toys.NEAR}, {}, "not ready: app-0, app-1"),
    ],
)
def test_unfit_environment_says_why(
    kind: str, scope: Mapping[str, str | int], parameters: Mapping[str, int], says: str, idle: Deployment
) -> None:
    """A part that is broken already, or that does not exist, is not broken."""
    assert says in KINDS[kind].unfit(KINDS[kind].aim(idle, scope, parameters))


@pytest.mark.parametrize(
    ("kind", "parameters", "says"),
    [
        ("service.erring", {"share": 0}, "share: 0 is not between 0.05 and 1"),
        ("service.cpu-squeezed", {"share": 1}, "share: 1 is not between 0.01 and 0.9"),
        ("service.clock-skewed", {"skew_s": "tomorrow"}, "skew_s: 'tomorrow' is not a number"),
        ("dependency.payments-late", {"late_s": 0}, "late_s: 0 is not between 0.5 and 30"),
        ("dependency.webhooks-duplicated", {"copies": 1}, "copies: 1 is not between 2 and 20"),
        ("data.acknowledgement-lost", {"swallow_s": 5}, "swallow_s: 5 is not between 0.02 and 1"),
        ("data.retry-storm", {"rate": 5000}, "rate: 5000 is not between 1 and 200"),
    ],
)
def test_parameters_have_limits(kind: str, parameters: Mapping[str, float | str], says: str) -> None:
    """What would not take effect, or would be too much for one machine, is refused before anything starts."""
    wanted = dict.fromkeys(KINDS[kind].scope, "1")
    assert any(says in problem for problem in KINDS[kind].problems(wanted, parameters))
