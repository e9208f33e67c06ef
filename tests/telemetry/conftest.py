"""A run directory, and programs that receive what a trial tells."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.telemetry.made import Writer


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    """Of an empty run directory."""
    (tmp_path / "spool").mkdir()
    return Writer(tmp_path)


@dataclass
class Receiver:
    """An OpenTelemetry collector that keeps what it gets."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    metrics: list[Any] = field(default_factory=list)
    """Each is one message's list of metrics."""
    resources: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refuses: bool = False

    def take(self, context: Any) -> None:
        """What every call has; refuses where the test says so."""
        self.headers.append({key: value for key, value in context.invocation_metadata() if isinstance(value, str)})
        if self.refuses:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "the token is no good")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The gRPC services of the OpenTelemetry protocol, on a port of their own."""
    kept = Receiver()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):  # noqa: N802 - the protocol's name
            kept.take(context)
            for group in request.resource_spans:
                kept.resources.append({pair.key: pair.value.string_value for pair in group.resource.attributes})
                kept.spans += [span for scope in group.scope_spans for span in scope.spans]
            return trace_service_pb2.ExportTraceServiceResponse()

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request, context):  # noqa: N802 - the protocol's name
            kept.take(context)
            kept.metrics.append([metric for group in request.resource_metrics for scope in group.scope_metrics for metric in scope.metrics])
            return metrics_service_pb2.ExportMetricsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    kept.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield kept
    server.stop(None).wait()


@dataclass
class Notes:
    """Grafana's annotations as far as its HTTP API has them."""

    url: str = ""
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    kept: dict[int, dict[str, Any]] = field(default_factory=dict)
    tokens: set[str | None] = field(default_factory=set)
    refuses: int = 0
    """The status with which it answers everything; 0 where it does what it is asked."""


@pytest.fixture
def grafana() -> Iterator[Notes]:
    """``POST`` and ``PATCH /api/annotations``, on a port of their own."""
    notes = Notes()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            notes.calls.append((self.command, self.path, body))
            notes.tokens.add(self.headers["Authorization"])
            number = len(notes.kept) + 1 if self.command == "POST" else int(self.path.rpartition("/")[2])
            if not notes.refuses:
                notes.kept[number] = notes.kept.get(number, {}) | body
            said = json.dumps({"message": "done", "id": number}).encode()
            self.send_response(notes.refuses or 200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_PATCH = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Nothing: the test looks at what was kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    notes.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield notes
    server.shutdown()
    server.server_close()
