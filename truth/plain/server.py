"""``python -m truth.plain.server``: the plain platform on a port of its own, and its operator's controls on another.

Controls: ``POST /break/database``, ``/break/process`` (connections are dropped), ``POST /mend``, ``GET /state``. A break with ``?for=4`` ends by
itself after four seconds. An operator's hooks call them; customers cannot reach them. Three more are for tests of a judge: ``POST
/plant/DEFECT?share=0.3`` (defects are in ``defects.py``), ``GET /struck`` (what each affected), ``GET /ledger`` (the payment provider's own).
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from truth.plain.defects import Planted
from truth.plain.habits import SEEN, Habits, changed, scaled
from truth.plain.operator import Operator
from truth.plain.passwords import Hasher
from truth.plain.routes import Asked, Platform
from truth.plain.shop import Shop


class Server(ThreadingHTTPServer):
    """An HTTP server that accepts bursts of connections; its threads end with its process."""

    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a connection that the customer closed; log everything else, as by default."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the base class's own types of a socket


def public(platform: Platform, dead: threading.Event) -> type[BaseHTTPRequestHandler]:
    """The handler of customers' requests."""

    class Public(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            super().handle_one_request()
            if dead.is_set():
                self.close_connection = True

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if dead.is_set():
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            forwarded = self.headers.get("X-Forwarded-For") if platform.habits.forwarded_for else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body, forwarded or self.client_address[0], datetime.now(UTC))
            answered = platform.answer(asked)
            content = b"" if answered.body == "" else json.dumps(answered.body).encode()
            self.send_response(answered.status)
            for name, value in {"Content-Type": "application/json", **answered.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            if answered.drop:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 -- the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Not logged: it is not needed, and tokens must not be in logs."""

    return Public


def controls(operator: Operator) -> type[BaseHTTPRequestHandler]:
    """The handler of the operator's requests."""

    class Controls(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = urlsplit(self.path)
            if operator.act(asked.path, {name: float(given[0]) for name, given in parse_qs(asked.query).items()}):
                self._tell(operator.state())
            else:
                self.send_error(404)

        def do_GET(self) -> None:
            self._tell({"/ledger": operator.ledger, "/struck": operator.struck}.get(self.path, operator.state)())

        def _tell(self, told: object) -> None:
            content = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Not logged."""

    return Controls


def main() -> None:
    """Serve until killed; prints ``{"url", "control"}`` once both ports listen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--as-seen", action="store_true", help="every habit of the real application, before those that are given")
    parser.add_argument("--habit", action="append", default=[], metavar="NAME=VALUE", help="a habit of habits.py with another value")
    parser.add_argument("--limits", type=float, default=1.0, help="multiplies every limit")
    parser.add_argument("--accounts", type=int, default=0, help="customer1@plain.test … with the password 'Plain-1234'")
    parser.add_argument("--live-key", action="store_true", help="/health shows a payment key that moves real money")
    parser.add_argument("--seed", type=int, default=1, help="of what defects hit")
    options = parser.parse_args()
    try:
        habits = changed(SEEN if options.as_seen else Habits(), options.habit)
    except ValueError as error:
        parser.error(str(error))
    habits = replace(habits, limits=scaled(habits.limits, options.limits))
    shop, dead = Shop(habits.barbers, habits.zone, Planted(options.seed)), threading.Event()
    shop.register("admin@plain.test", "Plain-1234", "admin")
    for number in range(1, options.accounts + 1):
        shop.register(f"customer{number}@plain.test", "Plain-1234")
    platform = Platform(shop, habits, Hasher(habits.login_ms))
    platform.live_key = options.live_key
    server = Server(("127.0.0.1", options.port), public(platform, dead))
    control = Server(("127.0.0.1", options.control_port), controls(Operator(platform, dead)))
    threading.Thread(target=control.serve_forever, daemon=True).start()
    url, controlled_at = (f"http://127.0.0.1:{each.server_address[1]}" for each in (server, control))
    sys.stdout.write(json.dumps({"url": url, "control": controlled_at}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
