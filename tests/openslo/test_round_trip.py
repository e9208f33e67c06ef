"""What is exported is valid, and is imported back equal; what OpenSLO cannot express is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from closeshave.files.shipped import available, locate
from closeshave.openslo import writing
from closeshave.openslo.exporting import Exported, exported, trouble
from closeshave.openslo.importing import Imported, imported
from closeshave.target import SHARES, TIMES, Claim, Measure, Objective, Statement, Target, read_target
from tests.openslo.rules import SCHEMA

EVERY_KEY = Path(__file__).parents[2] / "docs" / "examples" / "every-key" / "target.yaml"
SHIPPED = [locate("environments/targets", name) for name in available("environments/targets")]
SHIPPED = [path for path in SHIPPED if not all(map(trouble, read_target(path).objectives))]
"""A target that has nothing but bounds on single faults exports no SLO."""
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def there_and_back(target: Target) -> tuple[Exported, Imported]:
    """Through files, as a user would."""
    made = exported(target)
    with TemporaryDirectory() as directory:
        path = Path(directory, "slo.yaml")
        path.write_text(writing.openslo_text(made.documents, made.left_out), encoding="utf-8")
        return made, imported(writing.nodes([path]))


def expressible(target: Target) -> Target:
    """What comes back: everything but these objectives and waivers."""
    return replace(target, objectives=tuple(each for each in target.objectives if not trouble(each)), waive=())


@pytest.mark.parametrize("path", [*SHIPPED, EVERY_KEY], ids=lambda path: path.stem)
def test_a_target_comes_back_equal(path: Path) -> None:
    """And what does not come back is named, each with its reason."""
    target = read_target(path)
    made, back = there_and_back(target)
    assert back.target == expressible(target)
    assert back.left_out == ()
    missing = [each for each in target.objectives if trouble(each)]
    assert {each.measure for each in missing}.isdisjoint(SHARES | TIMES)
    named = [each.where.split(" ")[0] for each in made.left_out if each.what == "not exported"]
    assert named == [each.id for each in missing]
    assert any(each.what == "waive" for each in made.left_out) == bool(target.waive)


@pytest.mark.parametrize("path", [*SHIPPED, EVERY_KEY], ids=lambda path: path.stem)
def test_what_is_exported_keeps_the_rules_of_openslo(path: Path) -> None:
    """As a YAML file of several documents; every SLO has a name of its own."""
    made = exported(read_target(path))
    found = list(YAML(typ="safe").load_all(writing.openslo_text(made.documents, made.left_out)))
    assert len(found) == len(made.documents) >= 2
    for document in found:
        CHECK.validate(document)
    names = [(each["kind"], each["metadata"]["name"]) for each in found]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_imported_target_is_a_file_that_can_be_read(path: Path, tmp_path: Path) -> None:
    """It says the same as the imported value."""
    _, back = there_and_back(read_target(path))
    written = tmp_path / "target.yaml"
    writing.write_new(written, writing.target_text(back.target, back.left_out))
    assert read_target(written) == back.target


def test_the_rules_refuse_what_openslo_refuses() -> None:
    """Otherwise they would show nothing."""
    _, slo, *_ = exported(read_target(SHIPPED[0])).documents
    CHECK.validate(slo)
    (goal,) = slo["spec"]["objectives"]
    broken = (
        {**slo, "apiVersion": "openslo/v1alpha"},
        {**slo, "metadata": {"name": "Not_a_label"}},
        {**slo, "spec": {**slo["spec"], "objectives": [{**goal, "target": 1.0}]}},
        {**slo, "spec": {**slo["spec"], "budgetingMethod": "occurrences"}},
        {**slo, "spec": {**slo["spec"], "indicator": {"metadata": {"name": "x"}, "spec": {}}}},
        {**slo, "spec": {**slo["spec"], "timeWindow": []}},
    )
    assert [CHECK.is_valid(each) for each in broken] == [False] * len(broken)


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param("\x01" * 38 + "a b", id="a line that is broken beside an escaped character"),
        pytest.param("team\x85payments", id="a next line"),
        pytest.param("team\u2028\xa0payments\ufeff", id="other line breaks and spaces"),
    ],
)
def test_any_letter_of_a_text_comes_back(owner: str) -> None:
    """Also those that YAML would fold into a space."""
    target = read_target(SHIPPED[0])
    odd = replace(target, claims=(replace(target.claims[0], owner=owner), *target.claims[1:]))
    _, back = there_and_back(odd)
    assert back.target is not None
    assert back.target.claims[0].owner == owner


SHARE = st.floats(0, 1)
TEXT = st.text(max_size=80)
IDS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
COMMON = {
    "per": st.sampled_from(["all", "region", "shard", "operation"]),
    "confidence": st.floats(0.51, 0.999),
    "sliding": st.none() | st.integers(1, 3600).map(float),
    "window": st.sampled_from(["calm", "run", "fault"]),
    "operations": st.sampled_from([(), ("login",), ("slots", "book")]),
    "at_least_chances": st.none() | st.integers(1, 1000),
}


def objectives(name: str) -> st.SearchStrategy[Objective]:
    """Any objective that is a share of requests, or a percentile of a time."""
    named = {"id": st.just(name), "claims": st.just(("P1",)), **COMMON}
    return st.one_of(
        st.builds(Objective, measure=st.sampled_from([Measure.AVAILABILITY, Measure.CACHE_HIT_RATIO]), at_least=SHARE, **named),
        st.builds(Objective, measure=st.just(Measure.ERROR_RATE), at_most=SHARE, **named),
        st.builds(
            Objective, measure=st.sampled_from(sorted(TIMES)), percentile=st.floats(0.001, 0.9999),
            at_most=st.integers(1, 10**8).map(lambda ms: ms / 1000), **named,
        ),
    )  # fmt: skip


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """A target of a few such objectives, with texts of any letters."""
    names = draw(st.lists(IDS, min_size=1, max_size=4, unique_by=str.lower))
    claim = Claim("P1", draw(TEXT), ("load",), owner=draw(TEXT), says=(Statement(availability=draw(SHARE), over=60.0),))
    return Target(draw(IDS), draw(TEXT.filter(bool)), (claim,), tuple(draw(objectives(name)) for name in names))


@given(targets())
def test_any_target_of_shares_comes_back_equal(target: Target) -> None:
    """But for objectives that OpenSLO cannot say exactly, which are named."""
    wanted = expressible(target)
    made = exported(target)
    for document in made.documents:
        CHECK.validate(document)
    assert len([each for each in made.left_out if each.what == "not exported"]) == len(target.objectives) - len(wanted.objectives)
    if wanted.objectives:
        _, back = there_and_back(target)
        assert back.target == wanted
