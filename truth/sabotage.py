"""Sabotage: what can be wrong with a backup, a restore, a release, a certificate, a worker or a move. Each must fail, with the right witness.

Everything is done from outside: to the files of a backup server or a release, to processes, by triggers in a database, or by programs that stand
before PostgreSQL's own. Production code has no path for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from closeshave.clients import balancer, edge_tls, handshake, patroni, postgres
from closeshave.clients.toxiproxy import Server, Toxic
from closeshave.control import processes
from closeshave.deployment import BackupServer, Process, load
from closeshave.drills import backups
from closeshave.drills.scale import autoscaled
from closeshave.environments.scaling import autoscaler
from closeshave.files import write_atomically
from closeshave.vocabulary import DRILLS
from truth.scene import Scene

SHARD, OTHER_SHARD = 1, 2
SPARE_SHARD = 5
PLAN, NEXT, MIGRATE = "restore", "next", "migrate"
SCALED, SCALING = "us-west-2", "scaled"
"""The region whose autoscaler is sabotaged, and the drill."""
DONE_S = 3.0
"""Seconds after the start of the phase at which something is made wrong; the drill chooses its target later."""
SEGMENTS = 5
SLOWER_MS = 100
OFF_BY = '''#!{python} -I
"""Starts PostgreSQL with another target than was asked for: {seconds:+d} s."""
import os, re, sys
from datetime import datetime, timedelta
path = os.path.join(sys.argv[sys.argv.index("-D") + 1], "postgresql.auto.conf")
def moved(match):
    return "recovery_target_time = '%s'" % (datetime.fromisoformat(match[1]) + timedelta(seconds={seconds})).isoformat(sep=" ")
with open(path) as file:
    text = re.sub("recovery_target_time = '([^']+)'", moved, file.read())
with open(path, "w") as file:
    file.write(text)
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
'''
EARLY = """
from celery.signals import task_received
from closeshave.standin.background import __main__ as program

def acknowledge(request=None, **_told):
    request.message.ack()
    request.acknowledged = True

task_received.connect(acknowledge, weak=False)
program.main()
"""
"""A worker that acknowledges a job as soon as it has it."""
SLOW_JOB_S = "0.5"
EUROPE = "eu-west-1"
"""The only worker of its broker: nobody else does the jobs there."""


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One thing that is wrong."""

    name: str
    what: str
    verdict: str
    """ID of the verdict that must fail."""
    reason: str
    """A regular expression that its reason must match."""
    witness: str
    """A regular expression that one of its witnesses must match, as it stands in a file."""
    act: Callable[[Scene], None]
    """Called while the trial runs; what it made wrong it puts right when the trial is over."""
    plan: str = PLAN
    environment: str = ""
    """The environment that its plan needs; empty: that of the matrix."""


def flip_a_page(scene: Scene) -> None:
    """Change a byte in the middle of the largest file of the base backup."""
    scene.sleep_until_phase("broken", DONE_S)
    with _kept(server_of(scene)) as server:
        largest = max((path for path in Path(server.bases).rglob("base/*/*") if path.is_file()), key=lambda path: path.stat().st_size)
        with largest.open("r+b") as file:
            file.seek(largest.stat().st_size // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 0xFF]))
        wait(scene)


def lose_a_segment(scene: Scene) -> None:
    """Remove a segment of the log between the base backup and the target."""
    scene.sleep_until_phase("broken", DONE_S)
    lead = patroni.leader(scene.deployment, SHARD)
    with postgres.connect(lead.port, scene.deployment.database, "postgres") as connection:
        for _ in range(SEGMENTS):
            connection.execute("SELECT pg_logical_emit_message(true, 'closeshave', 'sabotage')")
            connection.execute("SELECT pg_switch_wal()")
            time.sleep(0.2)
    time.sleep(2)
    server = server_of(scene)
    first = backups.bases(server)[-1]
    whole = sorted(
        path for path in Path(server.log).iterdir() if backups.SEGMENT.fullmatch(path.name) and not path.name.endswith(".partial")
    )
    needed = [path for path in whole if path.stat().st_mtime_ns > first.ended_ns]
    lost = needed[-2]
    aside = lost.with_name(f"{lost.name}.aside")
    lost.rename(aside)
    try:
        wait(scene)
    finally:
        aside.rename(lost)


def never_archive(scene: Scene) -> None:
    """Let the receiver of the log write into another directory, under another name: it runs, and nothing reaches the backups any more.

    It is not stopped instead: a part that another program stopped is a disturbance of the machine, of which no drill fails.
    """
    scene.sleep_until_phase("broken", DONE_S)
    server, root, of = server_of(scene), Path(scene.deployment.root), scene.deployment.id
    right = scene.deployment.process(server.process)
    elsewhere = Path(f"{server.log}-elsewhere")
    shutil.copytree(server.log, elsewhere)
    owner = Path(server.log).stat()
    for path in (elsewhere, *elsewhere.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
    named = f"application_name={server.process}"
    swapped = {server.log: str(elsewhere)}
    wrong = replace(right, argv=tuple(swapped.get(word, word).replace(named, f"{named}-elsewhere") for word in right.argv))
    if wrong.argv == right.argv:
        raise LookupError(f"{server.process} has neither its directory nor its name among its words")
    _replaced(root, of, right, wrong)
    try:
        wait(scene)
    finally:
        _replaced(root, of, right, right)
        shutil.rmtree(elsewhere)


def _replaced(root: Path, of: str, process: Process, by: Process) -> None:
    """End a process of this environment, and start another one in its place."""
    if (there := processes.find(root, process)) is not None:
        processes.send([there], signal.SIGKILL)
        processes.gone([there], 5)
    processes.start(root, of, by)


def take_another_shards(scene: Scene) -> None:
    """Put the base backup of shard 2 where that of shard 1 is expected."""
    scene.sleep_until_phase("broken", DONE_S)
    other = backups.server_of(scene.deployment, OTHER_SHARD)
    if other is None:
        raise LookupError(f"shard {OTHER_SHARD} has no backup server in {scene.deployment.name}")
    with _kept(server_of(scene)) as server:
        shutil.rmtree(server.bases)
        shutil.copytree(other.bases, server.bases, symlinks=True)
        wait(scene)


def remove_too_much(scene: Scene) -> None:
    """Remove every base backup, as a retention job does that counts wrongly."""
    scene.sleep_until_phase("broken", DONE_S)
    with _kept(server_of(scene)) as server:
        for path in Path(server.bases).iterdir():
            shutil.rmtree(path)
        wait(scene)


def stop_early(scene: Scene) -> None:
    """Let every restore stop a second before its target."""
    _shift(scene, -1)


def go_too_far(scene: Scene) -> None:
    """Let every restore go a second beyond its target."""
    _shift(scene, 1)


def _shift(scene: Scene, seconds: int) -> None:
    root = Path(scene.deployment.root)
    right = load(root)
    place = root / "sabotage"
    place.mkdir(exist_ok=True)
    own = Path(right.programs.postgres)
    for program in own.iterdir():
        (place / program.name).unlink(missing_ok=True)
        (place / program.name).symlink_to(program)
    (place / "postgres").unlink()
    write_atomically(place / "postgres", OFF_BY.format(python=sys.executable, seconds=seconds, program=str(own / "postgres")), 0o755)
    replace(right, programs=replace(right.programs, postgres=str(place))).save()
    try:
        wait(scene)
    finally:
        right.save()
        shutil.rmtree(place)


def reach_no_primary(scene: Scene) -> None:
    """Let the next release look for primaries where no program listens: it is ready, names its version, and can book nothing."""
    _release(scene, {"DATABASE_PORT": "9"})


def slow_at_one_endpoint(scene: Scene) -> None:
    """Let the next release answer the list of free times much later, and everything else as before."""
    _release(scene, {"BURDEN": "time 8000 /api/v2/appointments/slots"})


def drop_in_flight(scene: Scene) -> None:
    """Kill each instance as soon as the deploy has taken it out of its balancer, with the requests that it has: databases are slow, so it has some."""
    scene.sleep_until_phase("broken", DONE_S)
    there = scene.deployment
    old = {app.name: processes.find(Path(there.root), app) for app in there.processes if app.role == "app"}
    slow = Toxic("latency", {"latency": SLOWER_MS, "jitter": 0}, "downstream", owner="sabotage")
    links = [link for link in there.links if link.kind == "app-database"]
    for link in links:
        Server(link.api_port).add(link.name, slow)
    try:
        while not scene.over():
            for at in there.balancers:
                for name in [app.name for app in there.owned_by(at.region) if app.name in old]:
                    if balancer.view(at, name).status.startswith("DRAIN") and (first := old.pop(name)) is not None:
                        processes.send([first], signal.SIGKILL)
            time.sleep(0.005)
    finally:
        for link in links:
            Server(link.api_port).remove(link.name, slow)


def never_scale_in(scene: Scene) -> None:
    """Stop the autoscaler as soon as it has started an instance: it runs, and ends none any more."""
    scaler = autoscaler.process_of(scene.deployment, SCALED)
    log = scene.run / DRILLS / SCALING / autoscaled.LOG
    while not scene.over() and not autoscaler.changes(log):
        time.sleep(0.1)
    # Only itself: the instances that it started are its descendants, and serve.
    frozen = processes.family(Path(scene.deployment.root), scaler)[:1]
    processes.send(frozen, signal.SIGSTOP)
    try:
        wait(scene)
    finally:
        processes.send(frozen, signal.SIGCONT)


def serve_the_old_certificate(scene: Scene) -> None:
    """Give one edge its old certificate again as soon as the rotation has given it the new one, without a word to anybody."""
    scene.sleep_until_phase("broken", DONE_S)
    there = scene.deployment
    edge = there.edges[-1]
    if edge.tls is None:
        raise LookupError(f"the edges of {there.name} serve no TLS")
    old = Path(edge.tls.certificate).read_bytes()
    first = handshake.shown(edge.url, there.authority).serial
    while not scene.over() and handshake.shown(edge.url, there.authority).serial == first:
        time.sleep(0.002)
    if not scene.over():
        edge_tls.install(edge, old)
        wait(scene)


def acknowledge_early(scene: Scene) -> None:
    """Run a worker in the place of Europe's that acknowledges each job before it does it, and takes its time."""
    root = Path(scene.deployment.root)
    right = next(process for process in scene.deployment.owned_by(EUROPE) if process.role == "worker")
    hasty = replace(right, argv=(sys.executable, "-c", EARLY), environ={**right.environ, "JOB_WORK_S": SLOW_JOB_S})
    _replaced(root, scene.deployment.id, right, hasty)
    # Killed by the fault, it is started again as it is declared.
    wait(scene)


def lose_the_last_writes(scene: Scene) -> None:
    """Let the new shard ignore every booking that is made from now on: it gets what was copied, and not the last ones before the fence."""
    scene.sleep_until_phase("broken", DONE_S)
    with _trigger(
        scene, SPARE_SHARD, "bookings", "BEFORE INSERT", f"IF NEW.created_at > '{datetime.now(UTC)}' THEN RETURN NULL; END IF; RETURN NEW;"
    ):
        wait(scene)


def double_rows(scene: Scene) -> None:
    """Let the new shard make a second booking, which is cancelled, of each that comes to it."""
    scene.sleep_until_phase("broken", DONE_S)
    twin = """
        IF pg_trigger_depth() = 1 THEN
            INSERT INTO bookings (franchise_id, barber_id, client_id, guest_name, guest_email, service_id, service_name, starts_at, minutes, status,
                                  price_cents)
            VALUES (NEW.franchise_id, NEW.barber_id, NEW.client_id, NEW.guest_name, NEW.guest_email, NEW.service_id, NEW.service_name, NEW.starts_at,
                    NEW.minutes, 'cancelled', NEW.price_cents);
        END IF;
        RETURN NEW;
    """
    with _trigger(scene, SPARE_SHARD, "bookings", "BEFORE INSERT", twin):
        wait(scene)


def leave_old_rows(scene: Scene) -> None:
    """Let the old shard ignore the removal of opening hours, until the drill has ended."""
    scene.sleep_until_phase("broken", DONE_S)
    with _trigger(scene, SHARD, "opening_hours", "BEFORE DELETE", "RETURN NULL;"):
        while not scene.over() and not scene.drill_ended():
            time.sleep(0.05)
    wait(scene)


@contextmanager
def _trigger(scene: Scene, shard: int, table: str, when: str, body: str) -> Iterator[None]:
    """A trigger that fires for what a subscription applies, too, until the block ends."""

    def execute(*statements: str) -> None:
        lead = patroni.leader(scene.deployment, shard)
        with postgres.connect(lead.port, scene.deployment.database, "postgres") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    execute(
        # Whoever applies a subscription looks for names in no schema.
        f"CREATE OR REPLACE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN {body} END $$",
        f"CREATE OR REPLACE TRIGGER sabotage {when} ON {table} FOR EACH ROW EXECUTE FUNCTION sabotage()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER sabotage",
    )
    try:
        yield
    finally:
        execute(f"DROP TRIGGER IF EXISTS sabotage ON {table}", "DROP FUNCTION IF EXISTS sabotage()")


def _release(scene: Scene, variables: Mapping[str, str]) -> None:
    """Give the instances of the release ``next`` these variables in addition, until the trial is over."""
    root = Path(scene.deployment.root)

    def change_release(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        deployment = load(root)
        release = deployment.application.releases[NEXT]
        changed = tuple(replace(process, environ=change(dict(process.environ))) for process in release.processes)
        releases = {**deployment.application.releases, NEXT: replace(release, processes=changed)}
        replace(deployment, application=replace(deployment.application, releases=releases)).save()

    change_release(lambda environ: {**environ, **variables})
    try:
        wait(scene)
    finally:
        change_release(lambda environ: {name: value for name, value in environ.items() if name not in variables})


def server_of(scene: Scene) -> BackupServer:
    """The backup server of the shard that is restored."""
    found = backups.server_of(scene.deployment, SHARD)
    if found is None:
        raise LookupError(f"shard {SHARD} has no backup server in {scene.deployment.name}")
    return found


@contextmanager
def _kept(server: BackupServer) -> Iterator[BackupServer]:
    """Its base backups are put back when the block ends."""
    aside = Path(f"{server.bases}.aside")
    shutil.copytree(server.bases, aside, symlinks=True)
    try:
        yield server
    finally:
        shutil.rmtree(server.bases)
        aside.rename(server.bases)


def wait(scene: Scene) -> None:
    """Until the trial is over."""
    while not scene.over():
        time.sleep(0.1)


OF_JOBS = frozenset({"integrity/jobs_lost", "integrity/jobs_twice", "integrity/jobs_late"})
"""Verdicts on what workers did, of a plan that breaks them."""
STOPPED = "the release next was bad and was stopped at 10%"
SLOW_THERE = ".* at GET /api/v2/appointments/slots .*slower than|.* slower than .* most of all at GET /api/v2/appointments/slots: "
"""Alone, or where what waits behind its requests in the same instances is slow too."""
MISSING, BEYOND = "acknowledged before the target", "requested only after the target"
CASES = (
    Sabotage("page-flipped", "a page of the base backup is damaged", "drill/restore", "base backup .* is damaged: checksum", "checksum mismatch",
             flip_a_page),
    Sabotage("segment-missing", "a segment of the log is missing", "drill/restore", "the log has a gap: segment [0-9A-F]{24} is missing",
             "the log has a gap", lose_a_segment),
    Sabotage("never-archived", "the newest log is never received", "drill/restore", "the log after the target did not reach the backup server",
             "did not reach the backup server", never_archive),
    Sabotage("another-shards-base", "the base backup is of another shard", "drill/restore", "did not start from the backup|the log has a gap",
             "did not start from the backup|the log has a gap", take_another_shards),
    Sabotage("removed-too-much", "a retention job removed the base backups", "drill/restore", "no base backup is older than the target",
             "no base backup is older", remove_too_much),
    Sabotage("stops-early", "the restore stops a second early", "drill-rows/restore", MISSING, f"{MISSING}, but not", stop_early),
    Sabotage("goes-too-far", "the restore goes a second too far", "drill-rows/restore", BEYOND, f"{BEYOND}, but", go_too_far),
    Sabotage("bad-release", "a release is ready and reaches no primary", "drill/canary", f"{STOPPED}; .* were not answered well", STOPPED,
             reach_no_primary, "canary"),
    Sabotage("slow-canary", "a release is slow at one endpoint only", "drill/canary", f"{STOPPED}; ({SLOW_THERE})",
             STOPPED, slow_at_one_endpoint, "canary"),
    Sabotage("acknowledges-early", "a worker acknowledges jobs before they are done", "integrity/jobs_lost", "jobs? w(as|ere) never done",
             "has no effect, although its time was over", acknowledge_early, "worker"),
    Sabotage("requests-dropped", "a deploy ends instances with requests in flight", "drill-failed-requests/deploy", "were not good",
             "not good during the drill", drop_in_flight, "rolling"),
    Sabotage("never-scales-in", "an autoscaler never ends an instance", "drill/scaled", "scale in: the autoscaler ended nothing: for .* 2 instances run",
             "the autoscaler ended nothing", never_scale_in, "scaling"),
    Sabotage("old-certificate", "a rotation leaves the old certificate at one edge", "drill/rotate", "handshakes show the old certificate [0-9A-F]+",
             "handshakes show the old certificate", serve_the_old_certificate, "rotation", "embedded-tls"),
    Sabotage("last-writes-lost", "a move loses the last writes before the fence", "drill/move", "bookings \\d+ is on shard 1 and not on shard 5",
             "is on shard 1 and not on shard 5", lose_the_last_writes, MIGRATE),
    Sabotage("row-doubled", "a move doubles a row", "drill/move", "bookings \\d+ is on shard 5 and not on shard 1", "is on shard 5 and not on shard 1",
             double_rows, MIGRATE),
    Sabotage("old-rows-left", "a move leaves old rows", "drill/move", "\\d+ rows of opening_hours are still there", "of opening_hours are still there",
             leave_old_rows, MIGRATE),
)  # fmt: skip
