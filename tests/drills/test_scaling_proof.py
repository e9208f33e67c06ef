"""The proof of a scaled region asks as customers do: they name a shop, and a platform with shops refuses whoever names none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from closeshave.clients.pressure import Pressure
from closeshave.control.processes import poll_until
from closeshave.deployment import Edge
from closeshave.drills.catalogue import KINDS
from closeshave.drills.kind import DrillWork
from closeshave.drills.scale import autoscaled, out_in
from closeshave.faults.kind import Proof
from closeshave.faults.waiting import after
from tests.faults import toys

KIND = KINDS["scale.out-in"]
FACTS: dict[str, dict[str, str | int | float | bool | None]] = {
    out_in.BEGIN: {"requests_cut": 0}, out_in.COLD: {"cold_start_s": None}, out_in.IN: {"requests_cut": 0, "unanswered": 0},
    out_in.OUT: {"served_s_longest": 2.0, "triggers": "CPU 90% above 60%"},
}  # fmt: skip


SAID: list[int] = []
"""Every status that the edge answered."""


@contextmanager
def edge(shop: str) -> Iterator[Edge]:
    """An edge that serves this shop, and answers 400 to whoever names none."""
    SAID.clear()

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            SAID.append(200 if self.headers.get("X-Franchise-Id") == shop else 400)
            self.send_response(SAID[-1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Edge(toys.NEAR, f"http://127.0.0.1:{server.server_port}", "", "")
        server.shutdown()


def work_of(root: Path, at: Edge) -> DrillWork:
    """The drill at this edge."""
    aim = KIND.way_back.aim(replace(toys.deployment(root), edges=(at,)), {"region": toys.NEAR}, {})
    return DrillWork("scaled", aim, root, after(60), lambda: False, lambda _member, _path: 0, print, FACTS)


def asked(root: Path, at: Edge, monkeypatch: pytest.MonkeyPatch) -> Proof:
    """What the proof says of customers."""
    monkeypatch.setattr(autoscaled, "serving", lambda _deployment, _region: ())
    work = work_of(root, at)
    return next(proof for proof in out_in.proven(work) if proof.what.startswith("customers of"))


def test_customers_get_answers_who_name_a_shop_of_the_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first one."""
    with edge("1") as at:
        proof = asked(tmp_path, at, monkeypatch)
    assert proof.holds, proof.saw


def test_answers_that_are_not_good_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their status: a refusal is another trouble than silence."""
    with edge("none of these") as at:
        proof = asked(tmp_path, at, monkeypatch)
    assert (proof.holds, proof.saw) == (False, "0 of 6 requests through its edge were answered well (400)")


def test_the_load_is_raised_by_requests_that_are_served(tmp_path: Path) -> None:
    """One that is refused for want of a shop costs an instance next to nothing."""
    with edge("1") as at:
        port = int(at.url.rpartition(":")[2])
        with Pressure(port, "/", out_in._asking(work_of(tmp_path, at))) as pressure:  # what the step presses with
            pressure.keep(2)
            assert poll_until(lambda: len(SAID) >= 10, 10)
    assert set(SAID) == {200}
