"""nginx on one core: the server under load. A separate instance in its own directory, never the system's service."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import shutil
import signal
import socket
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks import programs

SERVER_CORE, GENERATOR_CORE = 1, 0
_PORTS = range(18400, 18500)

LIST = json.dumps(
    {"appointments": [{"id": i, "barber_id": 3, "status": "scheduled", "start_time": f"2026-11-2{i}T10:00:00"} for i in range(1, 4)], "total": 3,
     "page": 1, "note": "small JSON"}
)  # fmt: skip
SLOTS = json.dumps(
    {"date": "2026-11-23", "slots": [{"time": f"{9 + i // 2:02}:{i % 2 * 30:02}", "available": True, "is_next_available": i == 0} for i in range(12)],
     "business_hours": {"start": "09:00", "end": "17:00"}, "slot_duration_minutes": 30}
)  # fmt: skip
LOGIN = json.dumps({"access_token": "a" * 600, "refresh_token": "r" * 600, "token_type": "bearer", "csrf_token": "c" * 32})
BOOKING = json.dumps(
    {"id": 4711, "user_id": 1, "barber_id": 3, "service_name": "Haircut", "start_time": "2026-11-23T14:00:00", "duration_minutes": 30,
     "price": 30.0, "status": "scheduled", "notes": "bench"}
)  # fmt: skip
INTENT = json.dumps({"client_secret": "s" * 40, "payment_intent_id": "pi_1", "amount": 30.0, "payment_id": 9})
CONFIRMED = json.dumps({"payment_id": 9, "status": "succeeded", "amount": 30.0})

_CONFIGURATION = """
daemon off; worker_processes {workers}; pid {root}/nginx.pid; error_log {root}/error.log crit; worker_rlimit_nofile 65536;
events {{ worker_connections 40000; }}
http {{
  access_log off; default_type application/json; keepalive_requests 1000000000; keepalive_timeout 3600; client_body_buffer_size 64k;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi;
  scgi_temp_path {root}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=16384 reuseport;
    listen 127.0.0.1:{tls_port} ssl backlog=16384;
    ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.pem; ssl_protocols TLSv1.3;
    location = /json {{ return 200 '{LIST}'; }}
    location = /status {{ stub_status; }}
    location = /api/v2/auth/login {{
      add_header Set-Cookie 'csrf_token={csrf}; Path=/'; add_header Set-Cookie 'session=42; Path=/; HttpOnly'; return 200 '{LOGIN}';
    }}
    location = /api/v2/appointments/slots {{ return 200 '{SLOTS}'; }}
    location = /api/v2/appointments/ {{ return 200 '{BOOKING}'; }}
    location = /api/v2/appointments/4711 {{ return 200 '{BOOKING}'; }}
    location = /api/v2/payments/create-intent {{ return 200 '{INTENT}'; }}
    location = /api/v2/payments/confirm {{ return 200 '{CONFIRMED}'; }}
  }}
}}
"""


class Target:
    """A running nginx. Use as a context manager."""

    def __init__(self, *, prefer: bool, workers: int = 1) -> None:
        """Start it on free ports, with ``prefer`` at a higher priority than other programs.

        Raises :class:`programs.MissingProgramError`, or :class:`TimeoutError` when it does not come up."""
        self.root = Path(tempfile.mkdtemp(prefix="closeshave-bench-"))
        # nginx drops its rights: it must be able to reach its own directory.
        self.root.chmod(0o755)
        ports = _free_ports()
        self.port, self.tls_port = next(ports), next(ports)
        self.ca_file = self.root / "server.pem"
        self.ca_file.write_bytes(_certificate())
        texts = {"LIST": LIST, "LOGIN": LOGIN, "SLOTS": SLOTS, "BOOKING": BOOKING, "INTENT": INTENT, "CONFIRMED": CONFIRMED}
        configuration = _CONFIGURATION.format(
            root=self.root, workers=workers, port=self.port, tls_port=self.tls_port, csrf="c" * 32, **texts
        )
        (self.root / "nginx.conf").write_text(configuration)
        command = [programs.nginx(), "-p", str(self.root), "-c", str(self.root / "nginx.conf")]
        self._process = programs.start(SERVER_CORE, command, prefer=prefer)
        deadline = time.monotonic() + 20
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise TimeoutError("nginx did not come up")
            time.sleep(0.02)

    @property
    def url(self) -> str:
        """The URL for plain HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """The URL for TLS 1.3; the certificate for localhost is in :attr:`ca_file`."""
        return f"https://localhost:{self.tls_port}"

    def requests(self) -> int:
        """How many requests the server has handled; each call of this counts too."""
        with urllib.request.urlopen(f"{self.url}/status", timeout=30) as answer:
            found = re.search(r"\n (\d+) (\d+) (\d+) ", answer.read().decode())
        assert found is not None
        return int(found[3])

    def stall(self, seconds: float) -> float:
        """Stop the server's worker for so long; returns how long it really was, in seconds."""
        worker = psutil.Process(self._process.pid).children()[0]
        before = time.monotonic()
        worker.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            worker.send_signal(signal.SIGCONT)
        return time.monotonic() - before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self.root, ignore_errors=True)


def _free_ports() -> Iterator[int]:
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            yield port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(serialization.Encoding.PEM)
