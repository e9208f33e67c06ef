"""The exit code, which a CI job reads."""

from __future__ import annotations

from closeshave.judge.verdict import Assessment, Status
from closeshave.vocabulary import EXIT_OF, Ending, Exit

BY_STATUS = {Status.PASS: Exit.PASS, Status.FAIL: Exit.FAIL, Status.INCONCLUSIVE: Exit.INCONCLUSIVE}


def exit_code(assessment: Assessment, ending: Ending | None = None) -> int:
    """The code of :class:`closeshave.vocabulary.Exit`: why the run ended early comes before what its verdicts say.

    2 is a usage error, given before there is anything to assess.
    """
    return int(EXIT_OF[ending] if ending else BY_STATUS[assessment.status])
