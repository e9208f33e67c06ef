"""SLO documents of other tools: what becomes of them, what is left out by name, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.files.yamlfile import InvalidFile
from closeshave.openslo import writing
from closeshave.openslo.importing import Imported, imported
from closeshave.target import Claim, Measure, Objective, Statement

RATIO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout, displayName: Checkout works}
spec:
  description: Orders are taken
  service: shop
  indicator:
    metadata: {name: orders}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: 'http_requests{code!~"5.."}'}}}
        total: {metricSource: {type: Prometheus, spec: {query: http_requests}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - {displayName: checkout, targetPercent: 99.9}
"""
THRESHOLD = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: quick}
spec:
  service: shop
  indicatorRef: latency
  budgetingMethod: Occurrences
  objectives:
    - {op: lte, value: 250, target: 0.95}
    - {op: lt, value: 1000, target: 0.99}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: latency}
spec:
  thresholdMetric:
    metricSource: {metricSourceRef: metrics, type: Datadog, spec: {query: "p(request_ms)"}}
"""


@pytest.fixture
def bring(tmp_path: Path):
    """Import these texts, a file each."""

    def carried_out(*texts: str, **options) -> Imported:
        paths = []
        for number, text in enumerate(texts):
            paths.append(tmp_path / f"{number}.yaml")
            paths[-1].write_text(text, encoding="utf-8")
        made = imported(writing.nodes(paths), **options)
        writing.target_text(made.target, made.left_out)
        return made

    return carried_out


def left(made: Imported) -> dict[str, str]:
    """The last part of each key that was left out, and the reason."""
    return {each.what.rpartition(".")[2]: each.why for each in made.left_out}


def test_a_ratio_becomes_an_availability(bring) -> None:
    """With its promise; the window is a figure of it, the queries are left out by name."""
    made = bring(RATIO, fallback="shop")
    assert made.target.name == "shop"
    assert made.target.claims == (
        Claim("checkout", "Orders are taken", ("load",), says=(Statement(availability=0.999, over=28 * 86400.0),)),
    )
    assert made.target.objectives == (Objective("checkout", ("checkout",), Measure.AVAILABILITY, at_least=0.999),)
    assert [each.what.rpartition("ratioMetric.")[2] for each in made.left_out] == ["good.metricSource.spec", "total.metricSource.spec"]
    assert made.left_out[0].where.endswith("0.yaml:12")


def test_a_ratio_of_bad_events_becomes_an_error_rate(bring) -> None:
    """1 - 99.9 % is 0.1 %, without binary rounding; its window cannot be kept."""
    made = bring(RATIO.replace("good:", "bad:"))
    assert made.target.objectives == (Objective("checkout", ("checkout",), Measure.ERROR_RATE, at_most=0.001),)
    assert "timeWindow" in left(made)


def test_thresholds_become_percentiles_of_the_response_time(bring) -> None:
    """The indicator stands elsewhere, the unit in its query; assumptions are told."""
    made = bring(THRESHOLD)
    kept: dict[str, Any] = {"claims": ("quick",), "measure": Measure.LATENCY, "except_operations": ("login",)}
    assert made.target.objectives == (
        Objective(id="quick-1", at_most=0.25, percentile=0.95, **kept),
        Objective(id="quick-2", at_most=1.0, percentile=0.99, **kept),
    )
    assert left(made)["op"] == "lt is taken as lte"
    assert "nothing in the file says what it measures" in left(made)["value"]


@pytest.mark.parametrize(
    ("query", "unit", "seconds"),
    [
        ("request_seconds_bucket", None, 250.0),
        ("request_ms", "s", 0.25),
        ("request", "s", 250.0),
        ("request", "ms", 0.25),
        ("request", None, None),
    ],
)
def test_a_threshold_needs_a_unit(bring, query: str, unit, seconds: float | None) -> None:
    """The query's own word goes before the option; without either the objective is left out, and here there is no other."""
    text = THRESHOLD.replace("request_ms", query).replace("    - {op: lt, value: 1000, target: 0.99}\n", "")
    if seconds is None:
        with pytest.raises(InvalidFile, match="--unit s or --unit ms"):
            bring(text, unit=unit)
    else:
        assert bring(text, unit=unit).target.objectives[0].at_most == seconds


TOTAL = "        total: {metricSource: {type: Prometheus, spec: {query: http_requests}}}\n"
INDICATOR = RATIO[RATIO.index("  indicator:") : RATIO.index("  timeWindow:")]
GOAL = "targetPercent: 99.9"
LEFT_OUT: dict[str, Any] = {
    "time slices": (("Occurrences", "Timeslices"), (GOAL, f"{GOAL}, timeSliceTarget: 0.9, timeSliceWindow: 5m"), "time slices"),
    "ratios of time slices": (("Occurrences", "RatioTimeslices"), (GOAL, f"{GOAL}, timeSliceWindow: 5m"), "time slices"),
    "a ratio that is raw": (("        good: ", "        rawType: success\n        raw: "), (TOTAL, ""), "somebody else computed"),
    "an indicator that is nowhere": ((INDICATOR, "  indicatorRef: gone\n"), "there is no SLI of the name gone"),
    "a share of nothing": ((GOAL, "targetPercent: 0"), "a share of 0 is kept by every platform"),
    "all may be bad": ((GOAL, "target: 0"), ("        good: ", "        bad: "), "a share of 0 is kept by every platform"),
    "a composite": ((GOAL, f"{GOAL}, indicatorRef: other, compositeWeight: 2"), "composite SLO"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_cannot_be_expressed_is_left_out_by_name(bring, case: str) -> None:
    """Alone it gives no objective, and that is refused with the reason; beside another SLO it is named."""
    *changes, why = LEFT_OUT[case]
    text = RATIO
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(InvalidFile, match=why):
        bring(text)
    made = bring(text, THRESHOLD)
    assert {each.id for each in made.target.objectives} == {"quick-1", "quick-2"}
    assert any(why in each.why for each in made.left_out)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("  budgetingMethod", "  alertPolicies: [{alertPolicyRef: page}]\n  budgetingMethod", "alertPolicies"),
        ("isRolling: true", 'isRolling: false, calendar: {startTime: "2026-01-01 00:00:00", timeZone: UTC}', "calendar"),
        ("displayName: Checkout works", "labels: {team: [a]}", "labels"),
        ("displayName: Checkout works", "annotations: {a: b}", "annotations"),
        ("  service: shop", "  service: shop\n  colour: red", "colour"),
        ("displayName: checkout,", "displayName: Ninety nine,", "displayName"),
        ("targetPercent: 99.9", "targetPercent: 99.9, op: gte, value: 1", "value"),
        ("kind: SLO", "kind: SLO\ncolour: red", "colour"),
        ("counter: true", "counter: true\n        colour: red", "colour"),
    ],
)
def test_every_key_that_is_not_used_is_named(bring, old: str, new: str, key: str) -> None:
    """Whatever it is."""
    assert old in RATIO
    assert key not in left(bring(RATIO))
    assert key in left(bring(RATIO.replace(old, new)))


@pytest.mark.parametrize("kind", ["DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"])
def test_a_document_of_another_kind_is_named(bring, kind: str) -> None:
    """It is no objective."""
    made = bring(f"{RATIO}---\napiVersion: openslo/v1\nkind: {kind}\nmetadata: {{name: other}}\nspec: {{}}\n")
    assert left(made)["kind"].startswith(kind)


REFUSED = {
    "another version": ("openslo/v1", "openslo/v2alpha", r"0\.yaml:1: apiVersion: 'openslo/v2alpha' cannot be read; openslo/v1 can"),
    "no version": ("apiVersion: openslo/v1\n", "", "apiVersion: is missing"),
    "another kind": ("kind: SLO", "kind: SLOO", r"0\.yaml:2: kind: 'SLOO' is unknown here \(did you mean SLO\?\)"),
    "a name that is none": ("name: checkout", "name: Check Out", r"0\.yaml:3: metadata\.name: 'Check Out' is no name"),
    "a target of everything": (GOAL, "targetPercent: 100", r"0\.yaml:17: spec\.objectives\.0\.targetPercent: 100 is not from 0"),
    "two targets": ("targetPercent: 99.9", "targetPercent: 99.9, target: 0.9", "give exactly one of target and targetPercent"),
    "no target": (", targetPercent: 99.9", "", "give exactly one of target and targetPercent"),
    "a target that is no number": ("targetPercent: 99.9", "targetPercent: many", "'many' is not a finite number"),
    "a target that is infinite": ("targetPercent: 99.9", "targetPercent: .inf", "not a finite number"),
    "an unknown method": ("Occurrences", "Occurrence", "did you mean Occurrences"),
    "a window that rolls on a list": ("isRolling: true", "isRolling: []", "isRolling: is neither true nor false"),
    "a window that rolls by a number": ("isRolling: true", "isRolling: 1", "isRolling: is neither true nor false"),
    "a kind that is a list": ("kind: SLO", "kind: []", r"kind: \[\] is not text"),
    "a window that is none": ("duration: 4w", "duration: 4 weeks", "'4 weeks' is not a duration of OpenSLO"),
    "two windows": ("{duration: 4w, isRolling: true}", "{duration: 4w, isRolling: true}, {duration: 1d, isRolling: true}", "more than one window"),
    "no objectives": ("  objectives:\n    - {displayName: checkout, targetPercent: 99.9}\n", "", "spec.objectives: is missing"),
    "good and bad": ("        total:", "        bad: {metricSource: {spec: {query: x}}}\n        total:", "either good or bad"),
    "two indicators": ("  service: shop", "  service: shop\n  indicatorRef: other", "goes not with indicator"),
    "a list for a mapping": ("metadata: {name: orders}", "metadata: [orders]", r"spec\.indicator\.metadata: \['orders'\] is not a mapping"),
    "broken YAML": ("kind: SLO", "kind: [SLO", "0.yaml:[0-9]+: not valid YAML"),
    "an alias that grows": ("kind: SLO", "kind: SLO\nx: " + "[" * 100 + "]" * 100, "too deeply nested"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_with_file_line_and_key(bring, case: str) -> None:
    """In any of several documents."""
    old, new, message = REFUSED[case]
    assert old in RATIO
    with pytest.raises(InvalidFile, match=message):
        bring(RATIO.replace(old, new, 1))
    with pytest.raises(InvalidFile):
        bring(THRESHOLD, RATIO.replace(old, new, 1))


def test_the_line_is_that_of_the_whole_file(bring) -> None:
    """A second document begins where it begins."""
    service = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\n---\n"
    with pytest.raises(InvalidFile, match=r"0\.yaml:19: spec\.budgetingMethod"):
        bring(service + RATIO.replace("Occurrences", "Often"))


def test_two_of_one_name_are_refused(bring) -> None:
    """Their verdicts could not be told apart."""
    with pytest.raises(InvalidFile, match=r"1\.yaml:17: .*checkout is there already"):
        bring(RATIO, RATIO)
    with pytest.raises(InvalidFile, match="there is already a SLI of the name latency"):
        bring(THRESHOLD, THRESHOLD.split("---\n")[1])


def test_every_problem_of_every_file_is_told(bring) -> None:
    """Not only the first."""
    with pytest.raises(InvalidFile) as error:
        bring(RATIO.replace("99.9", "100"), THRESHOLD.replace("lte", "about"))
    assert len(error.value.problems) == 2


WAIVER = '{"verdict": "*", "owner": "x", "reason": "x", "until": "2099-01-01"}'


@pytest.mark.parametrize(
    ("carried", "message"),
    [
        ("no JSON", "is not a target as Closeshave writes it"),
        ("[]", "is not a target as Closeshave writes it"),
        (f'{{"name": "x", "title": "x", "claims": [], "objectives": [], "waive": [{WAIVER}]}}', "waived failures"),
        ('{"name": "x y", "title": "x", "claims": [], "objectives": []}', "is not a target"),
    ],
)  # fmt: skip
def test_an_annotation_that_is_no_exported_target_is_refused(bring, carried: str, message: str) -> None:
    """No waiver comes in unseen."""
    text = f"apiVersion: openslo/v1\nkind: Service\nmetadata:\n  name: shop\n  annotations:\n    closeshave/target: '{carried}'\n"
    with pytest.raises(InvalidFile, match=message):
        bring(RATIO, text)


def test_hostile_text_stays_text(bring, tmp_path: Path) -> None:
    """No key, no comment and no line of the target file is made of it."""
    hostile = 'Orders\\n  - {id: evil}\\u001b[31m # \\"x\\" \\u2028 ${HOME} {{x}}'
    made = bring(RATIO.replace("Orders are taken", f'"{hostile}"').replace("  service: shop", '  service: shop\n  "a\\nid: evil": 1'))
    text = writing.target_text(made.target, made.left_out)
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line.startswith("id:")] == []
    assert "evil" in made.target.claims[0].text
    assert "\x1b" in made.target.claims[0].text


KEYS = st.sampled_from(
    ["apiVersion", "kind", "metadata", "spec", "name", "objectives", "target", "indicator", "ratioMetric", "good", "total", "metricSource", "timeWindow"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["openslo/v1", "SLO", "Occurrences", "closeshave"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.fixed_dictionaries({"apiVersion": st.just("openslo/v1"), "kind": st.just("SLO"), "metadata": ANYTHING, "spec": ANYTHING}))
def test_whatever_a_document_holds_it_is_imported_or_refused(tmp_path_factory, document) -> None:
    """Never another error."""
    path = tmp_path_factory.mktemp("any") / "slo.yaml"
    path.write_text(writing.openslo_text([document], ()), encoding="utf-8")
    with suppress(InvalidFile):
        made = imported(writing.nodes([path]))
        writing.target_text(made.target, made.left_out)
