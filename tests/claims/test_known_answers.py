"""The shipped targets: the contradictions that are known of them, found from their files."""

from __future__ import annotations

import json
from functools import cache

import jsonschema
import pytest

from closeshave.claims import telling, zipf
from closeshave.claims.finding import ClaimFinding
from closeshave.claims.reading import promises
from closeshave.claims.rules import lint
from closeshave.reference.schemas import schemas

KNOWN = {
    "four nines against five minutes": ("budget-and-recovery", {"E05", "E21"}, ("4.32 min", "116 %", "29 %")),
    "a million users at 100,000 requests/s": ("users-and-rate", {"E01", "E02"}, ("every 10 s", "7 s of think time", "140,845 requests/s")),
    "recovery times of one product": ("one-product", {"E21", "T01"}, ("says 5 min (E21)", "says 15 min (T01)")),
    "loss windows of one product": ("one-product", {"E22", "T02", "A08"}, ("says 30 s (E22)", "says 5 min (T02)", "says 15 min (A08)")),
    "log backups every 15 min": ("backup-and-loss", {"A08", "E22", "T02"}, ("every 15 min", "30 s (E22)", "5 min (T02)")),
    "residency against failover": ("residency-and-failover", {"E23", "E24"}, ("eu-west-1", "second region", "exception")),
    "faults in a run of minutes": ("run-and-budget", {"E05"}, (" nightly", "calm", "0.01 %")),
    "hit ratio against rate and popularity": (
        "hits-and-rate",
        {"E18", "E14", "E07", "E02"},
        ("488 lookups/s", "99.972 %", "same proportion"),
    ),
    "ranges against popularity": ("ranges-and-popularity", {"E04"}, ("73 %", "25 %", "try both")),
}


@cache
def found() -> tuple[ClaimFinding, ...]:
    """Of all that is shipped."""
    several, left_out = promises(())
    assert left_out == ()
    return lint(several)


@pytest.mark.parametrize("known", KNOWN)
def test_a_known_contradiction_is_found_with_its_figures(known: str) -> None:
    """By its rule, about these promises."""
    rule, claims, said = KNOWN[known]
    fitting = [each for each in found() if each.id == rule and claims <= set(each.claims) and all(text in each.sentence for text in said)]
    assert len(fitting) == 1, [each for each in found() if each.id == rule]


def test_a_few_hundred_lookups_cannot_reach_it_and_the_promised_rate_does_without_effort() -> None:
    """With the exponent of the plans, and with 1 too."""
    for exponent in (0.8, 1.0):
        assert zipf.hit_ratio(300, 3600, 100_000, exponent) < 0.95
        assert zipf.hit_ratio(100_000, 3600, 100_000, exponent) > 0.999


def test_no_shipped_objective_is_weaker_than_its_promise() -> None:
    """Whoever changes one changes the other."""
    assert [each.sentence for each in found() if each.id == "objective-and-promise"] == []


def test_every_finding_is_a_sentence_about_claims_of_its_targets() -> None:
    """With a figure in it, and no word of the code."""
    several, _ = promises(())
    claims = {(each.target.name, claim.id) for each in several for claim in each.target.claims}
    for each in found():
        assert each.sentence.endswith("."), each.sentence
        assert any(letter.isdigit() for letter in each.sentence)
        assert "None" not in each.sentence
        assert all(any((name, claim) in claims for name in each.targets) for claim in each.claims), each


def test_the_document_fits_its_schema() -> None:
    """What ``--json`` prints."""
    several, left_out = promises(())
    document = json.loads(json.dumps(telling.told(telling.linted(several, found(), left_out))))
    jsonschema.validate(document, schemas()["claims"])
    assert document["contradictions"] >= 5
