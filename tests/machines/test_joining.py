"""Load machines join by mutual TLS and a token; who may not take part is refused in one sentence, and nothing of a stranger is read."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from closeshave.control.processes import poll_until
from closeshave.machines import joinfile
from closeshave.machines.channel import HELLO_BYTES_MAX
from closeshave.machines.credentials import RUN_NAME, RunCredentials
from closeshave.machines.joinfile import JoinRefused
from closeshave.machines.master import LoadMachines, MachinesFailed
from closeshave.machines.worker import LoadWorker, WorkerRefused
from tests.machines.joining import Waiting, waiting


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Waiting]:
    """A run that waits for two machines."""
    with waiting(tmp_path / "run") as found:
        yield found


def at_work(worker: LoadWorker) -> tuple[Thread, list[int | str]]:
    """The worker in a thread, and what became of it."""
    ended: list[int | str] = []

    def work() -> None:
        try:
            ended.append(worker.work())
        except WorkerRefused as error:
            ended.append(str(error))

    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread, ended


def wait_for(told: Callable[[], bool]) -> None:
    """With a deadline."""
    assert poll_until(told, 20)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_machine_joins_and_its_clock_is_measured(tmp_path: Path, host: str) -> None:
    """Over IPv4 and IPv6; on one machine, the offset is 0 within the uncertainty. Told that the run has ended, it ends."""
    with waiting(tmp_path / "run", host=host) as run:
        said: list[str] = []
        thread, ended = at_work(run.worker("east", said))
        wait_for(lambda: run.machines.joined == 1 and len(run.machines.seats["east"].trips) > 0)
        offset = run.machines.seats["east"].curve().at(time.monotonic_ns())
        assert abs(offset.offset_ns) <= offset.uncertainty_ns
        assert run.told()[0].startswith("has joined from ")
    thread.join(10)
    assert ended == [4]
    assert said[-1] == "the run has ended without this machine: the test is over"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": "9.9"}, "this machine has closeshave 9.9, and the run closeshave 1.2.3; install the same version on both"),
        ({"seed": 8}, "this machine's seed is 8, and that of the run 7; leave out --seed"),
        ({"plan": "b" * 64}, "this machine's plan is another one (bbbbbbbbbbbb; that of the run is aaaaaaaaaaaa); copy the plan again"),
    ],
)
def test_who_may_not_take_part_is_told_why(run: Waiting, changed: dict[str, Any], said: str) -> None:
    """On both sides."""
    thread, ended = at_work(run.worker("east", **changed))
    thread.join(20)
    assert ended == [said]
    assert run.told() == [f"was refused: {said}"]
    assert run.machines.joined == 0


def test_a_wrong_token(run: Waiting) -> None:
    """Although the certificate is right."""
    thread, ended = at_work(run.worker(join=replace(run.join, token="x" * 43)))
    thread.join(20)
    assert ended == ["the token is not that of this run; copy the run's join file again"]


def test_the_join_file_of_an_earlier_run(run: Waiting, tmp_path: Path) -> None:
    """Its certificates are others: the machine sees that before it says a word."""
    other = RunCredentials.make(tmp_path, "earlier")
    thread, ended = at_work(run.worker(join=replace(run.join, authority=other.authority, certificate=other.machines.decode())))
    thread.join(20)
    where = f"127.0.0.1:{run.address[1]}"
    assert ended == [f"the run at {where} is another one than that of the join file, or was started again; copy its join file here"]
    wait_for(lambda: any("it has no certificate of this run" in one for one in run.told()))


def test_a_machine_that_joins_twice_or_too_late(run: Waiting) -> None:
    """The names are those of the machines that take part already."""
    first = [at_work(run.worker(name))[0] for name in ("east", "west")]
    wait_for(lambda: run.machines.joined == 2)
    for name, said in (
        ("east", "a load machine named east takes part already; give this one another name with --name"),
        ("north", "the run has its 2 load machines already; this one came too late"),
    ):
        thread, ended = at_work(run.worker(name))
        thread.join(20)
        assert ended == [said]
    assert all(thread.is_alive() for thread in first)


def test_a_run_that_cannot_be_reached(run: Waiting) -> None:
    """Within its patience it waits, because the run may just be starting."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    thread, ended = at_work(run.worker(port=port))
    thread.join(20)
    assert ended == [f"the run at 127.0.0.1:{port} cannot be reached: Connection refused"]


def test_records_of_an_earlier_worker_stay(run: Waiting) -> None:
    """They may be the only ones."""
    place = run.place / "load" / f"{run.join.run}-east"
    place.mkdir(parents=True)
    with pytest.raises(WorkerRefused, match="has the records of an earlier worker: give another --name, or move it away"):
        run.worker("east")


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\0" * 100, b""],
)
def test_a_stranger_without_a_certificate_gets_no_further(run: Waiting, sent: bytes) -> None:
    """Whatever it sends, in plain text or the beginning of TLS; the run goes on listening."""
    with socket.create_connection(run.address) as stranger:
        stranger.settimeout(10)
        # A reset is an answer too, and it may come while this side still sends.
        with suppress(OSError):
            stranger.sendall(sent)
            stranger.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while stranger.recv(4096):
                pass
    wait_for(lambda: any("it has no certificate of this run" in one for one in run.told()))
    at_work(run.worker())
    wait_for(lambda: run.machines.joined == 1)


@pytest.mark.parametrize(
    "sent", [b"\xff\xff\xff\xff\0\0\0\0", (HELLO_BYTES_MAX + 1).to_bytes(4, "big") + b"\0\0\0\0", b"\0\0\0\2\0\0\0\0{}"]
)
def test_a_first_message_that_is_none(run: Waiting, sent: bytes) -> None:
    """With the right certificate, but not what a load machine says: nothing large is waited for."""
    plain = socket.create_connection(run.address)
    with run.join.context().wrap_socket(plain, server_hostname=RUN_NAME) as connection:
        connection.sendall(sent)
        connection.settimeout(10)
        assert connection.recv(100) == b""
    wait_for(lambda: any(one.startswith("was refused") for one in run.told()))


def test_a_load_machine_cannot_pass_for_the_run(run: Waiting) -> None:
    """Its certificate is for clients only: another machine that has the join file would not believe it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = run.place / "machine.pem"
    pem.write_text(run.join.certificate)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def false_run() -> None:
            with listener.accept()[0] as plain, pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_side=True)

        server = Thread(target=false_run)
        server.start()
        thread, ended = at_work(run.worker(port=listener.getsockname()[1]))
        thread.join(20)
        server.join(20)
    assert "is another one than that of the join file" in str(ended[0])


def test_it_listens_at_one_address_alone(run: Waiting) -> None:
    """Loopback, unless somebody says otherwise."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", run.address[1]), 2).close()


def test_an_address_that_is_not_this_machines(run: Waiting, tmp_path: Path) -> None:
    """One sentence, before anything is started."""
    other = RunCredentials.make(tmp_path, "another")
    machines = LoadMachines(run.machines._expected, other, tmp_path)
    with pytest.raises(MachinesFailed, match=r"load machines cannot join at 192\.0\.2\.7 port 0: "):
        machines.listen("192.0.2.7", 0)


def test_the_join_file(run: Waiting, tmp_path: Path) -> None:
    """Only its owner may read it, and one that others can read is refused, as is anything else."""
    path = tmp_path / joinfile.FILE
    run.join.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert joinfile.read(path) == run.join
    path.chmod(0o644)
    with pytest.raises(JoinRefused, match="every user of this machine may read it: chmod 600"):
        joinfile.read(path)
    path.write_text("{}")
    path.chmod(0o600)
    with pytest.raises(JoinRefused, match="it is no join file of this version"):
        joinfile.read(path)
