"""A small booking platform of one process, over real HTTP, that keeps to every promise; and its lies, each of which breaks one."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from closeshave.topology import Shard, Topology

REGIONS = ("us-east-1", "eu-west-1")
TOPOLOGY = Topology(REGIONS, (Shard(1, 1, 500, "us-east-1", "us-east-1"), Shard(3, 501, 1000, "eu-west-1", "eu-west-1")), ("eu-west-1",))
ACCOUNTS = {f"customer.{n}@{region}.example": region for region in REGIONS for n in (1, 2)} | {"admin@us-east-1.example": "us-east-1"}
PASSWORD = "correct horse"
LIMIT, LOCKED_AFTER, NETWORKS = 20, 5, 4
SECURITY = {
    "Strict-Transport-Security": "max-age=31536000",
    "Content-Security-Policy": "default-src 'self'",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "0",
}
SAID = tuple[int, Any, dict[str, str]]


class Shop:
    """The state that all regions share. ``lies`` says what it does wrongly."""

    def __init__(self, *lies: str) -> None:
        self.lies = set(lies)
        self.late: set[str] = set()
        self.passwords = dict.fromkeys(ACCOUNTS, PASSWORD)
        self.bookings: dict[int, dict[str, Any]] = {}
        self.keys: dict[str, int] = {}
        self.names = {franchise: f"Shop {franchise}" for franchise in range(1, 1001)}
        self.cached: dict[tuple[str, int], str] = {}
        self.looks: dict[str, int] = {}
        self.refusals: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.ids = itertools.count(1)
        self.lock = threading.Lock()

    # -- one request -----------------------------------------------------------------------------------------------------------------------

    def answer(self, region: str, method: str, url: str, head: dict[str, str], body: bytes) -> SAID:
        """Status, JSON or text, headers."""
        path, asked = unquote(urlsplit(url).path), dict(parse_qsl(urlsplit(url).query))
        with self.lock:
            try:
                told = json.loads(body) if body else {}
            except ValueError:
                return 422, {"detail": []}, {}
            status, said, more = self.route(region, method, path, asked, head, told)
        franchise = head.get("x-franchise-id", "")
        shard = TOPOLOGY.shard_of(int(franchise)) if franchise.isdecimal() and len(franchise) < 9 else None
        marks = {
            "X-Region": "us-east-1" if "one-region" in self.lies else region,
            **({"X-Shard": str(self.shard(shard, franchise))} if shard else {}),
        }
        secure = {name: value for name, value in SECURITY.items() if f"no-{name}" not in self.lies}
        if "no-headers-on-refusals" in self.lies and status >= 400:
            secure = {}
        return status, said, {**marks, **secure, **more}

    def shard(self, shard: Shard, franchise: str) -> int:
        if "wrong-first" in self.lies and int(franchise) == 501:
            return 1
        return 1 if "wrong-last" in self.lies and int(franchise) == 1000 else shard.id

    def route(self, region: str, method: str, path: str, asked: dict[str, str], head: dict[str, str], told: Any) -> SAID:  # noqa: PLR0911 - a route each
        franchise = head.get("x-franchise-id", "")
        if (
            path.startswith("/api")
            and franchise
            and not (franchise.isdecimal() and 1 <= int(franchise[:9]) <= 1000)
            and "takes-any" not in self.lies
        ):
            return (
                404,
                {"error": {"message": f"{franchise if 'echo' in self.lies else ''}"}},
                {"Content-Type": "text/html"} if "echo" in self.lies else {},
            )
        where = int(franchise) if franchise.isdecimal() and len(franchise) < 9 else 1
        forged = "csrf_token" not in head.get("cookie", "") and not path.startswith("/api/v2/auth")
        if method in {"POST", "PUT"} and forged and "no-csrf" not in self.lies:
            return 403, {"error": {"message": "CSRF"}}, {}
        if (
            known := getattr(
                self, f"on_{method.lower()}_{path.strip('/').replace('api/v2/', '').replace('/', '_').replace('-', '_')}", None
            )
        ) is not None:
            answered: SAID = known(region, where, asked, head, told)
            return answered
        parts = path.strip("/").split("/")
        if parts[:3] == ["api", "v2", "appointments"] and len(parts) >= 4:
            return self.one_booking(method, parts[3:], head)
        if parts[:4] == ["api", "v2", "franchise", "networks"] and len(parts) == 6:
            return self.dashboard(int(parts[4]), head)
        if parts[:3] == ["api", "v2", "locations"] and method == "PUT":
            return self.rename(int(parts[3]), head, told)
        return 404, {"error": {"message": "Not Found"}}, {}

    def who(self, head: dict[str, str]) -> str | None:
        """The account of a token: ``x.EMAIL.y``, with a signature that is its length."""
        token = head.get("authorization", "").removeprefix("Bearer ").strip()
        if not token and "anybody" in self.lies:
            return "customer.1@us-east-1.example"
        if not token.startswith("h|") and "any-token" not in self.lies:
            return None
        parts = token.split(".", 1)[-1].rpartition(".")
        email = parts[0].replace("|", ".")
        signed = parts[2] == f"sig{len(email)}end" or "unsigned" in self.lies
        return email if email in self.passwords and signed else None

    # -- accounts --------------------------------------------------------------------------------------------------------------------------

    def on_post_auth_login(self, _region, _where, _asked, _head, told) -> SAID:
        email, password = told.get("email"), told.get("password")
        if "sql" in self.lies and "OR 1=1" in str(email):
            email, password = "customer.1@us-east-1.example", PASSWORD
        if "busy" in self.lies and "pg_sleep(3)" in str(email) and not self.late:
            self.late.add(email)
            time.sleep(3)
        if "sleeps" in self.lies and "pg_sleep(3)" in str(email):
            time.sleep(3)
        if "crashes" in self.lies and "'" in str(email):
            return 500, {"error": "Internal server error"}, {}
        if "explains" in self.lies and "'" in str(email):
            return 400, {"error": {"message": "syntax error at or near"}}, {}
        if email not in self.passwords:
            return 401, {"error": {"message": "Incorrect"}}, {}
        locked = self.failed.get(email, 0) >= LOCKED_AFTER and "never-locks" not in self.lies
        if self.passwords[email] != password and "any-password" not in self.lies:
            self.failed[email] = self.failed.get(email, 0) + 1
            return 401, {"error": {"message": "Incorrect"}}, {}
        if locked:
            return 423, {"error": {"message": "Locked"}}, {}
        token = f"h|.{email.replace('.', '|')}.sig{len(email)}end"
        return 200, {"access_token": token, "refresh_token": "r", "csrf_token": "c"}, {}

    def on_post_auth_register_client(self, _region, _where, _asked, _head, told) -> SAID:
        email = str(told.get("email"))
        if "crashes" in self.lies and "'" in email:
            return 500, {"error": "Internal server error"}, {}
        if any(sign in email for sign in " <>'\"\n\r\t\x00"):
            return 422, {"detail": []}, {}
        self.passwords[email] = told["password"]
        return 200, {"user": {"id": email}, "access_token": "t", "refresh_token": "r"}, {}

    def on_get_auth_me(self, _region, _where, _asked, head, _told) -> SAID:
        email = self.who(head)
        if email is None or ("home-only" in self.lies and ACCOUNTS.get(email) != _region):
            return 401, {"error": {"message": "Not authenticated"}}, {}
        return 200, {"id": "somebody" if "one-profile" in self.lies and _region != ACCOUNTS[email] else email}, {}

    # -- the shop --------------------------------------------------------------------------------------------------------------------------

    def on_get_locations(self, region, where, _asked, _head, _told) -> SAID:
        cache = "hit" if (region, where) in self.cached else "miss"
        name = self.cached.setdefault((region, where), self.names.get(where, ""))
        return 200, {"locations": [{"id": where, "name": name, "version": 1}], "total": 1}, {"X-Cache": cache}

    def rename(self, where: int, head: dict[str, str], told: Any) -> SAID:
        if not (self.who(head) or "").startswith("admin@"):
            return 403, {"error": {"message": "no"}}, {}
        probes_own = str(told["name"]).startswith("Closeshave")
        if "keeps-names" in self.lies and not probes_own:
            return 500, {}, {}
        self.names[where] = told["name"]
        if "renames-late" in self.lies and probes_own:
            # Carried out, and answered by whoever did not want to wait so long.
            return 504, {}, {}
        stale = [key for key in self.cached if key[1] == where or "flushes" in self.lies]
        for key in stale:
            if not ("one-region-forgets" in self.lies and key[0] == "eu-west-1"):
                self.cached.pop(key)
        return 200, {"id": where}, {}

    def on_get_public_services(self, *_: Any) -> SAID:
        return (503, {}, {}) if "down" in self.lies else (200, [] if "no-services" in self.lies else [{"id": 1, "name": "Haircut"}], {})

    def on_get_barbers(self, *_: Any) -> SAID:
        return 200, [{"id": 1, "name": "Barber"}], {}

    def on_get_appointments_slots(self, _region, where, asked, head, _told) -> SAID:
        address = "all" if "one-counter" in self.lies else head.get("x-forwarded-for", "")
        self.looks[address] = self.looks.get(address, 0) + 1
        most = {"strict": LIMIT // 2, "lax": 3 * LIMIT}.get(next(iter(self.lies & {"strict", "lax"}), ""), LIMIT)
        if self.looks[address] > most and "no-limit" not in self.lies:
            refused = self.refusals[address] = self.refusals.get(address, 0) + 1
            wait = {} if "no-retry-after" in self.lies else {"Retry-After": str(60 if "flat" in self.lies else 60 * refused)}
            return 429, {"detail": "Rate limit exceeded", "retry_after": 60}, wait
        if "sql-search" in self.lies and "7331*7" in asked.get("barber_id", ""):
            return 200, {"slots": [], "error": 7331 * 7}, {}
        if asked.get("barber_id", "1") != "1":
            return 422, {"detail": []}, {}
        day = asked.get("appointment_date", "")
        taken = [
            (one["date"], one["time"]) for one in self.bookings.values() if one["franchise_id"] == where and one["status"] == "scheduled"
        ]
        free = [{"time": f"{hour:02}:00", "available": True} for hour in range(9, 17) if (day, f"{hour:02}:00") not in taken]
        return 200, {"date": day, "slots": free, "timezone": "UTC"}, {}

    # -- bookings --------------------------------------------------------------------------------------------------------------------------

    def on_post_appointments(self, _region, where, _asked, head, told) -> SAID:
        email, key = self.who(head), head.get("idempotency-key", "")
        if email is None:
            return 401, {"error": {"message": "Not authenticated"}}, {}
        if key in self.keys and "ignores-keys" not in self.lies:
            return 200, self.bookings[self.keys[key]], {}
        at = {(one["franchise_id"], one["date"], one["time"]) for one in self.bookings.values() if one["status"] == "scheduled"}
        if (where, told["date"], told["time"]) in at and not self.lies & {"double", "ignores-keys"}:
            return 409, {"error": {"message": "This time slot is already booked"}}, {}
        booking = next(self.ids)
        notes = "" if "drops-notes" in self.lies else told.get("notes")
        self.bookings[booking] = {
            "id": booking, "client_id": email, "franchise_id": where, "date": told["date"], "time": told["time"], "status": "scheduled", "notes": notes,
            "start_time": f"{told['date']}T{told['time']}:00",
        }  # fmt: skip
        self.keys[key] = booking
        if "sleeps-once" in self.lies and "pg_sleep(3)" in str(notes) and not self.late:
            self.late.add(str(notes))
            time.sleep(3)
        if "sleeps" in self.lies and "pg_sleep(3)" in str(notes):
            time.sleep(3)
        return 200, self.bookings[booking], {}

    def on_get_appointments(self, _region, _where, _asked, head, _told) -> SAID:
        email = self.who(head)
        mine = [one for one in self.bookings.values() if one["client_id"] == email or "shared-lists" in self.lies]
        return (200, {"appointments": mine, "total": len(mine)}, {}) if email else (401, {}, {})

    def one_booking(self, method: str, parts: list[str], head: dict[str, str]) -> SAID:
        email = None if "forgets-everybody" in self.lies else self.who(head)
        if "crashes" in self.lies and "'" in parts[0]:
            return 500, {"error": "Internal server error"}, {}
        found = self.bookings.get(int(parts[0])) if parts[0].isascii() and parts[0].isdecimal() and len(parts[0]) < 9 else None
        if email is None and "public-bookings" not in self.lies:
            return 401, {"error": {"message": "Not authenticated"}}, {}
        open_to = {"GET": "leaks", "PUT": "anybody-cancels"}.get(method, "")
        own = found is not None and (found["client_id"] == email or open_to in self.lies or (email is None and method == "GET"))
        if found is None or not own:
            return 404, {"error": {"message": "Appointment not found"}}, {}
        if method == "PUT" and parts[1:] == ["cancel"] and "never-cancels" not in self.lies:
            found["status"] = "cancelled"
        notes = found["notes"]
        if "markup" in self.lies:
            return 200, f"<p>{notes}</p>", {"Content-Type": "text/html"}
        return 200, dict(found), {}

    def on_post_appointments_guest(self, _region, _where, _asked, _head, told) -> SAID:
        if "template" in self.lies and "{{7331*7}}" in told["guest_info"]["first_name"]:
            return 400, {"error": {"message": "Dear 51317"}}, {}
        return 400, {"error": {"message": "closed"}}, {}

    # -- reports and health ----------------------------------------------------------------------------------------------------------------

    def sizes(self) -> dict[int, int]:
        return {network: 1000 // NETWORKS - (network == 2 and "lost-shard" in self.lies) for network in range(1, NETWORKS + 1)}

    def on_get_franchise_networks(self, _region, _where, _asked, head, _told) -> SAID:
        return (
            (200, [{"id": name, "total_locations": size} for name, size in self.sizes().items()], {}) if self.who(head) else (401, {}, {})
        )

    def dashboard(self, network: int, head: dict[str, str]) -> SAID:
        size = self.sizes()[network] - (7 if "wrong-total" in self.lies else 0)
        regions = [{"region": region, "locations": size // 2} for region in REGIONS]
        return (
            (200, {"total_locations": size, "regions": regions[: 1 if "half" in self.lies else 2]}, {}) if self.who(head) else (401, {}, {})
        )

    def on_get_health_live(self, *_: Any) -> SAID:
        return (500, {}, {}) if "dead" in self.lies else (200, {"status": "alive"}, {})

    def on_get_health(self, *_: Any) -> SAID:
        shown = {"live-key": "pk_live_0123456789", "test-key": "pk_test_0123456789"}
        return 200, {"status": "healthy", "key": next((key for lie, key in shown.items() if lie in self.lies), "")}, {}


def days_ahead(days: int) -> str:
    """A date."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


@contextlib.contextmanager
def serving(shop: Shop) -> Iterator[dict[str, str]]:
    """Region → base URL, for as long as the block runs."""
    with contextlib.ExitStack() as stack:
        yield {region: stack.enter_context(_server(shop, region)) for region in REGIONS}


@contextlib.contextmanager
def _server(shop: Shop, region: str) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer in one piece, at once: else each waits 40 ms for an acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do(self) -> None:
            head = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(head.get("content-length", "0")))
            status, said, more = shop.answer(region, self.command, self.path, head, body)
            if "loses-answers" in shop.lies and self.path.endswith("/appointments/") and self.command == "POST":
                self.close_connection = True
                return
            data = said.encode("utf-8", "replace") if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do  # noqa: N815 - the names that the library calls

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
