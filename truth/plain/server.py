"""``python -m truth.plain.server``: the plain platform on a port of its own, and its operator's controls on another.

Controls: ``POST /break/database``, ``/break/process`` (connections are dropped), ``/break/chairs`` (double bookings), ``POST /mend``,
``GET /state``. A break with ``?for=4`` is over by itself after four seconds. They are what an operator's hooks call; customers cannot reach them.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from truth.plain.limits import Limits
from truth.plain.routes import Asked, Platform
from truth.plain.shop import Shop


class Server(ThreadingHTTPServer):
    """Takes bursts of connections, and dies with its process."""

    daemon_threads = True
    request_queue_size = 512


def public(platform: Platform, dead: threading.Event) -> type[BaseHTTPRequestHandler]:
    """The handler of what customers reach."""

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
            forwarded = self.headers.get("X-Forwarded-For") if platform.proxied else None
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
            """Nobody reads it, and tokens do not belong into logs."""

    return Public


def controls(platform: Platform, dead: threading.Event) -> type[BaseHTTPRequestHandler]:
    """The handler of what the platform's operator reaches."""

    def mend() -> None:
        platform.database_down = platform.shop.careless = False
        dead.clear()

    class Controls(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            path, _, by_itself_after_s = self.path.partition("?for=")
            match path:
                case "/break/database":
                    platform.database_down = True
                case "/break/process":
                    dead.set()
                case "/break/chairs":
                    platform.shop.careless = True
                case "/mend":
                    mend()
                case _:
                    self.send_error(404)
                    return
            if by_itself_after_s:
                timer = threading.Timer(float(by_itself_after_s), mend)
                timer.daemon = True
                timer.start()
            self.do_GET()

        def do_GET(self) -> None:
            broken = [name for name, is_so in (("database", platform.database_down), ("process", dead.is_set())) if is_so]
            content = json.dumps({"broken": broken, "whole": not broken}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    return Controls


def main() -> None:
    """Serve until killed; prints ``{"url", "control"}`` once both ports listen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--barbers", type=int, default=3)
    parser.add_argument("--limits", type=float, default=1.0, help="multiplies every limit")
    parser.add_argument("--stage", default="staging")
    parser.add_argument("--unproxied", action="store_true", help="limits go by the real address")
    parser.add_argument("--pays", action="store_true", help="payments work")
    parser.add_argument("--accounts", type=int, default=0, help="customer1@plain.test … with the password 'Plain-1234'")
    parser.add_argument("--live-key", action="store_true", help="/health shows a payment key that moves real money")
    options = parser.parse_args()
    shop, dead = Shop(options.barbers), threading.Event()
    shop.register("admin@plain.test", "Plain-1234", "admin")
    for number in range(1, options.accounts + 1):
        shop.register(f"customer{number}@plain.test", "Plain-1234")
    platform = Platform(shop, Limits(options.limits), stage=options.stage, proxied=not options.unproxied, payments=options.pays)
    platform.live_key = options.live_key
    server = Server(("127.0.0.1", options.port), public(platform, dead))
    control = Server(("127.0.0.1", options.control_port), controls(platform, dead))
    threading.Thread(target=control.serve_forever, daemon=True).start()
    url, controlled_at = (f"http://127.0.0.1:{each.server_address[1]}" for each in (server, control))
    sys.stdout.write(json.dumps({"url": url, "control": controlled_at}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
