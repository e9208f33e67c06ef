"""The one number that a CI job reads."""

from __future__ import annotations

from closeshave.judge.verdict import Assessment, Status

BY_STATUS = {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 3}


def exit_code(
    assessment: Assessment, *, interrupted: bool = False, environment_failed: bool = False, stopped_for_safety: bool = False
) -> int:
    """0 pass, 1 fail, 3 inconclusive, 4 environment or harness failed, 5 stopped for safety, 130 interrupted.

    When several apply: 130 > 5 > 4 > 1 > 3. (2 is a usage error, given before there is anything to assess.)
    """
    if interrupted:
        return 130
    if stopped_for_safety:
        return 5
    if environment_failed:
        return 4
    return BY_STATUS[assessment.status]
