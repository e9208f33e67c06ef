"""Endpoints speak current versions of TLS only, with a certificate that lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from closeshave.clients import tls
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, figure, settled
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import CannotAsk, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding

TIMEOUT_S = 5.0
DAYS_LEFT_MIN = 14.0
"""A certificate that ends sooner is not being renewed: ACME clients renew a third of 90 days before the end."""
OLD, CURRENT = ("TLS 1.0", "TLS 1.1"), ("TLS 1.2", "TLS 1.3")


def _endpoints(scene: ProbeScene) -> list[tuple[str, str, int]]:
    if scene.deployment.proxy is not None:
        raise CannotAsk("the platform is reached through a proxy, whose handshake it would be")
    found = []
    for region, url in scene.basis.edges.items():
        parts = urlsplit(url)
        if parts.scheme != "https":
            raise CannotAsk(f"the endpoint of {region} speaks plain HTTP here ({url})")
        found.append((region, parts.hostname or "", parts.port or 443))
    return found


def _ask(versions: Sequence[str]) -> Callable[[ProbeScene], None]:
    def ask(scene: ProbeScene) -> None:
        for region, host, port in _endpoints(scene):
            for version in versions:
                shaken = tls.shake(host, port, version, TIMEOUT_S)
                saw = {"agreed": shaken.version, "refusal": shaken.refusal}
                scene.see(f"{version} at {region}", f"a handshake with {host}:{port} that offers {version} alone", saw, shaken.trouble)

    return ask


def _judge(versions: Sequence[str], holds: str, *, refused: bool) -> Callable[[Sequence[Observation], ProbeBasis], ProbeFinding]:
    def wrong(one: Observation) -> str:
        agreed = bool(one.saw.get("agreed"))
        if not agreed and not one.saw.get("refusal"):
            return Unclear("neither agreed nor refused")
        if refused:
            return f"is accepted ({one.saw.get('agreed')})" if agreed else ""
        return "" if agreed else f"is refused ({one.saw.get('refusal')})"

    return lambda seen, basis: settled(seen, [f"{version} at {region}" for region in basis.edges for version in versions], wrong, holds)


def _ask_certificate(scene: ProbeScene) -> None:
    for region, host, port in _endpoints(scene):
        try:
            ends_s, why = tls.certificate_ends_s(host, port, TIMEOUT_S, scene.deployment.authority)
        except OSError as error:
            scene.see(region, f"the certificate of {host}:{port}", {}, f"{type(error).__name__} {error}".strip())
            continue
        left = None if ends_s is None else round((ends_s - time.time()) / 86_400, 2)
        scene.see(region, f"the certificate of {host}:{port}", {"trusted": ends_s is not None, "why": why, "days_left": left})


def _judge_certificate(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        days = figure(one, "days_left")
        if one.saw.get("trusted") is not True or days is None:
            return f"is not trusted: {one.saw.get('why')}"
        return "" if days >= DAYS_LEFT_MIN else f"ends in {days:.1f} days; it should have been renewed {DAYS_LEFT_MIN:g} days before"

    return settled(seen, basis.edges, wrong, f"every certificate is trusted and lasts {DAYS_LEFT_MIN:g} days and more")


FAMILY = ProbeFamily(
    "tls",
    "Endpoints speak current versions of TLS only.",
    (
        PromiseProbe(
            "tls.old-versions-refused",
            ("A13",),
            "A handshake that offers TLS 1.0 or 1.1 alone is refused by every endpoint.",
            _ask(OLD),
            _judge(OLD, "TLS 1.0 and 1.1 are refused everywhere", refused=True),
            smoke=False,
        ),
        PromiseProbe(
            "tls.current-version-accepted",
            ("A13",),
            "A handshake that offers TLS 1.2 alone is accepted by every endpoint.",
            _ask(CURRENT[:1]),
            _judge(CURRENT[:1], "TLS 1.2 is accepted everywhere", refused=False),
            smoke=False,
        ),
        PromiseProbe(
            "tls.newest-version-accepted",
            ("T13",),
            "A handshake that offers TLS 1.3 alone is accepted by every endpoint.",
            _ask(CURRENT[1:]),
            _judge(CURRENT[1:], "TLS 1.3 is accepted everywhere", refused=False),
            smoke=False,
        ),
        PromiseProbe(
            "tls.certificate-lasts",
            ("A13",),
            f"The certificate of every endpoint is trusted, for its name, and ends in {DAYS_LEFT_MIN:g} days at the soonest.",
            _ask_certificate,
            _judge_certificate,
            smoke=False,
        ),
    ),
)
