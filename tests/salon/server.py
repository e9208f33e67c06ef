"""A booking API that has nothing in common with BookedBarber V2 but its purpose: another dialect, in a process of its own, that imports nothing of ours.

IDs are text, instants are UTC, amounts are cents, lists come in pages with a cursor, a conflict is 409, a cancellation has no body, and nothing is under
``/api``. ``--lose SHARE`` acknowledges a share of the bookings and stores none of them.

``python tests/salon/server.py --port 0`` prints ``{"url": …}`` once it listens.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
OPENS, CLOSES, STEP_MIN = 9, 17, 30
TREATMENTS = {"cut": (30, 3_000), "trim": (20, 1_850), "cut-and-trim": (60, 4_500)}
"""Code → minutes and cents."""
STYLISTS = ("st-ada", "st-bo", "st-cy")
PAGE_ROWS = 25
Answered = tuple[int, Any]


class Problem(Exception):
    """A refusal."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.answer = status, {"problem": {"code": code, "text": text}}


class Salon:
    """The state, and the routes on it. One lock for everything."""

    def __init__(self, lose: float, seed: int) -> None:
        self.lock = threading.Lock()
        self.lose, self.chance = lose, random.Random(seed)
        self.customers: dict[str, tuple[str, str]] = {}
        self.sessions: dict[str, str] = {}
        self.reservations: dict[str, dict[str, Any]] = {}
        self.by_request: dict[str, dict[str, Any]] = {}
        self.payments: dict[str, dict[str, Any]] = {}
        self.numbers = itertools.count(1)

    def answer(self, method: str, target: str, headers: dict[str, str], body: Any) -> Answered:
        """The answer to a request."""
        parts = urlsplit(target)
        query = {name: given[0] for name, given in parse_qs(parts.query).items()}
        for wanted, pattern, act in ROUTES:
            if wanted == method and (found := re.fullmatch(pattern, parts.path)):
                with self.lock:
                    try:
                        return act(self, headers, query, body, *found.groups())
                    except Problem as problem:
                        return problem.answer
                    except (KeyError, ValueError, TypeError) as error:
                        return 422, {"problem": {"code": "invalid", "text": f"{type(error).__name__}: {error}"}}
        return 404, {"problem": {"code": "no_route", "text": parts.path}}

    # -- accounts

    def join(self, _headers: dict[str, str], _query: dict[str, str], body: Any) -> Answered:
        login = str(body["login"])
        if login in self.customers:
            raise Problem(409, "exists", "this login is taken")
        self.customers[login] = (str(body["secret"]), f"c-{secrets.token_hex(4)}")
        return 201, {"data": self._session(login)}

    def enter(self, _headers: dict[str, str], _query: dict[str, str], body: Any) -> Answered:
        known = self.customers.get(str(body["login"]))
        if known is None or known[0] != body["secret"]:
            raise Problem(401, "who", "unknown login or wrong secret")
        return 201, {"data": self._session(str(body["login"]))}

    def _session(self, login: str) -> dict[str, Any]:
        session = secrets.token_urlsafe(24)
        self.sessions[session] = self.customers[login][1]
        return {"session": session, "customer": {"ref": self.customers[login][1]}}

    def _who(self, headers: dict[str, str]) -> str:
        customer = self.sessions.get(headers.get("x-session", ""))
        if customer is None:
            raise Problem(401, "who", "no session")
        return customer

    # -- looking

    def status(self, _headers: dict[str, str], _query: dict[str, str], _body: Any) -> Answered:
        return 200, {"app": "salon", "stage": "test", "ok": True}

    def salon(self, _headers: dict[str, str], _query: dict[str, str], _body: Any) -> Answered:
        return 200, {"salon": {"name": "Salon", "rev": 1}}

    def treatments(self, _headers: dict[str, str], _query: dict[str, str], _body: Any) -> Answered:
        return 200, {"treatments": [{"code": code, "minutes": minutes, "cents": cents} for code, (minutes, cents) in TREATMENTS.items()]}

    def stylists(self, _headers: dict[str, str], _query: dict[str, str], _body: Any) -> Answered:
        return 200, {"stylists": [{"ref": each, "shown_as": each.removeprefix("st-").title()} for each in STYLISTS]}

    def openings(self, _headers: dict[str, str], query: dict[str, str], _body: Any) -> Answered:
        first, end = (_read(query[name]) for name in ("from", "to"))
        only = (query["stylist"],) if "stylist" in query else STYLISTS
        if unknown := set(only) - set(STYLISTS):
            raise Problem(404, "no_stylist", str(unknown))
        rows = []
        for begins in _steps(first, end):
            ends = begins + timedelta(minutes=STEP_MIN)
            rows.append({"begins": _written(begins), "free": any(self._free(who, begins, ends) for who in only)})
        return 200, {
            "openings": rows,
            "salon": {"tz": ZONE, "hours": {"from": f"{OPENS:02}:00", "to": f"{CLOSES}:00"}},
            "step_min": STEP_MIN,
        }

    def _free(self, stylist: str, begins: datetime, ends: datetime, but: str = "") -> bool:
        return not any(
            other["stylist"] == stylist
            and other["state"] == "BOOKED"
            and other["ref"] != but
            and other["_begins"] < ends
            and begins < other["_ends"]
            for other in self.reservations.values()
        )

    # -- reservations

    def reserve(self, headers: dict[str, str], _query: dict[str, str], body: Any) -> Answered:
        customer, request = self._who(headers), headers.get("request-id")
        if request is not None and request in self.by_request:
            return 201, {"reservation": _shown(self.by_request[request])}
        minutes, cents = TREATMENTS[body["treatment"]]
        begins = _read(body["begins"])
        ends = begins + timedelta(minutes=minutes)
        wanted = body.get("stylist")
        if not _open(begins, ends) or begins < datetime.now(UTC):
            raise Problem(422, "closed", "the salon is closed then")
        free = [who for who in ((wanted,) if wanted else STYLISTS) if who in STYLISTS and self._free(who, begins, ends)]
        if not free:
            raise Problem(409, "slot_taken", "somebody else was faster")
        made = {
            "ref": f"r-{next(self.numbers)}-{secrets.token_hex(3)}", "stylist": free[0], "customer": customer, "treatment": body["treatment"],
            "state": "BOOKED", "memo": body.get("memo"), "cents": cents, "rev": 1, "made_ms": int(time.time() * 1000), "_begins": begins, "_ends": ends,
            "request": request,
        }  # fmt: skip
        if self.chance.random() < self.lose:
            return 201, {"reservation": _shown(made)}
        self.reservations[made["ref"]] = made
        if request is not None:
            self.by_request[request] = made
        return 201, {"reservation": _shown(made)}

    def _own(self, headers: dict[str, str], ref: str) -> dict[str, Any]:
        made = self.reservations.get(ref)
        if made is None or made["customer"] != self._who(headers):
            raise Problem(404, "no_reservation", "there is no such reservation")
        return made

    def show(self, headers: dict[str, str], _query: dict[str, str], _body: Any, ref: str) -> Answered:
        return 200, {"reservation": _shown(self._own(headers, ref))}

    def move(self, headers: dict[str, str], _query: dict[str, str], body: Any, ref: str) -> Answered:
        made, begins = self._own(headers, ref), _read(body["begins"])
        ends = begins + (made["_ends"] - made["_begins"])
        if not _open(begins, ends):
            raise Problem(422, "closed", "the salon is closed then")
        if not self._free(made["stylist"], begins, ends, but=ref):
            raise Problem(409, "slot_taken", "somebody else was faster")
        made |= {"_begins": begins, "_ends": ends, "rev": made["rev"] + 1}
        return 200, {"reservation": _shown(made)}

    def drop(self, headers: dict[str, str], _query: dict[str, str], _body: Any, ref: str) -> Answered:
        made = self._own(headers, ref)
        made |= {"state": "VOID", "rev": made["rev"] + 1}
        return 204, None

    def mine(self, headers: dict[str, str], query: dict[str, str], _body: Any) -> Answered:
        customer = self._who(headers)
        return _page("reservations", [_shown(made) for made in self.reservations.values() if made["customer"] == customer], query)

    # -- payments

    def bill(self, headers: dict[str, str], _query: dict[str, str], _body: Any, ref: str) -> Answered:
        made = self._own(headers, ref)
        payment = {
            "ref": f"p-{secrets.token_hex(5)}",
            "reservation": ref,
            "cents": made["cents"],
            "state": "OPEN",
            "customer": made["customer"],
        }
        if (request := headers.get("request-id")) is not None:
            payment = self.payments.setdefault(f"request {request}", payment)
        self.payments[payment["ref"]] = payment
        return 201, {"payment": {name: payment[name] for name in ("ref", "cents", "state")}}

    def pay(self, headers: dict[str, str], _query: dict[str, str], _body: Any, ref: str) -> Answered:
        self._who(headers)
        self.payments[ref]["state"] = "CAPTURED"
        return 200, {"payment": {"ref": ref, "state": "CAPTURED"}}

    def my_payments(self, headers: dict[str, str], query: dict[str, str], _body: Any) -> Answered:
        customer = self._who(headers)
        rows = [dict(each) for name, each in self.payments.items() if each["customer"] == customer and name == each["ref"]]
        return _page("payments", rows, query)


def _open(begins: datetime, ends: datetime) -> bool:
    local, until = begins.astimezone(ZoneInfo(ZONE)), ends.astimezone(ZoneInfo(ZONE))
    return local.hour >= OPENS and (until.hour, until.minute) <= (CLOSES, 0) and local.date() == until.date()


def _steps(first: datetime, end: datetime) -> list[datetime]:
    found: list[datetime] = []
    at = first
    while at < end and len(found) < 200:
        if _open(at, at + timedelta(minutes=STEP_MIN)):
            found.append(at)
        at += timedelta(minutes=STEP_MIN)
    return found


def _read(text: str) -> datetime:
    if not text.endswith("Z"):
        raise ValueError("instants are UTC and end with Z")
    return datetime.fromisoformat(text)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(made: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in made.items() if not name.startswith("_")}
    minutes = int((made["_ends"] - made["_begins"]).total_seconds()) // 60
    return {
        **told,
        "begins": _written(made["_begins"]),
        "minutes": minutes,
        "made_at": _written(datetime.fromtimestamp(made["made_ms"] / 1000, UTC)),
    }


def _page(name: str, rows: list[Any], query: dict[str, str]) -> Answered:
    start = int(query.get("after", "x0")[1:])
    more = start + PAGE_ROWS < len(rows)
    return 200, {name: rows[start : start + PAGE_ROWS], "page": {"after": f"x{start + PAGE_ROWS}" if more else None, "of": len(rows)}}


Act = Callable[..., Answered]
REF = r"([^/]+)"
ROUTES: list[tuple[str, str, Act]] = [
    ("GET", "/status", Salon.status),
    ("GET", "/salon", Salon.salon),
    ("GET", "/treatments", Salon.treatments),
    ("GET", "/stylists", Salon.stylists),
    ("GET", "/openings", Salon.openings),
    ("POST", "/customers", Salon.join),
    ("POST", "/sessions", Salon.enter),
    ("POST", "/reservations", Salon.reserve),
    ("GET", f"/reservations/{REF}", Salon.show),
    ("PATCH", f"/reservations/{REF}", Salon.move),
    ("DELETE", f"/reservations/{REF}", Salon.drop),
    ("GET", "/me/reservations", Salon.mine),
    ("POST", f"/reservations/{REF}/payment", Salon.bill),
    ("POST", f"/payments/{REF}/capture", Salon.pay),
    ("GET", "/me/payments", Salon.my_payments),
]


def handler(salon: Salon) -> type[BaseHTTPRequestHandler]:
    """The handler of the server's requests."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(raw) if raw else None
            except ValueError:
                body = None
            status, told = salon.answer(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            content = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _any  # noqa: N815 -- the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Not logged."""

    return Door


class Server(ThreadingHTTPServer):
    """Accepts bursts of connections; its threads end with its process."""

    daemon_threads = True
    request_queue_size = 512


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lose", type=float, default=0.0, help="share of the bookings that are acknowledged and not stored")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), handler(Salon(options.lose, options.seed)))
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
