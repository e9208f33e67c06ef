"""Where the telemetry of a trial goes: what the command was told, checked before anything starts."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from closeshave.files.yamlfile import InvalidFile, Problem

GRAFANA_TOKEN = "CLOSESHAVE_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
OTLP_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""OpenTelemetry's own variable: ``name=value`` pairs, separated by commas, which may hold a token."""
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listen:
    """Serve Prometheus metrics here; port 0 is any that is free."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Collector:
    """An OpenTelemetry collector that accepts OTLP over gRPC."""

    endpoint: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Grafana:
    """A Grafana server, and the token of a service account that may write annotations."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Each receiver, ``None`` where there is none."""

    metrics: Listen | None = None
    otlp: Collector | None = None
    grafana: Grafana | None = None


NOTHING = TelemetrySettings()


def read(metrics_port: int | None, metrics_address: str, otlp: str, grafana: str, environ: MutableMapping[str, str]) -> TelemetrySettings:
    """What the options and variables mean. Secrets are taken out of ``environ``, so that no process which is started later has them.

    Raises :class:`InvalidFile` that names the option and what would be right.
    """
    token, headers = environ.pop(GRAFANA_TOKEN, ""), environ.pop(OTLP_HEADERS, "")
    problems = [problem for option, url in (("--otlp", otlp), ("--grafana", grafana)) if url and (problem := _wrong_url(option, url))]
    if grafana and not token:
        problems.append(Problem("--grafana", 0, "", f"needs the token of a service account in the variable {GRAFANA_TOKEN}"))
    if token and (not token.isascii() or not token.isprintable()):
        problems.append(Problem(GRAFANA_TOKEN, 0, "", "is no token: it holds characters that no HTTP header can hold"))
    pairs = tuple(_pair(word) for word in headers.split(",") if word.strip())
    if otlp and any(not name or not name.isascii() for name, _ in pairs):
        problems.append(Problem(OTLP_HEADERS, 0, "", "write name=value, several of them separated by commas"))
    if problems:
        raise InvalidFile(*problems)
    return TelemetrySettings(
        metrics=None if metrics_port is None else Listen(metrics_address, metrics_port),
        otlp=Collector(otlp, pairs) if otlp else None,
        grafana=Grafana(grafana.rstrip("/"), token) if grafana else None,
    )


def _wrong_url(option: str, url: str) -> Problem | None:
    try:
        parts = urlsplit(url)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return Problem(option, 0, "", "is no address; write it like http://127.0.0.1:4317")
    if parts.username is not None or parts.password is not None:
        # Not shown: it may hold a password.
        return Problem(option, 0, "", "must hold no user and no password: an address is shown and logged")
    return None if right else Problem(option, 0, "", f"{url!r} is no address; write it like http://127.0.0.1:4317")


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name.strip().lower(), value.strip()
