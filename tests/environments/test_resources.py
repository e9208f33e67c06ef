"""Which process uses what: process tables, groups and the sampler."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.control import processes
from closeshave.deployment import Deployment, Payments, Process
from closeshave.environments.evidence import meter, proctable, resources
from closeshave.environments.evidence.meter import HostCounters, Look, ProcessGroup, Usage
from closeshave.environments.evidence.proctable import Entry, Io
from closeshave.topology import Topology
from closeshave.traffic import generator

DATABASE, APP = ProcessGroup("patroni", "east"), ProcessGroup("app", "east")


@pytest.mark.parametrize(
    ("stat", "entry"),
    [
        (
            "812 (postgres) S 1 812 812 0 -1 4194560 1500 0 3 0 25 17 4 2 25 5 1 0 80800 230000000 4200 18446744073709551615 0 0",
            Entry(pid=812, parent=1, started_ticks=80800, cpu_ticks=42, child_ticks=6, major_faults=3),
        ),
        (
            "77 (a) (b) R ) Z 76 77 77 0 -1 4228108 0 0 0 0 1 2 0 0 20 0 1 0 123 0 0 18446744073709551615 0 0",
            Entry(pid=77, parent=76, started_ticks=123, cpu_ticks=3, ended=True),
        ),
        (
            "9 (python) T 1 9 9 0 -1 4194304 15 0 0 0 1 1 0 0 20 0 1 0 50 0 0 0 1 1 1 0 0 0 0 0 0 0 0 0 17 1 0 0 250 0 0",
            Entry(pid=9, parent=1, started_ticks=50, cpu_ticks=2, stopped=True, blocked_ticks=250),
        ),
        (
            "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 7 0 0 20 0 1 0 9 0 0",
            Entry(pid=2, parent=0, started_ticks=9, cpu_ticks=7, kernel=True),
        ),
    ],
)
def test_a_line_of_the_process_table_is_read_whatever_the_name(stat, entry):
    """A process may call itself anything, brackets and spaces too."""
    assert proctable.parse_stat(stat) == entry


def test_the_process_table_knows_this_process():
    """Its parent is who the operating system says, and it has used CPU time."""
    entry = proctable.table()[os.getpid()]
    assert entry.parent == os.getppid()
    assert entry.cpu_ticks > 0
    assert proctable.memory_bytes(os.getpid()) > 1 << 20
    assert proctable.io(os.getpid()) is not None


def test_a_process_that_has_ended_has_no_figures():
    """It may end after the table was read: that is no error."""
    child = subprocess.Popen(["true"])
    child.wait()
    assert proctable.memory_bytes(child.pid) == 0
    assert proctable.io(child.pid) is None
    assert proctable.command(child.pid) == []


def entries(*pairs):
    """A table from pairs of process and parent."""
    return {pid: Entry(pid, parent, started_ticks=pid, cpu_ticks=0) for pid, parent in pairs}


@pytest.mark.parametrize(
    ("table", "roots", "expected"),
    [
        (((1, 0), (2, 1), (3, 2), (9, 1)), {2: "a"}, {2: "a", 3: "a"}),
        (((2, 1), (3, 2), (4, 3)), {2: "a", 3: "b"}, {2: "a", 3: "b", 4: "b"}),
        (((4, 3), (3, 2), (2, 1)), {2: "a"}, {2: "a", 3: "a", 4: "a"}),
        (((5, 6), (6, 5)), {2: "a"}, {}),
        (((3, 2),), {2: "a"}, {}),
    ],
    ids=["descendants", "the nearest root", "any order", "a circle of used-again IDs", "a root that has ended"],
)
def test_a_process_belongs_to_the_nearest_root_above_it(table, roots, expected):
    """All processes that a part starts count as that part."""
    assert proctable.owners(entries(*table), roots) == expected


HOST = HostCounters(10, 5, 100, 1, 0, 1000, 2000, 30, 40, 0.5, 1 << 30, 2 << 30)


def look(*rows, host=HOST):
    """A sample from rows of process, group (or none), CPU ticks, storage traffic and start time."""
    table = {pid: Entry(pid, 1, started, ticks) for pid, _, ticks, _, started in rows}
    owned = {pid: group for pid, group, *_ in rows if group is not None}
    io = {table[pid].incarnation: traffic for pid, group, _, traffic, _ in rows if group is not None}
    return Look(table, owned, io, dict.fromkeys(owned, 100), host)


def test_a_group_is_charged_with_what_its_processes_used_in_between():
    """The CPU time of an existing process is a difference; all of a new one's counts."""
    before = look((2, APP, 500, Io(10, 10), 7))
    after = look((2, APP, 550, Io(15, 30), 7), (3, APP, 25, Io(1, 2), 9), (4, DATABASE, 5, Io(0, 0), 9))
    host, app, database = meter.usage(before, after)
    assert app == Usage("app", "east", 2, 75 / proctable.TICKS_PER_S, 200, 6, 22, major_faults=0, stopped=0)
    assert database == Usage("patroni", "east", 1, 5 / proctable.TICKS_PER_S, 100, 0, 0, major_faults=0, stopped=0)
    assert (host.role, host.processes, host.cpu_s, host.received_bytes) == ("host", 3, 0, 0)


def test_an_id_that_was_used_again_is_another_process():
    """The difference to its predecessor's CPU time would be negative."""
    [_, app] = meter.usage(look((2, APP, 500, Io(10, 10), 7)), look((2, APP, 3, Io(1, 1), 8)))
    assert (app.cpu_s, app.read_bytes) == (3 / proctable.TICKS_PER_S, 1)


def test_a_process_that_is_only_now_known_is_not_charged_with_its_past():
    """A postmaster that restarted is found by its file a moment after it began to work."""
    [_, app] = meter.usage(look((2, None, 500, None, 7)), look((2, APP, 510, Io(900, 900), 7)))
    assert (app.cpu_s, app.read_bytes) == (10 / proctable.TICKS_PER_S, 0)


def test_traffic_that_cannot_be_read_is_unknown():
    """Without the numbers of one of its processes a group has no sum."""
    [_, app] = meter.usage(look((2, APP, 0, None, 7), (3, APP, 0, Io(1, 1), 7)), look((2, APP, 0, None, 7), (3, APP, 0, Io(5, 5), 7)))
    assert (app.read_bytes, app.written_bytes) == (None, None)


@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_the_hosts_row_holds_differences_of_counters_and_gauges_as_they_are(user_s, steal_s):
    """CPU seconds belong to the interval; load and memory to its end."""
    now = replace(HOST, user_s=HOST.user_s + user_s, steal_s=HOST.steal_s + steal_s, load_1min=3.0)
    [host] = meter.usage(look(), look(host=now))
    assert host.user_s == pytest.approx(user_s)
    assert host.steal_s == pytest.approx(steal_s)
    assert (host.load_1min, host.memory_available_bytes, host.idle_s) == (3.0, 2 << 30, 0)


@pytest.fixture
def deployment(tmp_path):
    """An environment of one process that starts another, running; and nothing of it afterwards."""
    # A sweep ends whatever carries the ID: another run of these tests has one of its own.
    environment_id = f"resources-{secrets.token_hex(4)}"
    argv = (sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])")
    part = Process("app-east-0", "app", "east", argv)
    found = Deployment(
        id=environment_id, name="e", kind="embedded", root=str(tmp_path / "root"), topology=Topology(("east",), ()), processes=(part,),
        members=(), stores=(), sentinels=(), links=(), edges=(), payments=Payments("payments", "", ""), etcd_ports=(), database="d", user="u",
    )  # fmt: skip
    (tmp_path / "root").mkdir()
    found.save()
    identity = processes.start(tmp_path / "root", environment_id, part)
    assert processes.poll_until(lambda: len(processes.descendants(identity)) == 2, 30)
    yield found
    assert processes.sweep(environment_id) == []


@pytest.fixture
def helper():
    """Start programs that carry a run's mark."""
    started = []

    def start(run_id, *argv):
        started.append(subprocess.Popen(argv, env={**os.environ, resources.RUN_MARK: run_id}))
        # Between fork and exec it would still look like this process.
        assert processes.poll_until(lambda: proctable.command(started[-1].pid) == list(argv), 10)
        return started[-1].pid

    yield start
    for child in started:
        child.kill()
        child.wait()


def test_processes_are_counted_by_record_first_and_by_the_runs_mark_second(deployment, helper):
    """A part and its children; load generators; other helpers; and the harness itself. Other processes belong to no group."""
    locust, other, stranger = helper("run-1", "sleep", "61"), helper("run-1", "sleep", "62"), helper("run-2", "sleep", "63")
    census = resources.Census(deployment, "run-1", os.getpid())
    census._marks[proctable.table()[locust].incarnation] = resources.LOCUST
    owned = census.owners(proctable.table())
    part = processes.find(Path(deployment.root), deployment.processes[0])
    assert part is not None
    assert {owned[one.pid] for one in processes.descendants(part)} == {APP}
    assert owned[locust] == resources.LOCUST
    assert owned[other] == owned[os.getpid()] == resources.HARNESS
    assert owned[stranger] == resources.HARNESS  # as this process's child, not by its mark
    assert 1 not in owned


@pytest.mark.parametrize("kind", ["customers", "canary"])
def test_a_load_generator_is_known_by_the_command_that_starts_it(helper, tmp_path, kind):
    """Its delays are the senders', and its processor time is no helper's."""
    program = tmp_path / "sleeper"
    program.write_text("import time; time.sleep(60)")
    load = SimpleNamespace(traffic=SimpleNamespace(scenario="booking.py", locust=None, processes=1))
    pid = helper("run-1", sys.executable, str(program), *generator._command(kind, load)[1:])  # type: ignore[arg-type]  # what it looks at
    census = resources.Census(None, "run-1", os.getpid())  # type: ignore[arg-type]  # only the mark is asked for
    assert census._marked(proctable.table()[pid]) == resources.LOCUST


def test_a_part_that_was_started_again_is_found_again(deployment):
    """Faults kill parts and healing starts them: the census follows the records."""
    root, [part] = Path(deployment.root), deployment.processes
    census = resources.Census(deployment, "run-1", os.getpid())
    census.owners(proctable.table())
    processes.sweep(deployment.id)
    again = processes.start(root, deployment.id, part)
    assert census.owners(proctable.table())[again.pid] == APP


def test_a_process_whose_parent_was_killed_still_belongs_to_its_part(deployment):
    """Killed backends may live a moment longer than their server; and a part belongs to its group until somebody has waited for it."""
    root, [part] = Path(deployment.root), deployment.processes
    census = resources.Census(deployment, "run-1", os.getpid())
    found = processes.find(root, part)
    assert found is not None
    [first, child] = processes.descendants(found)
    census.owners(proctable.table(ended=True))
    processes.send([first], signal.SIGKILL)
    assert processes.gone([first], 15) == []
    told = census.owners(table := proctable.table(ended=True))
    assert told[child.pid] == APP
    assert told.get(first.pid) == (APP if first.pid in table else None)


def test_a_part_that_starts_while_the_table_is_read_is_found_at_the_next_look(deployment):
    """Its record is newer than the table."""
    census = resources.Census(deployment, "run-1", 0)
    found = processes.find(Path(deployment.root), deployment.processes[0])
    assert found is not None
    early = {pid: entry for pid, entry in proctable.table().items() if pid != found.pid}
    census.owners(early)
    assert census.owners(proctable.table())[found.pid] == APP


def test_the_sampler_leaves_a_table_of_host_and_groups(deployment, tmp_path):
    """Started as in a trial, it writes once a second until it is stopped, and reports no error."""
    # Helpers are found by the run's name, on the whole machine: other tests may be at work.
    run = tmp_path / f"run-{secrets.token_hex(4)}"
    run.mkdir()
    sampler = resources.Sampler.start(Path(deployment.root), run)
    written = processes.poll_until((run / resources.SPOOL).exists, 60)
    assert sampler.stop() == 0, (run / "logs" / "resources.log").read_text()
    assert written
    resources.collect(run)
    rows = pq.read_table(run / resources.FILE).to_pylist()
    assert {"host", "app", "harness"} == {row["role"] for row in rows}
    [app] = [row for row in rows if row["role"] == "app"][:1]
    assert (app["region"], app["processes"], app["user_s"]) == ("east", 2, None)
    assert all(row["interval_s"] > 0 and row["at_ns"] <= time.monotonic_ns() for row in rows)


def test_the_sampler_ends_with_its_parent(deployment, tmp_path):
    """A harness that is killed leaves no sampler behind."""
    run = tmp_path / "run"
    run.mkdir()
    program = (
        "import sys; from pathlib import Path; from closeshave.environments.evidence.resources import Sampler;"
        "print(Sampler.start(Path(sys.argv[1]), Path(sys.argv[2])).process.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, deployment.root, run], stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    sampler = processes.identify(int(done.stdout))
    survivors = processes.gone([sampler], 15) if sampler else []
    assert processes.send(survivors, signal.SIGKILL) == []


def test_a_sampler_that_wrote_nothing_is_reported(tmp_path):
    """No numbers is not the same as an idle machine."""
    with pytest.raises(FileNotFoundError, match="recorded nothing"):
        resources.collect(tmp_path)


def test_an_incomplete_line_is_left_out(tmp_path):
    """Only the last second is lost."""
    (tmp_path / "spool").mkdir()
    line = {"at_ns": 5, "interval_s": 1.0, "usage": [{"role": "host", "processes": 3, "cpu_s": 0.5, "memory_bytes": 7}]}
    (tmp_path / resources.SPOOL).write_text(json.dumps(line) + "\n" + json.dumps(line)[:20])
    resources.collect(tmp_path)
    [row] = pq.read_table(tmp_path / resources.FILE).to_pylist()
    assert (row["at_ns"], row["role"], row["cpu_s"], row["steal_s"]) == (5, "host", 0.5, None)


@pytest.mark.parametrize(("networks", "expected"), [((), {}), (("front",), {5: resources.ENGINE, 6: resources.ENGINE})])
def test_a_container_engine_belongs_to_an_environment_in_containers(deployment, networks, expected):
    """Its proxies carry every request; other containers of it do not belong to the environment."""
    census = resources.Census(replace(deployment, networks=networks), "run-1", os.getpid())
    names = ((5, "docker-proxy"), (6, "containerd-shim"), (7, "somebody-elses"))
    table = {pid: Entry(pid, 6 if pid == 7 else 1, pid, 0, name=name) for pid, name in names}
    assert census._engine(table) == expected
    assert 7 not in census.owners(table)


# -- what was done to them ----------------------------------------------------------------------------------------------------------------------


def waiting(*rows, stalls=None, host=HOST, parents=None):
    """A sample from rows of process, group (or none), CPU ticks, ticks of ended children, and nanoseconds waited by thread."""
    table = {pid: Entry(pid, (parents or {}).get(pid, 1), pid, ticks, child_ticks=children) for pid, _, ticks, children, _ in rows}
    owned = {pid: group for pid, group, *_ in rows if group is not None}
    waits = {table[pid].incarnation: dict(threads) for pid, group, _, _, threads in rows if group is not None}
    io = {table[pid].incarnation: Io(0, 0) for pid in owned}
    return Look(table, owned, io, dict.fromkeys(owned, 100), host, waits, stalls or {})


def test_the_waits_of_all_threads_are_summed():
    """Also of new ones; the main thread alone would hide the waits of a server's workers."""
    before = waiting((2, APP, 0, 0, {2: 10, 3: 500_000_000}))
    [_, app] = meter.usage(before, waiting((2, APP, 0, 0, {2: 10, 3: 700_000_000, 4: 50_000_000})))
    assert app.delay_s == pytest.approx(0.25)
    # One that was there before and has only now been found to belong is not charged with its past; one that was born since is.
    older = replace(before, waits_ns={}, owners={})
    [_, app] = meter.usage(older, waiting((2, APP, 0, 0, {2: 900_000_000}), (5, APP, 0, 0, {5: 100_000_000})))
    assert app.delay_s == pytest.approx(0.1)


def test_a_kernel_that_counts_no_waits_leaves_them_unknown():
    """Unknown, not zero."""
    [_, app] = meter.usage(look((2, APP, 0, Io(0, 0), 7)), look((2, APP, 0, Io(0, 0), 7)))
    assert app.delay_s is None


def test_ended_children_count_with_their_parents():
    """A build is hundreds of compilers that start and end between two samples, and so are a harness's own probes."""
    before = waiting((2, APP, 100, 0, {}), (7, None, 50, 1000, {}), (8, None, 40, 0, {}), parents={8: 7})
    busy = replace(HOST, user_s=HOST.user_s + 2.4, idle_s=HOST.idle_s + 7.6)
    [host, app] = meter.usage(before, waiting((2, APP, 100, 60, {}), (7, None, 60, 1200, {}), host=busy))
    # The stranger 7 used 10 ticks, and asked how children ended that had used 200: 40 of these were those of process 8 by the last look.
    assert host.others_s == pytest.approx((10 + 200 - 40) / proctable.TICKS_PER_S)
    assert app.cpu_s == pytest.approx(60 / proctable.TICKS_PER_S)


@pytest.mark.parametrize(("used_s", "others_s"), [(0.5, 0.0), (0.6, 0.0), (0.9, 0.3), (2.6, 2.0), (3.1, 2.0), (4.1, 2.5)])
def test_other_programs_used_no_more_than_the_groups_left_of_the_hosts_time(used_s, others_s):
    """They are known to have used 2 s; more counts when a tenth of the machine's time does not explain the rest."""
    before = waiting((2, APP, 0, 0, {}), (7, None, 0, 0, {}))
    host = replace(HOST, user_s=HOST.user_s + used_s, idle_s=HOST.idle_s + 10 - used_s)
    after = waiting((2, APP, round(0.6 * proctable.TICKS_PER_S), 0, {}), (7, None, 0, 2 * proctable.TICKS_PER_S, {}), host=host)
    [row, _] = meter.usage(before, after)
    assert row.others_s == pytest.approx(others_s)


def test_pressure_is_what_was_added_since():
    """That of the whole host is stored under an empty name."""
    then, now = meter.Stalls(1.0, 2.0, None), meter.Stalls(1.5, 2.0, 7.0)
    [host] = meter.usage(waiting(stalls={"": then}), waiting(stalls={"": now}))
    assert (host.cpu_stall_s, host.memory_stall_s, host.io_stall_s) == (0.5, 0.0, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 total=7\n", 2.5), ("", None)],
)
def test_pressure_files_are_read_where_there_are_any(tmp_path, text, expected):
    """Microseconds in the file, seconds in the result."""
    path = tmp_path / "cpu.pressure"
    if text:
        path.write_text(text)
    assert proctable.stalled_s(str(path)) == expected


def test_a_thread_that_has_to_wait_is_seen_waiting():
    """Three busy threads on one processor: each of them waits for two thirds of the time."""
    if not proctable.waits_counted():
        pytest.skip("this kernel counts no waits")
    core = min(os.sched_getaffinity(0))
    program = f"import os, threading, time; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    busy = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    try:
        assert processes.poll_until(lambda: sum(sum(proctable.waits_ns(each.pid).values()) for each in busy) > 1e9, 60)
        busy[0].send_signal(signal.SIGSTOP)
        assert processes.poll_until(lambda: proctable.table()[busy[0].pid].stopped, 10)
    finally:
        for each in busy:
            each.kill()
            each.wait()
