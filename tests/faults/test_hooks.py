"""Faults that an operator's commands inject: with the same lifecycle as all faults, a time limit, and every claim checked."""

from __future__ import annotations

import http.server
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from closeshave.clock import now_ns
from closeshave.deployment import Asked, Call, Deployment, Expect, Hook, Secrets
from closeshave.faults import catalogue, child, hook, lifecycle
from closeshave.faults.calls import carry_out
from closeshave.faults.heal import heal_open
from closeshave.faults.ledger import Ledger
from closeshave.faults.waiting import after, until
from closeshave.plan import Expected, Fault
from closeshave.vocabulary import TOKEN_VARIABLE
from tests.faults import toys
from tests.faults.timelines import WHOLE_LIFE, edges, events, marks, not_observed
from tests.tiers import thorough

FAULT = Fault("broken", "shard.primary-killed", "storm", 0, 0.5, Expected.RECOVERS, {"shard": 1})


def command(*argv: str, timeout: float = 5.0, expect: Expect | str | None = None) -> Call:
    """A call that runs a program."""
    return Call(command=argv, timeout=timeout, expect=expect)


def switch(directory: Path, **changes: Call) -> Hook:
    """A hook that breaks by making a file and heals by removing it; some of its calls are changed."""
    broken = directory / "broken"
    whole = {
        "inject": command("touch", str(broken)),
        "observe": command("test", "-e", str(broken)),
        "undo": command("rm", "-f", str(broken)),
        "heal_check": command("test", "!", "-e", str(broken)),
    } | changes
    calls = whole["inject"], whole["observe"], whole["undo"], whole["heal_check"]
    return Hook("shard.primary-killed", {"shard": 1}, *calls, observed_within=0.6, healed_within=3.0)


def remote(root: Path, *hooks: Hook) -> Deployment:
    """A remote platform, of which only the hooks matter here."""
    platform = replace(toys.deployment(root), kind="remote", hooks=hooks)
    platform.save()
    return platform


def never() -> bool:
    """Never requests a stop."""
    return False


def break_it(platform: Deployment, run: Path) -> None:
    """Inject and observe, as an experiment does; after a failed injection it is still observed."""
    kind = catalogue.of(FAULT.kind, FAULT.scope, platform)
    aim = kind.aim_of(platform, FAULT)
    try:
        lifecycle.inject(Ledger(run), "broken", kind, aim, None, 1, never)
    finally:
        lifecycle.observe(Ledger(run), "broken", kind, aim, never)


def quiet(_line: str) -> None:
    """A port without a listener."""


def test_a_hook_has_the_lifecycle_of_any_fault(tmp_path: Path, run: Path) -> None:
    """In a process of its own, through the experiment of its kind: injected, observed, held, undone, proven."""
    platform = remote(tmp_path / "root", switch(tmp_path))
    experiment = child.start(platform, run, FAULT, now_ns() + 3_500_000_000)
    assert experiment.wait(60) == 0, (run / "logs" / "fault-broken.log").read_text()
    assert edges(run) == WHOLE_LIFE
    assert not (tmp_path / "broken").exists()


@pytest.mark.thorough
def test_a_call_that_returns_after_the_fault_was_still_observed(tmp_path: Path, run: Path) -> None:
    """Failover calls of clouds block for minutes: the observation begins with their start."""
    broken = tmp_path / "broken"
    blocking = command("sh", "-c", f"sleep 0.3; touch {broken}; sleep 1.5; rm {broken}; sleep 0.3")
    break_it(remote(tmp_path / "root", switch(tmp_path, inject=blocking)), run)
    seen = events(run)
    assert seen["injected"]["at_ns"] + 300_000_000 <= seen["observed"]["at_ns"] <= seen["injected"]["evidence"]["returned_ns"]
    assert marks(run) == []


@pytest.mark.parametrize("ends", [None, "asked", *thorough("at-once", "when-observed")])
def test_a_hook_says_when_the_primary_ends(tmp_path: Path, run: Path, ends: Any) -> None:
    """The call returns at once and takes effect 0.8 s later: the hook says nothing about it, or that the primary ended with the call, or when it is
    observed. How long that takes on a busy machine does not matter: the calls themselves note when they were made.
    """
    broken, questions = tmp_path / "broken", tmp_path / "questions"
    late = command(sys.executable, "-c", LATER, str(broken), timeout=60.0)
    question = command("sh", "-c", NOTED, str(broken), str(questions), timeout=60.0)
    changed = switch(tmp_path, inject=late, **({"observe": question} if ends == "when-observed" else {}))
    platform = remote(tmp_path / "root", replace(changed, ends=Asked(question) if ends == "asked" else ends, observed_within=60.0))
    break_it(platform, run)
    told = events(run)["injected"]
    ended = told["evidence"]["ended_ns"]
    if ends is None:
        assert ended is None
    elif ends == "at-once":
        assert ended == [told["at_ns"], told["evidence"]["returned_ns"]]
    else:
        low, high = ended
        began_ns, done_ns = map(int, broken.read_text().split())
        assert low <= done_ns
        assert began_ns <= high
        # It was not yet so when it was asked the last time: the interval is no wider than from one question to the next.
        asked = [(float(at_s) * 1e9 - _asleep_ns(), code) for at_s, code in (line.split() for line in questions.read_text().splitlines())]
        failed = [at_ns for at_ns, code in asked if code != "0"]
        assert failed[-2:-1] <= [low] <= [failed[-1] + UPTIME_NS]


NOTED = 'read up idle < /proc/uptime; test -e "$0"; code=$?; echo "$up $code" >> "$1"; exit $code'
"""A question that notes when it was asked (in seconds since the machine was started), and its answer."""
UPTIME_NS = 10_000_000
"""That clock shows hundredths."""
LATER = """
import os, sys, time
if between := os.fork():
    os.waitpid(between, 0)  # what is left of a call's own session ends with it
else:
    os.setsid()
    if os.fork():
        os._exit(0)
    time.sleep(0.8)
    began_ns = time.monotonic_ns()
    with open(sys.argv[1], "w") as file:
        print(began_ns, time.monotonic_ns(), file=file)
"""
"""A call whose effect comes when it has long returned: a file with the instants between which it came."""


def _asleep_ns() -> int:
    """How much longer the machine runs than its monotonic clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()


@pytest.mark.thorough
def test_a_command_gets_its_callers_variables_without_the_secrets_that_it_does_not_need(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloud's own tool finds its configuration; the permission for production and the customers' passwords are not for it."""
    planted = ("KUBECONFIG", "HOOK_TOKEN", "CUSTOMERS_PASSWORD", TOKEN_VARIABLE)
    for name in planted:
        monkeypatch.setenv(name, "planted")
    told = tmp_path / "broken"
    telling = command(sys.executable, "-c", "import os, sys; open(sys.argv[1], 'w').write(' '.join(os.environ))", str(told))
    platform = remote(tmp_path / "root", switch(tmp_path, inject=telling))
    platform = replace(platform, secrets=Secrets(reading=("CUSTOMERS_PASSWORD",), hooks=("HOOK_TOKEN",)))
    platform.save()
    experiment = child.start(platform, run, replace(FAULT, hold=600), now_ns() + 3_500_000_000)
    try:
        assert until(lambda: "observed" in edges(run) or experiment.poll() is not None, after(60)), (
            run / "logs" / "fault-broken.log"
        ).read_text()
        given = set(told.read_text().split())
    finally:
        assert child.stop(experiment, 60) == 0
    assert given & {*planted} == {"KUBECONFIG", "HOOK_TOKEN"}


def test_a_hook_that_fails_is_named_and_undone(tmp_path: Path, run: Path) -> None:
    """Its exit code is stated; it is never reported as injected; the undo runs in any case."""
    platform = remote(tmp_path / "root", switch(tmp_path, inject=command("sh", "-c", f"touch {tmp_path / 'broken'}; exit 3")))
    with pytest.raises(hook.HookFailed, match=r"inject of the hook for shard\.primary-killed on shard 1 exit code 3"):
        break_it(platform, run)
    assert not_observed(run) == ["broken"]
    assert heal_open(run, platform, quiet) == []
    assert edges(run) == ["planned", "healed", "verified-healed"]
    assert not (tmp_path / "broken").exists()


@pytest.mark.thorough
def test_a_hook_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, run: Path) -> None:
    """After its timeout; children in sessions of their own end too; the undo runs in any case."""
    hanging = "import subprocess, sys; p = subprocess.Popen(['sleep', '3141'], start_new_session=True); open(sys.argv[1], 'w').write(str(p.pid)); p.wait()"
    platform = remote(
        tmp_path / "root", switch(tmp_path, inject=command(sys.executable, "-c", hanging, str(tmp_path / "broken"), timeout=1.5))
    )
    began = time.monotonic()
    with pytest.raises(hook.HookFailed, match=r"had not ended after 1\.5 s and was killed"):
        break_it(platform, run)
    assert time.monotonic() - began < 30
    started = int((tmp_path / "broken").read_text())
    # A signal is sent when the call is over, and it takes effect when the machine finds the time.
    assert until(lambda: not psutil.pid_exists(started) or psutil.Process(started).status() == psutil.STATUS_ZOMBIE, after(5))
    assert not_observed(run) == ["broken"]
    assert heal_open(run, platform, quiet) == []
    assert not (tmp_path / "broken").exists()


def test_a_hook_that_reports_a_fault_without_effect_is_not_believed(tmp_path: Path, run: Path) -> None:
    """It reports success and nothing is broken: not observed, so the platform survived nothing; the undo runs in any case."""
    platform = remote(tmp_path / "root", switch(tmp_path, inject=command("true")))
    break_it(platform, run)
    saw = "observe of the hook for shard.primary-killed on shard 1 exit code 1"
    assert not_observed(run) == [f"broken: not observed within 0.6 s; the probe last saw: {saw}"]
    assert "observed" not in edges(run)
    assert heal_open(run, platform, quiet) == []
    assert edges(run)[-1] == "verified-healed"


def test_an_undo_that_fails_leaves_the_fault_open(tmp_path: Path, run: Path) -> None:
    """It is named, and found again by a later healing, also in another process."""
    platform = remote(tmp_path / "root", switch(tmp_path, undo=command("false")))
    break_it(platform, run)
    (unproven,) = heal_open(run, platform, quiet)
    assert "undo of the hook for shard.primary-killed on shard 1 exit code 1" in unproven
    assert [standing.fault for standing in Ledger(run).open()] == ["broken"]
    assert heal_open(run, remote(tmp_path / "root", switch(tmp_path)), quiet) == []


def test_an_undo_that_reports_success_is_checked(tmp_path: Path, run: Path) -> None:
    """The heal check decides whether the platform is healed."""
    platform = remote(tmp_path / "root", switch(tmp_path, undo=command("true")))
    break_it(platform, run)
    (unproven,) = heal_open(run, platform, quiet, within_s=0.5)
    assert "heal_check of the hook for shard.primary-killed on shard 1 exit code 1" in unproven
    assert edges(run)[-1] == "healed"


def test_a_platform_that_is_not_healthy_is_not_broken_further(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its heal check must pass before anything is planned."""
    monkeypatch.setattr(lifecycle, "FIT_WITHIN_S", 0.0)
    platform = remote(tmp_path / "root", switch(tmp_path, heal_check=command("false")))
    with pytest.raises(lifecycle.Unfit, match="the platform is not healthy"):
        break_it(platform, run)
    assert Ledger(run).open() == ()


def test_nothing_that_a_hook_prints_is_stored(tmp_path: Path, run: Path) -> None:
    """Neither on success nor on failure: an output may hold secrets."""
    loud = command("sh", "-c", f"echo sk_live_planted; echo sk_live_planted >&2; touch {tmp_path / 'broken'}", expect="planted")
    platform = remote(tmp_path / "root", switch(tmp_path, inject=loud, undo=command("sh", "-c", "echo sk_live_planted; exit 1")))
    break_it(platform, run)
    assert "with 'planted'" in events(run)["injected"]["evidence"]["touched"][0]["text"]
    said: list[str] = []
    heal_open(run, platform, said.append)
    kept = "".join(path.read_text() for path in run.rglob("*") if path.is_file())
    assert "sk_live" not in kept + "".join(said)


def test_no_shell_interprets_a_command(tmp_path: Path) -> None:
    """Metacharacters are text."""
    done = carry_out(command("echo", "$(touch pwned); `touch pwned` && touch pwned", expect="$(touch pwned); `touch"), 5, {})
    assert done.well
    assert not Path("pwned").exists()


def test_an_endless_output_is_bounded() -> None:
    """In time and in memory."""
    done = carry_out(command("yes", expect="no"), 0.5, {})
    assert not done.well
    assert "was killed" in done.saw


@pytest.mark.parametrize(
    ("call", "well", "saw"),
    [
        (command("true"), True, "exit code 0"),
        (command("sh", "-c", "exit 7"), False, "exit code 7"),
        (command("echo", "whole", expect="whole"), True, "exit code 0 with 'whole'"),
        (command("echo", "half", expect="whole"), False, "exit code 0 without 'whole'"),
        (command("/no/such/program"), False, "could not be started: FileNotFoundError"),
        (command("echo\0"), False, "could not be started: ValueError"),
        (Call(http="http://127.0.0.1:1/x", timeout=2), False, "got no answer: ConnectError"),
        (Call(http="http://127.0.0.1:1/x", headers_from={"A": "NOT_SET_ANYWHERE"}), False, "NOT_SET_ANYWHERE is not set"),
        (Call(http="nonsense"), False, "got no answer: UnsupportedProtocol"),
    ],
)
def test_the_result_of_a_call_is_stated_in_a_few_words(call: Call, well: bool, saw: str) -> None:
    """Never an exception."""
    done = carry_out(call, 5, {})
    assert done.well is well
    assert saw in done.saw


class Answers(http.server.BaseHTTPRequestHandler):
    """An operator's API: ``/break`` requires a token, ``/drip`` never ends."""

    def do_POST(self) -> None:
        """Answer as the path says."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        right = self.headers.get("Authorization") == "Bearer planted-secret" and body == b'{"scope": 1}'
        self.send_response(200 if right or self.path == "/drip" else 403)
        self.end_headers()
        self.wfile.write(b"done")
        while self.path == "/drip":
            time.sleep(0.05)
            self.wfile.write(b".")
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def control() -> Iterator[str]:
    """The URL of a control plane."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("token", "well"), [("Bearer planted-secret", True), ("Bearer wrong", False)])
def test_headers_come_from_the_environment(control: str, monkeypatch: pytest.MonkeyPatch, token: str, well: bool) -> None:
    """A secret is in no file and in no message."""
    monkeypatch.setenv("PLANTED_TOKEN", token)
    done = carry_out(
        Call(http=f"{control}/break", headers_from={"Authorization": "PLANTED_TOKEN"}, body='{"scope": 1}', expect="done"), 5, {}
    )
    assert done.well is well
    assert "planted-secret" not in done.saw


def test_an_answer_that_drips_is_bounded(control: str) -> None:
    """Each byte arrives in time, the whole answer never."""
    done = carry_out(Call(http=f"{control}/drip"), 0.5, {})
    assert (done.well, done.saw) == (False, "got no complete answer within 0.5 s: the other side began to answer 200")


# -- checks that cannot be fooled --------------------------------------------------------------------------------------------------------------

WHOLE = b'{"status": "ready", "checks": [{"name": "database", "up": true}], "redis": {"status": "ready"}}'
BROKEN = b'{"status": "not_ready", "checks": [{"name": "database", "up": false}], "redis": {"status": "ready"}}'


class Readiness(http.server.BaseHTTPRequestHandler):
    """A platform that ``/break`` breaks and ``/mend`` repairs; ``/health/ready`` shows the state in its body only, ``/code`` also by its status,
    ``/`` not at all.
    """

    broken = False

    def do_GET(self) -> None:
        """Answer as the path says."""
        if self.path in {"/break", "/mend"}:
            Readiness.broken = self.path == "/break"
        body = BROKEN if Readiness.broken and self.path != "/" else WHOLE
        self.send_response(503 if Readiness.broken and self.path == "/code" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def platform_url() -> Iterator[str]:
    """Where that platform is, whole."""
    Readiness.broken = False
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Readiness)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "expect", "fooled"),
    [
        ("/health/ready", '"ready"', True),  # a part is ready, while the whole is not
        ("/health/ready", None, True),
        ("/", Expect(status=200), True),  # an address that knows nothing of the database
        ("/health/ready", '"status": "ready", "checks"', False),  # a text that only the whole platform says
        ("/health/ready", Expect(members={"status": "ready"}), False),
        ("/health/ready", Expect(status=200, members={"checks.0.up": True}), False),
        ("/code", Expect(status=200), False),
    ],
)
def test_a_heal_check_that_passes_while_the_fault_is_observed_is_reported(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch, platform_url: str, path: str, expect: Expect | str | None, fooled: bool
) -> None:
    """It runs while the platform is broken: a check that passes then would always pass, and proves no healing."""
    monkeypatch.setattr(hook, "ASK_EVERY_S", 0.02)
    calls = {name: Call(http=f"{platform_url}/{name}", method="GET") for name in ("break", "mend")}
    seen = Call(http=f"{platform_url}/code", method="GET", expect=Expect(status=503))
    check = Call(http=platform_url + path, method="GET", expect=expect)
    platform = remote(tmp_path / "root", Hook("shard.primary-killed", {"shard": 1}, calls["break"], seen, calls["mend"], check))
    break_it(platform, run)
    told = [detail for kind, detail in marks(run) if kind == "heal-check-worthless"]
    assert bool(told) is fooled
    assert all("broken: the heal_check of the hook for shard.primary-killed on shard 1 answered 200" in detail for detail in told)
    if fooled and isinstance(expect, str):
        assert "is also in the answer of the broken platform" in told[0]
    assert heal_open(run, platform, quiet) == []


@pytest.mark.parametrize(
    ("expect", "well", "saw"),
    [
        (Expect(members={"status": "ready"}), True, "exit code 0 with status"),
        (Expect(members={"checks.0.up": True, "checks.0.name": "database"}), True, "with checks.0.up, checks.0.name"),
        (Expect(members={"checks.0.up": 1}), False, "exit code 0 without the expected checks.0.up"),
        (Expect(members={"status": "ready", "database": None}), False, "without the expected database"),
        (Expect(members={"checks.7.up": True}), False, "without the expected checks.7.up"),
        (Expect(members={"status.deeper": "x"}), False, "without the expected status.deeper"),
    ],
)
def test_members_of_a_json_document_are_checked_and_not_its_text(expect: Expect, well: bool, saw: str) -> None:
    """By their path; a message names the path, never the value."""
    done = carry_out(command("echo", WHOLE.decode(), expect=expect), 5, {})
    assert done.well is well
    assert saw in done.saw
    assert carry_out(command("echo", "no JSON", expect=expect), 5, {}).well is False


@pytest.mark.parametrize(("values", "says"), [({}, "needs a status"), ({"status": 20}, "20 is not an HTTP status")])
def test_an_empty_expectation_is_refused(values: dict[str, Any], says: str) -> None:
    """It would always be met."""
    with pytest.raises(ValueError, match=says):
        Expect(**values)


@pytest.mark.parametrize(
    ("fault", "hooks", "says"),
    [
        (
            FAULT,
            (),
            "does not work on remote environments unless a hook of its operator injects it at exactly this scope; hooks: none",
        ),
        (replace(FAULT, scope={"shard": 2}), (switch(Path("/x")),), "hooks: shard.primary-killed on shard 1"),
        (replace(FAULT, parameters={"node": True}), (switch(Path("/x")),), "shard.primary-killed has no parameter 'node'; it has none"),
        (FAULT, (switch(Path("/x")),), None),
    ],
)
def test_a_fault_without_a_hook_is_refused_by_name(fault: Fault, hooks: tuple[Hook, ...], says: str | None) -> None:
    """Before anything starts; so is a parameter that no hook takes."""
    problems = catalogue.check(fault, "remote", hooks=hooks)
    assert (problems == []) if says is None else (says in problems[0])


@pytest.mark.parametrize(
    ("kind", "scope", "says"),
    [("shard.primary-kiled", {"shard": 1}, "there is no kind"), ("shard.primary-killed", {"region": "x"}, "takes no scope 'region'")],
)
def test_a_hook_for_an_unknown_kind_or_scope_is_refused(kind: str, scope: dict[str, str | int], says: str) -> None:
    """A hook belongs to a kind of the catalogue, on a scope that this kind has."""
    problems = catalogue.check_hook(replace(switch(Path("/x")), kind=kind, scope=scope))
    assert any(says in problem for problem in problems)
