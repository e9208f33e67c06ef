"""A session is good in every region, and nothing that only looks like one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import busy, settled, status
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeCustomer, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

NEEDS = ("login", "profile")


def _ask_profile(scene: ProbeScene, subject: str, who: ProbeCustomer, region: str) -> None:
    answer = scene.call("profile", who, scene.basis.topology.shards[0].first, region)
    told = scene.api.told("profile", answer.json) if answer.good else None
    client = told.get("client_id") if isinstance(told, dict) else None
    own = client is not None and str(client) == who.client
    scene.saw(subject, f"the profile at {region}, with {'a' if who.token else 'no'} token of {who.region}", answer, own=own)


def _pairs(basis: ProbeBasis) -> list[str]:
    return [f"opened in {home}, used in {region}" for home in basis.edges for region in basis.edges]


def _ask_everywhere(scene: ProbeScene) -> None:
    for home in scene.regions:
        who = people.customer(scene, home)
        for region in scene.regions:
            _ask_profile(scene, f"opened in {home}, used in {region}", who, region)


def _judge_everywhere(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        if status(one) != 200:
            return f"answers {status(one)}"
        return "" if one.saw.get("own") is True else "shows another account, or none"

    return settled(seen, _pairs(basis), wrong, f"a session of each of {len(basis.edges)} regions is good in all of them")


def _refusal(name: str, says: str, changed: str) -> PromiseProbe:
    """A probe that no profile is shown to somebody whose token is not good."""

    def ask(scene: ProbeScene) -> None:
        who = people.customer(scene)
        if changed == "none":
            token = ""
        elif changed == "signature":
            head, _, end = who.token.rpartition(".")
            token = f"{head}.{end[::-1]}"
        else:
            # The algorithm "none" of RFC 7519: a token without a signature.
            token = f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{[*who.token.split('.'), '', ''][1]}."
        for region in scene.regions:
            _ask_profile(scene, region, replace(who, token=token), region)

    def judge(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
        def wrong(one: Observation) -> str:
            return busy(one) or ("" if status(one) in {401, 403, 422} else f"answers {status(one)}")

        return settled(seen, basis.edges, wrong, "refused in every region")

    return PromiseProbe(name, (), says, ask, judge, reach=ProbeReach.BOOKS, needs=NEEDS)


FAMILY = ProbeFamily(
    "sessions",
    "A session is good in every region; what is no session is good in none.",
    (
        PromiseProbe(
            "sessions.good-everywhere",
            ("E16",),
            "Somebody logs in, in each region in turn, and reads the own profile in every region. (That it stays good when that region is lost is a "
            "matter of faults.)",
            _ask_everywhere,
            _judge_everywhere,
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
        _refusal("sessions.anonymous-refused", "A profile is not shown without a token.", "none"),
        _refusal("sessions.forged-refused", "A token with a changed signature is refused in every region.", "signature"),
        _refusal(
            "sessions.unsigned-refused",
            "A token that states the algorithm none, and has no signature, is refused in every region.",
            "algorithm",
        ),
    ),
)
