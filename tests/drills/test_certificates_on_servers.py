"""Certificates of real edges, under customers' requests: rotated without a failed request, put back after a kill in any step, and expired by a fault."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from closeshave.clients import edge_tls, handshake, web
from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.drills.catalogue import KINDS, WAYS_BACK
from closeshave.drills.certificate import rotate
from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts
from closeshave.drills.lifecycle import carry_out
from closeshave.environments import embedded
from closeshave.environments.definition import read_embedded
from closeshave.faults.catalogue import KINDS as FAULTS
from closeshave.faults.heal import heal_open
from closeshave.faults.kind import NotSeen
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from closeshave.files.shipped import locate
from tests.drills.visitors import visiting

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
ROTATE, EXPIRES = KINDS["certificate.rotate"], FAULTS["certificate.expires"]
LIMIT_S = 30.0
FORKED = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def shared() -> Iterator[Deployment]:
    """The shipped environment with TLS, without backup servers."""
    read = read_embedded(locate("environments", "embedded-tls"))
    deployment = embedded.up(replace(read, links=(), shards=tuple(replace(shard, backup="") for shard in read.shards)), say=print)
    yield deployment
    assert not embedded.down(Path(deployment.root))


def serials(platform: Deployment) -> dict[str, str]:
    """What a new customer is shown at each edge."""
    return {edge.frontend: handshake.shown(edge.url, platform.authority).serial for edge in platform.edges}


@pytest.fixture
def platform(shared: Deployment) -> Iterator[Deployment]:
    """Whatever a test does, every edge serves the certificate of before again, and nothing of a rotation is left."""
    before = serials(shared)
    yield shared
    assert serials(shared) == before
    assert all(proof.holds for proof in rotate.safe(ROTATE.way_back.aim(shared, {}, {})))


def carried(platform: Deployment, run: Path, kind: DrillKind = ROTATE) -> list[dict[str, Any]]:
    """Carry the drill out now; the timeline. It must be put back."""
    run.mkdir()
    aim = kind.way_back.aim(platform, {}, {})
    work = DrillWork("rotate", aim, run / "drills" / "rotate", after(LIMIT_S), lambda: False, lambda _member, _path: 0, print)
    assert carry_out(Ledger(run), kind, work, now_ns(), LIMIT_S) == []
    assert Ledger(run).open() == ()
    return [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]


def ended(timeline: list[dict[str, Any]]) -> tuple[str, str]:
    """How it ended, and why."""
    (found,) = [line for line in timeline if line["type"] == "drill-end"]
    return found["how"], found["why"]


def with_step(place: int, name: str, act: Callable[[DrillWork], Facts]) -> DrillKind:
    """The rotation with one step more."""
    return replace(ROTATE, steps=(*ROTATE.steps[:place], DrillStep(name, act), *ROTATE.steps[place:]))


def test_a_rotation_costs_no_request_and_every_edge_shows_the_new_certificate(platform: Deployment, tmp_path: Path) -> None:
    """The steps say which serial numbers were replaced, and the proofs saw no other ones than the new."""
    before = serials(platform)
    with visiting(platform) as customers:
        timeline = carried(platform, tmp_path / "run")
    assert ended(timeline) == ("carried-out", "")
    assert customers.failed == []
    assert customers.answered > 20
    steps = {line["step"]: line["facts"] for line in timeline if line["type"] == "drill-step"}
    assert list(steps) == [rotate.NOTE, rotate.ISSUE, rotate.INSTALL, rotate.KEEP]
    assert steps[rotate.NOTE] == before
    assert not set(before.values()) & set(steps[rotate.ISSUE].values())
    proofs = [line for line in timeline if line["type"] == "drill-proof"]
    assert len(proofs) == len(platform.edges)
    assert all(line["holds"] for line in proofs), proofs
    assert not list((tmp_path / "run").rglob("*.pem"))


def test_an_edge_that_serves_the_old_certificate_fails_the_proof(platform: Deployment, tmp_path: Path) -> None:
    """It is named, with the old serial number."""
    edge = platform.edges[1]
    old = serials(platform)[edge.frontend]

    def spoil(work: DrillWork) -> Facts:
        directory = Path(work.aim.deployment.authority).parent
        edge_tls.install(edge, (directory / rotate.BEFORE / f"{edge.frontend}.pem").read_bytes())
        return {}

    timeline = carried(platform, tmp_path / "run", replace(with_step(4, "spoil", spoil), proven_within_s=1.0))
    broken = [line for line in timeline if line["type"] == "drill-proof" and not line["holds"]]
    assert [edge.frontend in line["what"] for line in broken] == [True]
    assert f"10 handshakes show the old certificate {old}" in broken[0]["saw"]


def test_a_rotation_that_changes_no_file_fails_the_proof(platform: Deployment, tmp_path: Path) -> None:
    """An edge that is started again would serve the old certificate."""
    kind = replace(ROTATE, steps=ROTATE.steps[:3], proven_within_s=1.0)
    broken = [line for line in carried(platform, tmp_path / "run", kind) if line["type"] == "drill-proof" and not line["holds"]]
    assert len(broken) == len(platform.edges)
    assert all("the file from which it starts has another certificate" in line["saw"] for line in broken)


def test_a_certificate_that_an_edge_refuses_fails_the_drill(platform: Deployment, tmp_path: Path) -> None:
    """With HAProxy's reason."""

    def spoil(work: DrillWork) -> Facts:
        directory = Path(work.aim.deployment.authority).parent
        (directory / rotate.NEXT / f"{platform.edges[1].frontend}.pem").write_text("nonsense")
        return {}

    how, why = ended(carried(platform, tmp_path / "run", with_step(2, "spoil", spoil)))
    assert how == "failed"
    assert re.search(f"the edge of {platform.edges[1].region} refuses the certificate: unable to load", why), why


def kill(_work: DrillWork) -> Facts:
    """As nothing catches."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def half_installed(work: DrillWork) -> Facts:
    """One edge has its new certificate, and the next one is just getting it."""
    directory = Path(work.aim.deployment.authority).parent
    first, second = work.aim.deployment.edges
    edge_tls.install(first, (directory / rotate.NEXT / f"{first.frontend}.pem").read_bytes())
    assert second.tls is not None
    text = (directory / rotate.NEXT / f"{second.frontend}.pem").read_text()
    edge_tls._tell(second, f"set ssl cert {second.tls.certificate} <<\n{text}\n")
    return kill(work)


@pytest.mark.parametrize(
    "kind",
    [*(with_step(place, "kill", kill) for place in range(5)), with_step(2, "half", half_installed)],
    ids=["at once", "noted", "issued", "installed", "kept", "half installed"],
)
def test_after_a_kill_in_any_step_whoever_finds_the_ledger_puts_it_back(platform: Deployment, tmp_path: Path, kind: DrillKind) -> None:
    """Customers notice neither."""
    run = tmp_path / "run"
    with visiting(platform) as customers:
        killed = FORKED.Process(target=carried, args=(platform, run, kind))
        killed.start()
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
        assert [each.undo.kind for each in Ledger(run).open()] == [ROTATE.name]
        began = time.monotonic()
        assert heal_open(run, platform, print, kinds=WAYS_BACK) == []
        assert time.monotonic() - began < 60
    assert customers.failed == []
    assert Ledger(run).open() == ()


def test_putting_back_twice_is_as_good_as_once(platform: Deployment) -> None:
    """Also where nothing was begun."""
    aim = ROTATE.way_back.aim(platform, {}, {})
    for _ in range(2):
        rotate.undo(aim, after(20), print)
        assert all(proof.holds for proof in rotate.safe(aim))


def test_a_rotation_does_not_begin_while_another_one_is_under_way(platform: Deployment) -> None:
    """Nor while an edge shows another certificate than that of its file."""
    aim = ROTATE.way_back.aim(platform, {}, {})
    left = Path(platform.authority).parent / rotate.NEXT
    left.mkdir()
    assert rotate.unfit(aim).startswith("no rotation of certificates is under way: next of one is there")
    rotate.undo(aim, after(20), print)
    assert rotate.unfit(aim) == ""


def test_customers_refuse_an_expired_certificate_until_it_is_put_back(platform: Deployment) -> None:
    """At that edge alone; those who kept a connection notice it with their next request but one."""
    edge, other = platform.edges
    aim = EXPIRES.aim(platform, {"region": edge.region}, {})
    assert EXPIRES.unfit(aim) == ""
    assert EXPIRES.undo is not None
    assert EXPIRES.prove is not None
    with web.client(2.0, authority=platform.authority) as keeps:
        assert keeps.get(f"{edge.url}/health/ready").status_code == 200
        injection = EXPIRES.inject(aim, now_ns())
        try:
            sighting = EXPIRES.look(aim, injection)
            assert sighting is not None
            assert not isinstance(sighting, NotSeen)
            assert sighting.saw.endswith("is refused: certificate has expired")
            assert keeps.get(f"{edge.url}/health/ready").status_code == 200
            with pytest.raises(web.FAILED, match="certificate has expired"):
                keeps.get(f"{edge.url}/health/ready")
            assert keeps.get(f"{other.url}/health/ready").status_code == 200
            assert not all(proof.holds for proof in EXPIRES.prove(aim))
            assert "is refused: certificate has expired" in EXPIRES.unfit(aim)
        finally:
            EXPIRES.undo(aim, after(20), print)
        prove = EXPIRES.prove
        assert until(lambda: all(proof.holds for proof in prove(aim)), after(10), 0.2)
        assert isinstance(EXPIRES.look(aim, injection), NotSeen)
        assert keeps.get(f"{edge.url}/health/ready").status_code == 200


def test_the_fault_is_not_for_a_region_without_an_edge(platform: Deployment) -> None:
    """It says so."""
    assert EXPIRES.unfit(EXPIRES.aim(platform, {"region": "mars"}, {})) == "this environment has no edge in a region 'mars'"
