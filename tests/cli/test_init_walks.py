"""``closeshave init`` and ``closeshave doctor`` start an application on real servers, walk through it, and leave nothing running."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from closeshave.control import processes
from closeshave.environments import parts, registry
from closeshave.environments.definition import read_definition
from closeshave.environments.stack import Embedded
from closeshave.trial.preparation import prepare

pytestmark = [pytest.mark.servers, pytest.mark.timeout(500)]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "application"
WITHIN_S = 300
VARIABLES = "DATABASE_URL={database_url} CACHE_URL={cache_url} PAYMENTS_URL={payments_url} HOST={host} PORT={port} INSTANCE={instance} SECRET={secret}"


@dataclass(frozen=True)
class Ended:
    """How the command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def told(self) -> dict[str, Any]:
        """Its JSON document."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found

    @property
    def findings(self) -> dict[str, dict[str, str]]:
        """By what they are about."""
        return {one["what"]: one for one in self.told["findings"]}


@dataclass(frozen=True)
class Shop:
    """A copy of the example's application without its environment, under a name that no other environment has."""

    directory: Path
    name: str

    @property
    def environment(self) -> Path:
        """The environment file that ``init`` writes."""
        return self.directory / "environments" / f"{self.name}.yaml"

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, in the application's directory."""
        line = [sys.executable, "-m", "closeshave", *arguments]
        return subprocess.Popen(line, cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def carry_out(self, *arguments: str) -> Ended:
        """The command, until it ends."""
        with self.begin(*arguments) as process:
            try:
                said, errors = process.communicate(timeout=WITHIN_S)
            except BaseException:
                # Not killed: what it started would stay.
                process.send_signal(signal.SIGINT)
                process.wait(90)
                raise
        return Ended(process.returncode, said, errors)

    def init(self, command: str = "serve", *more: str) -> tuple[str, ...]:
        """The arguments that describe the application."""
        program = f"{sys.executable} -m barbers"
        return ("init", "--name", self.name, "--command", f"{program} {command}", "--prepare", f"{program} prepare", "--payments", *more)

    def left(self) -> list[str]:
        """What there is of its environments: directories and processes."""
        found = [str(root) for root in registry.running() if root.name.startswith(self.name)]
        for process in psutil.process_iter():
            try:
                words = " ".join([*process.cmdline(), *process.environ().values()])
            except (psutil.Error, OSError):
                continue
            if f"/{self.name}-" in words:
                found.append(f"{process.pid} {words[:100]}")
        return found


@pytest.fixture(scope="module", autouse=True)
def _built(_machine: None) -> None:
    """What is built once for each user does not count as time of a command."""
    parts.resolve("wheel", print, toxiproxy=False, etcd_killed=False)


@pytest.fixture
def shop(tmp_path: Path):
    """Afterwards nothing of it is left."""
    directory = shutil.copytree(EXAMPLE, tmp_path / "application", ignore=shutil.ignore_patterns("__pycache__", "resilience"))
    made = Shop(Path(directory), f"walked{secrets.token_hex(4)}")
    yield made
    assert processes.poll_until(lambda: made.left() == [], 20), made.left()


def test_it_walks_through_the_application_and_its_file_says_what_was_seen(shop: Shop) -> None:
    """The time zone that nobody stated; the files are valid, and what the doctor misses is named. Then the doctor alone sees a planted defect."""
    done = shop.carry_out(*shop.init("serve", "--variables", VARIABLES, "--ready", "/health/ready", "--version-path", "/health"), "--json")
    assert done.code == 0, done.stderr
    found = done.findings
    answering = ("login", "book", "payments", "cancel", "lists", "version", "probe", "evidence")
    assert {what: found[what]["level"] for what in answering} == dict.fromkeys(answering, "ok")
    assert "message, never with 409" in found["conflict"]["saw"]
    assert found["evidence"]["saw"] == "a run is measured in our environment"
    assert not {"hooks", "monitoring"} & set(found)
    definition = read_definition(shop.environment)
    assert isinstance(definition, Embedded)
    able = definition.application.capabilities
    assert (able.franchises, able.zone) == (False, "America/New_York")
    assert "# learnt from one booking" in shop.environment.read_text()
    prepare(str(shop.directory / "scenarios" / f"{shop.name}.yaml"))
    assert any("closeshave run" in step for step in done.told["next"])
    assert not any("closeshave doctor" in step for step in done.told["next"])
    assert shop.left() == []

    text = shop.environment.read_text()
    assert "    SECRET:" in text
    shop.environment.write_text(text.replace("    SECRET:", "    PLANTED: double-booking\n    SECRET:"))
    again = shop.carry_out("doctor", "--environment", str(shop.environment), "--json")
    assert again.code == 0, again.stderr
    assert again.findings["double booking"]["level"] == "missing"


def test_where_it_does_not_start_the_files_stay_and_the_reason_is_said(shop: Shop) -> None:
    """With the end of the application's log and exit code 4."""
    done = shop.carry_out(*shop.init("serve", "--variables", "PORT={port}"), "--json")
    assert done.code == 4, done.stderr
    assert "application.prepare of shard 1" in done.stderr
    assert done.told["failed"].split("\n")[0] in done.stderr
    assert shop.environment.is_file()
    assert any("closeshave doctor --environment" in step for step in done.told["next"])


def test_whoever_stops_it_finds_nothing_running(shop: Shop) -> None:
    """At a signal while the environment starts; the files are there."""
    process = shop.begin(*shop.init("serve", "--variables", VARIABLES))
    assert processes.poll_until(lambda: shop.left() != [] or process.poll() is not None, 120)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert shop.environment.is_file()
