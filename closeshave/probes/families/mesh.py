"""Services serve nobody who does not show a certificate that they trust: without that, mutual TLS is only switched on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from closeshave.clients import stranger
from closeshave.clients.stranger import Reception
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, settled, unknown
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding

TIMEOUT_S = 5.0
WAYS: Mapping[str, Callable[[str, int, float], Reception]] = {
    "without TLS": stranger.plainly,
    "without a certificate": stranger.unnamed,
    "with a certificate of an unknown authority": stranger.of_nobody,
}
NO_SERVICES = "the environment file names no service whose mutual TLS could be tried (services)"


def _ask(scene: ProbeScene) -> None:
    for service, address in scene.basis.services.items():
        host, _, port = address.rpartition(":")
        for way, call in WAYS.items():
            met = call(host.strip("[]"), int(port), TIMEOUT_S)
            scene.see(f"{service}, {way}", f"a page of {address}, {way}", {"answer": met.answer, "refusal": met.refusal}, met.trouble)


def _judge(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    if not basis.services:
        return unknown(NO_SERVICES, seen)

    def wrong(one: Observation) -> str:
        if one.saw.get("answer"):
            return f"a stranger is served ({one.saw.get('answer')})"
        return "" if one.saw.get("refusal") else Unclear("neither served nor refused")

    subjects = [f"{service}, {way}" for service in basis.services for way in WAYS]
    return settled(seen, subjects, wrong, "every service refuses whoever shows no certificate that it trusts")


FAMILY = ProbeFamily(
    "mesh",
    "Services authenticate each other by mutual TLS.",
    (
        PromiseProbe(
            "mesh.strangers-refused",
            ("E09",),
            "Every service that the environment file names (`services`) refuses a connection without TLS, one without a client certificate, and one with "
            "a certificate of an unknown authority.",
            _ask,
            _judge,
            smoke=False,
        ),
    ),
)
