"""Operations that are no evidence about the platform: they count for no share and no time, and the run says what to change."""

from __future__ import annotations

import pytest

from closeshave.history import PROXY, RATE_LIMITED, SHORTAGE, Mark
from closeshave.judge.verdict import Status, Verdict
from closeshave.target import Measure, Objective
from tests.judge.histories import AVAILABILITY, KILL, LATENCY, RECOVERY, Run

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
ERRORS = Objective("errors", ("C1",), Measure.ERROR_RATE, at_most=0.01)
SHARED = Mark(0, "part-missing", "forwarded_for: it knows everybody as 10.0.0.1")


def judged(error: str | None, *, shared: bool, count: int = 200, at: float = 60.0) -> dict[str, Verdict]:
    """The verdicts on a calm of 2,000 good requests and so many that were refused or never sent, for this reason."""
    run = Run((AVAILABILITY, ERRORS, LATENCY))
    run.steady(2000)
    for index in range(count):
        run.bad(at + index / 1000, outcome="fail", status=429 if error == RATE_LIMITED else 0, error=error)
    run.marks += [SHARED] if shared else []
    return {verdict.id: verdict for verdict in run.assess().verdicts}


@pytest.mark.parametrize(
    ("error", "shared", "objectives", "check"),
    [
        (SHORTAGE, False, PASS, ("shortage", INCONCLUSIVE)),
        (SHORTAGE, True, PASS, ("shortage", INCONCLUSIVE)),
        (PROXY, False, PASS, ("proxy", INCONCLUSIVE)),
        (PROXY, True, PASS, ("proxy", INCONCLUSIVE)),
        (RATE_LIMITED, True, PASS, ("rate-limits", INCONCLUSIVE)),
        (RATE_LIMITED, False, FAIL, ("rate-limits", PASS)),
        ("refused", False, FAIL, None),
        ("refused", True, FAIL, None),
    ],
)
def test_requests_that_say_nothing_about_the_platform_fail_nothing(
    error: str, shared: bool, objectives: Status, check: tuple[str, Status] | None
) -> None:
    """A run with such requests is not the planned one; any other request that was not answered fails as usual."""
    found = judged(error, shared=shared)
    assert {found[f"{name}/all"].status for name in ("availability", "errors", "latency")} == {objectives}
    checks = {name: found[name].status for name in ("shortage", "proxy", "rate-limits") if name in found}
    assert checks == (dict([check]) if check else {})


def test_the_advice_names_what_to_change() -> None:
    """With how many there were."""
    assert "200 requests" in judged(SHORTAGE, shared=False)["shortage"].reason
    assert "ulimit -n" in judged(SHORTAGE, shared=False)["shortage"].reason
    assert "200 requests are not counted: the proxy" in judged(PROXY, shared=False)["proxy"].reason
    told = judged(RATE_LIMITED, shared=True)["rate-limits"].reason
    assert "the platform ignores X-Forwarded-For" in told
    assert "200 requests" in told


def test_a_shortage_in_the_warm_up_has_no_effect() -> None:
    """It is not judged."""
    assert "shortage" not in judged(SHORTAGE, shared=False, count=20, at=2.0)


@pytest.mark.parametrize(("error", "expected"), [(SHORTAGE, PASS), ("refused", FAIL)])
def test_a_canary_that_could_not_be_sent_is_no_failed_probe(error: str, expected: Status) -> None:
    """Otherwise the last one before the fault is healed would be the end of the outage."""
    run = Run((RECOVERY,), (KILL,))
    run.life()
    run.probes(10, 190, down=((120, 122),))
    for index in range(20):
        run.canary(145 + index / 100, ok=False, outcome="fail", status=0, error=error)
    assert run.verdict("recovery/kill").status is expected
