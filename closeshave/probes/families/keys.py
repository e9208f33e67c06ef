"""Payment keys that a platform shows are of its stage."""

from __future__ import annotations

import re
from collections.abc import Sequence

from closeshave.environments.outside import CAPS
from closeshave.environments.remote import guard
from closeshave.environments.remote.definition import Fingerprint, Remote, Stage
from closeshave.environments.remote.look import SHOWN, RegionAnswer, shows_live_key
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, settled
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding

_TEST = re.compile(r"\b(?:sk|pk|rk)_test_[0-9A-Za-z]+")
"""Stripe's prefixes of keys that move no real money (docs.stripe.com/keys)."""


def _ask(scene: ProbeScene) -> None:
    for region in scene.regions:
        kinds: set[str] = set()
        answered = 0
        for path in SHOWN:
            answer = scene.send(region, scene.reading(path, scene.nobody(region)))
            answered += answer.good
            kinds |= {kind for kind, there in (("live", shows_live_key(answer.text)), ("test", bool(_TEST.search(answer.text)))) if there}
        # The keys themselves are never kept.
        scene.see(
            region, f"pages that are known to show keys: {', '.join(SHOWN)}", {"status": 200 if answered else 0, "kinds": sorted(kinds)}
        )


def _judge(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    barred = "test" if basis.stage == "production" else "live"

    def wrong(one: Observation) -> str:
        kinds = one.saw.get("kinds")
        if not isinstance(kinds, list):
            return Unclear("what was shown is not known")
        if barred in kinds:
            return f"a {basis.stage} platform shows {barred} keys"
        return "" if kinds else Unclear("it shows no payment key, so that their kind is not known")

    return settled(seen, basis.edges, wrong, f"every key that is shown is one for {basis.stage}")


_STAGES: tuple[Stage, ...] = ("development", "staging", "production")


def _ask_guard(scene: ProbeScene) -> None:
    """The harness's own guard, with an answer that shows a live key, for a platform of every stage."""
    shown = RegionAnswer("a region", {}, live_keys_at=("/health",))
    for stage in _STAGES:
        platform = Remote(
            kind="remote",
            name="probe",
            regions={"a region": "https://example.com"},
            fingerprint=Fingerprint("/health", {}),
            caps=CAPS,
            stage=stage,
        )
        saw = {"refused": list(guard.unsound(platform, [shown]))}
        scene.see(stage, f"the guard, about a {stage} platform that shows a live key at /health", saw)


def _judge_guard(seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        refused = one.saw.get("refused")
        if not isinstance(refused, list):
            return Unclear("what the guard said is not known")
        if one.subject == "production":
            return "" if not refused else "the guard takes a live key of production for a wrong one"
        return "" if refused else "the guard lets it be loaded"

    return settled(seen, _STAGES, wrong, "no platform but production is loaded if it shows live keys")


FAMILY = ProbeFamily(
    "keys",
    "Payment keys are of the platform's stage.",
    (
        PromiseProbe(
            "keys.kind-by-stage",
            ("P11",),
            "Pages that are known to show payment keys show no live key outside production, and no test key there. Without any key it is unknown.",
            _ask,
            _judge,
            smoke=False,
        ),
        PromiseProbe(
            "keys.live-keys-not-loaded",
            ("P11",),
            "The harness refuses to load a development or staging platform that shows a live key.",
            _ask_guard,
            _judge_guard,
        ),
    ),
)
