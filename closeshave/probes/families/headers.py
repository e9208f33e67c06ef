"""Security headers are on every answer, also on refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, settled, status
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding

NOWHERE = "/closeshave-probe-no-such-page"


def _subjects(basis: ProbeBasis) -> list[str]:
    return [f"{what} at {region}" for region in basis.edges for what in ("an answer", "a refusal", "a page that is not there")]


def _header(name: str, header: str, claims: tuple[str, ...], says: str, weak: Callable[[str], str]) -> PromiseProbe:
    """A probe of one header; ``weak`` says why a value protects nobody, empty if it does."""

    def ask(scene: ProbeScene) -> None:
        for region in scene.regions:
            nobody = scene.nobody(region)
            asked = (scene.request("services", nobody), scene.request("profile", nobody), scene.reading(NOWHERE, nobody))
            for what, request in zip(("an answer", "a refusal", "a page that is not there"), asked, strict=True):
                answer = scene.send(region, request)
                scene.saw(f"{what} at {region}", f"{request.method} {request.path}", answer, header=answer.headers.get(header.lower()))

    def judge(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
        def wrong(one: Observation) -> str:
            if status(one) >= 500:
                return Unclear(f"the platform answered {status(one)}")
            told = one.saw.get("header")
            if not isinstance(told, str):
                return f"has no {header}"
            return f"{header}: {told} {why}" if (why := weak(told)) else ""

        return settled(seen, _subjects(basis), wrong, f"{header} is on every answer")

    return PromiseProbe(name, claims, says, ask, judge, smoke=False, needs=("services", "profile"))


def _hsts(told: str) -> str:
    found = re.search(r"max-age\s*=\s*\"?(\d+)", told, re.IGNORECASE)
    return "" if found and int(found[1]) > 0 else "switches it off, or states no time"


def _policy(told: str) -> str:
    return "" if re.search(r"\b(default-src|script-src)\b", told) else "says nothing about scripts"


def _frames(told: str) -> str:
    return "" if told.strip().upper() in {"DENY", "SAMEORIGIN"} else "is neither DENY nor SAMEORIGIN"


def _filter(told: str) -> str:
    # "0" switches the filter of old browsers off, which is the advice of today; it is a header that is present.
    return "" if re.match(r"\s*[01]\b", told) else "is neither 0 nor 1"


FAMILY = ProbeFamily(
    "headers",
    "Security headers are on answers, refusals and pages that are not there.",
    (
        _header(
            "headers.strict-transport-security",
            "Strict-Transport-Security",
            ("P08", "A13", "B17"),
            "HSTS is there, with a max-age above 0.",
            _hsts,
        ),
        _header(
            "headers.content-security-policy",
            "Content-Security-Policy",
            ("P08", "B17"),
            "CSP is there, and says where scripts may come from.",
            _policy,
        ),
        _header("headers.frame-options", "X-Frame-Options", ("P08", "B17"), "X-Frame-Options is DENY or SAMEORIGIN.", _frames),
        _header("headers.xss-protection", "X-XSS-Protection", ("P08", "B17"), "X-XSS-Protection is there: 0 or 1.", _filter),
    ),
)
