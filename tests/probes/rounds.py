"""Rounds of probes on the small shop, in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from closeshave.api import spoken
from closeshave.deployment import Account, Deployment, Edge, Payments
from closeshave.probes.asking import ask_all
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.catalogue import PROBES
from closeshave.probes.judging import findings
from closeshave.probes.places import EVERYTHING
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding
from closeshave.target import Claim, Statement, Target
from tests.probes.shop import ACCOUNTS, LIMIT, PASSWORD, REGIONS, TOPOLOGY, Shop, serving

TARGET = Target(
    "shop",
    "A shop",
    (
        Claim("E03", "serves everywhere", ("probe",), says=(Statement(regions=REGIONS),), probes=("regions.serving",)),
        Claim(
            "E14",
            "lives",
            ("probe",),
            says=(Statement(of="franchises", ttl=3600.0), Statement(of="sessions", ttl=86400.0)),
            probes=("ttl.*",),
        ),
        Claim("E11", "takes clients", ("probe",), says=(Statement(pooled_connections=100),), probes=("poolers.*",)),
        Claim("E12", "has replicas", ("fault",), says=(Statement(replicas=2),), probes=("replicas.as-many-as-promised",)),
    ),
    (),
)
BASIS = ProbeBasis(
    topology=TOPOLOGY,
    stage="staging",
    offers=tuple(sorted(spoken.shipped().offers)),
    limits={"slots": (LIMIT, 60.0)},
    reaches=EVERYTHING,
    target=TARGET,
)


def deployment(edges: Mapping[str, str]) -> Deployment:
    """The shop as an environment would describe it."""
    people = tuple(Account(email, PASSWORD, region) for email, region in ACCOUNTS.items() if not email.startswith("admin"))
    return Deployment(
        id="test", name="shop", kind="remote", root="", topology=TOPOLOGY, processes=(), members=(), stores=(), sentinels=(), links=(),
        edges=tuple(Edge(region, url, "", "") for region, url in edges.items()), payments=Payments("", "", ""), etcd_ports=(), database="", user="",
        accounts=people,
    )  # fmt: skip


@contextlib.contextmanager
def scene(shop: Shop, **changed: object) -> Iterator[ProbeScene]:
    """What a probe is given, of the running shop."""
    with serving(shop) as edges:
        basis = replace(BASIS, edges=edges, **changed)  # type: ignore[arg-type]  # fields of the basis
        made = ProbeScene(
            basis, deployment(edges), spoken.shipped(), administrator=Account("admin@us-east-1.example", PASSWORD, "us-east-1")
        )
        try:
            yield made
        finally:
            made.close()


def asked(name: str, *lies: str, **changed: object) -> tuple[ProbeFinding, tuple[Observation, ...]]:
    """The finding of one probe on the shop that tells these lies, and what was seen."""
    seen: list[Observation] = []
    with scene(Shop(*lies), **changed) as there:
        left = ask_all([PROBES[name]], there, seen.append, lambda _probe: None, _raise)
        assert left == ()
        return findings([name], seen, there.basis)[name], tuple(seen)


def basis_of(_seen: tuple[Observation, ...]) -> ProbeBasis:
    """The facts by which what was seen is judged: addresses do not matter."""
    return replace(BASIS, edges=dict.fromkeys(REGIONS, "http://127.0.0.1:1"))


def _raise(error: BaseException) -> None:
    raise error
