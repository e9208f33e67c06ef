"""``junit.xml``: what a CI system shows in its list of tests, one test case a verdict.

Fail is a *failure*. Inconclusive is an *error*, of the type ``inconclusive``: CI systems show a skipped test as harmless and keep the job green,
but a promise that could not be judged must not look kept. In JUnit, too, an error means that the test could not be carried out.
Only verdicts that are shown without gating are *skipped*, with what they say.
The time of a case is how long the run put the promise to the test; cases overlap, so the time of the suite is the length of the load and not their sum.
"""

from __future__ import annotations

from xml.etree import ElementTree

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from closeshave.judge.verdict import Status, Verdict, worst
from closeshave.report import words
from closeshave.report.axis import axis
from closeshave.report.durations import load_s, under_test_s
from closeshave.report.findings import Findings
from closeshave.report.headline import graded, headline
from closeshave.report.witness import testimony

_OWN_TROUBLE = {4: "environment", 5: "safety", 130: "interrupted"}
"""Exit codes that no verdict explains."""


def render(findings: Findings) -> bytes:
    """The document, encoded."""
    manifest, assessment = findings.history.manifest, findings.assessment
    suite = TestSuite(f"closeshave.{words.clean(manifest.plan)}")
    suite.timestamp = manifest.started_at
    for name, value in (
        ("run", manifest.id),
        ("evidence", graded(manifest.evidence)),
        ("target", manifest.target),
        ("seed", str(manifest.seed)),
    ):
        suite.add_property(name, words.clean(value))
    suite.add_testcase(_whole_run(findings))
    zero_ns = axis(findings.history, assessment).zero_ns
    for verdict in assessment.verdicts:
        case = _case(verdict, suite.name, zero_ns, findings.plan.canaries.latency)
        case.time = _seconds(under_test_s(verdict, findings))
        suite.add_testcase(case)
    for what, ones in (("not_run", assessment.not_run), ("not_asked", assessment.not_asked)):
        for one in ones:
            suite.add_property(f"{what}.{words.clean(one.id)}", words.clean(one.why))
    document = JUnitXml("closeshave")
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]  # junitparser annotates half of itself
    suite.time = document.time = _seconds(load_s(manifest))
    root = ElementTree.fromstring(document.tostring())  # type: ignore[no-untyped-call]  # noqa: S314 - as above; and it was written just now, here
    # The library counts skipped cases there too, which the schema of Jenkins does not allow.
    root.attrib.pop("skipped", None)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _whole_run(findings: Findings) -> TestCase:
    """The run as a whole: an error for what no verdict shows (counts that do not agree, an interruption), else passed."""
    assessment = findings.assessment
    case = TestCase("run", f"closeshave.{words.clean(findings.plan.name)}.run")
    case.time = _seconds(load_s(findings.history.manifest))
    shown = worst(verdict.status for verdict in assessment.verdicts if verdict.gates)
    trouble = _OWN_TROUBLE.get(findings.exit_code)
    if trouble or assessment.status.severity > shown.severity or not assessment.verdicts:
        said = headline(assessment, findings.history.manifest.evidence, findings.exit_code)
        result = Error(said.text, trouble or assessment.status.value)
        result.text = "\n".join(words.clean(reason) for reason in assessment.reasons)
        case.result = [result]
    return case


def _case(verdict: Verdict, suite: str, zero_ns: int, canary_limit_s: float) -> TestCase:
    case = TestCase(words.clean(verdict.id), f"{suite}.{words.clean(verdict.measure)}")
    if told := words.exposed(verdict):
        case.system_out = words.clean(f"{words.measured(verdict)} {told}")
    if verdict.status is Status.PASS:
        return case
    message = words.clean(verdict.reason or _figures(verdict))
    if not verdict.gates:
        case.result = [Skipped(f"{verdict.status.value}, shown only: {message}")]
        return case
    kind = Failure if verdict.status is Status.FAIL else Error
    result = kind(message, verdict.status.value)
    result.text = "\n".join([_figures(verdict), *_evidence(verdict, zero_ns, canary_limit_s)])
    case.result = [result]
    return case


def _seconds(duration_s: float) -> float:
    """As the schema of Jenkins allows: to the millisecond, and without an exponent."""
    return round(duration_s, 3)


def _figures(verdict: Verdict) -> str:
    return f"measured {words.measured(verdict)}, the promise is {words.bound(verdict)}, confidence {words.interval(verdict)}, n = {words.count(verdict.n)}"


def _evidence(verdict: Verdict, zero_ns: int, canary_limit_s: float) -> list[str]:
    lines: list[str] = []
    for number, witness in enumerate(verdict.witnesses, 1):
        told = testimony(witness, zero_ns, canary_limit_s)
        lines += ["", f"witness {number}: {told.why}"]
        lines += [f"  {name}: {value}" for name, value in told.facts]
        for table in told.tables:
            lines += [f"  {table.name}:", *(f"    {dict(zip(table.columns, row, strict=True))}" for row in table.rows)]
    return lines
