"""How a machine is measured: the server that answers, what the kernel says, and what records say of a paced load."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.capacity.loadmachine import kernel, reading
from closeshave.capacity.loadmachine.answering import ANSWER, BODY, HOST, Answering, split
from closeshave.capacity.loadmachine.orders import GeneratorOrder, ordered, variables
from closeshave.capacity.loadmachine.starting import CannotMeasure
from closeshave.control.processes import poll_until

REQUEST = b"GET /api/v2/appointments/ HTTP/1.1\r\nHost: here\r\n\r\n"


# -- the server ------------------------------------------------------------------------------------------------------------------------------


@contextmanager
def answering(capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Answering, int, int]]:
    """A server in a thread, its port, and the descriptor through which its counts are asked for."""
    asked, asking = os.pipe()
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    server = Answering(port, asked)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server, port, asking
    finally:
        os.close(asking)
        thread.join(10)
        assert not thread.is_alive()
        os.close(asked)


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or what came before the end."""
    found = b""
    while len(found) < size and (more := connection.recv(1 << 16)):
        found += more
    return found


def test_every_request_gets_the_constant_answer_and_is_counted(capsys) -> None:
    """Whole ones, several in one piece, and one in many pieces."""
    with answering(capsys) as (server, port, _), socket.create_connection((HOST, port), 10) as connection:
        for pieces, answers in (((REQUEST,), 1), ((REQUEST * 3,), 3), ([REQUEST[at : at + 1] for at in range(len(REQUEST))], 1)):
            for piece in pieces:
                connection.sendall(piece)
            assert received(connection, len(ANSWER) * answers) == ANSWER * answers
        # Its own thread counts a request after its answer has left.
        assert poll_until(lambda: server.written_bytes == 5 * len(ANSWER), 10)
        counts = server.counts()
    assert (counts["requests"], counts["accepted"], counts["open"]) == (5, 1, 1)
    assert (counts["read_bytes"], counts["written_bytes"]) == (5 * len(REQUEST), 5 * len(ANSWER))
    assert f"Content-Length: {len(BODY)}\r\n".encode() in ANSWER


def test_connections_that_end_are_forgotten_and_counts_are_told(capsys) -> None:
    """Without a connection: a line on its standard input asks."""
    with answering(capsys) as (_, port, asking):
        for _ in range(20):
            with socket.create_connection((HOST, port), 10) as connection:
                connection.sendall(REQUEST)
                received(connection, len(ANSWER))
        with socket.create_connection((HOST, port), 10) as last:
            last.sendall(REQUEST)
            received(last, len(ANSWER))
            os.write(asking, b"\n")
            last.sendall(REQUEST)
            received(last, len(ANSWER))
    told = json.loads(capsys.readouterr().out)
    assert told["accepted"] == 21
    assert told["requests"] in {21, 22}


@given(st.lists(st.sampled_from([b"GET / HTTP/1.1", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"Host: x"]), max_size=30), st.integers(1, 9))
def test_requests_are_counted_however_they_are_cut(parts: list[bytes], step: int) -> None:
    """The same as in one piece, if no piece ends inside the end of a request; and then at most as many."""
    stream = b"".join(parts)
    left, found = b"", 0
    for at in range(0, len(stream), step):
        count, left = split(left, stream[at : at + step])
        found += count
    assert found == stream.count(b"\r\n\r\n")
    assert b"\r\n\r\n" not in left


# -- the kernel ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "reserved", "ports"),
    [
        ("32768\t60999\n", "\n", 28_232),
        ("1024 65535", "", 64_512),
        ("32768 60999", "40000-40009,50000,80,60999-61005", 28_232 - 12),
        ("10 10", "10", 1),
        ("60999 32768", "", 28_232),
        ("", "", 28_232),
        ("many few", "x-y,-", 28_232),
    ],
)
def test_local_ports_are_those_that_the_kernel_hands_out(local: str, reserved: str, ports: int) -> None:
    """Less those that it keeps back; its default where it says nothing."""
    assert kernel.ports(local, reserved) == ports


@pytest.mark.parametrize(("status", "peak"), [("Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 9 kB\n", 2048 << 10), ("Name:\tx\n", 0), ("", 0)])
def test_the_most_memory_is_read_from_the_status(status: str, peak: int) -> None:
    """A process that has ended has none."""
    assert kernel.peak_bytes(status) == peak


def test_of_this_very_process_everything_is_known() -> None:
    """Its memory, files, processor time and limits."""
    me = psutil.Process()
    assert kernel.peak_bytes_of([me.pid]) > 1 << 20
    assert kernel.files_of([me]) >= 3
    assert kernel.processor_s([me]) > 0
    assert kernel.waited_s([me]) >= 0
    found = kernel.allowed(1000)
    assert found.files_max == 1000
    assert 0 < found.processors <= (os.cpu_count() or 1)


def test_what_a_generator_is_told_arrives() -> None:
    """Exactly."""
    told = GeneratorOrder((0.1, 12_345.678), 2.5, 400_000, 200.0)
    assert ordered(variables(told)) == told


# -- records ---------------------------------------------------------------------------------------------------------------------------------


def instants(rates: tuple[float, ...], each_s: float) -> np.ndarray:
    """When evenly spaced requests are due, in nanoseconds."""
    due = [index * each_s + (number + 0.5) / rate for index, rate in enumerate(rates) for number in range(round(rate * each_s))]
    return (np.array(due) * 1e9 + 7e15).astype(np.int64)


def test_levels_are_told_apart_by_when_requests_were_due() -> None:
    """Each with its own lateness, and the beginning of each left out."""
    rates, each_s = (1_000.0, 2_000.0, 4_000.0), 2.0
    due = instants(rates, each_s)
    level = np.searchsorted(due, due[0] + np.array([2e9, 4e9]) - 5e5, "right")
    late_ms = np.repeat([1.0, 2.0, 50.0], np.diff([0, *level, len(due)]))
    # Half a second after a change everything is still late, which is nobody's fault.
    for start in (0, *level):
        late_ms[start : start + 400] = 900.0
    found = reading.split(due, due + (late_ms * 1e6).astype(np.int64), rates, each_s)
    assert [each.lateness_ms_p99 for each in found] == pytest.approx([1, 2, 50])
    assert [each.rate_per_s for each in found] == list(rates)
    assert [each.due for each in found] == [1_500, 3_000, 6_000]
    assert all(each.due == each.sent for each in found)


def test_a_request_in_fifty_that_is_late_is_in_the_p99_and_what_was_not_sent_is_missed() -> None:
    """Neither is averaged away."""
    due = instants((1_000.0,), 2.0)
    late = np.where(np.arange(len(due)) % 50 == 0, 80_000_000, 0)
    (found,) = reading.split(due, due + late, (1_000.0,), 2.0)
    assert found.lateness_ms_p99 == pytest.approx(80)
    kept = np.arange(len(due)) % 2 == 0
    (found,) = reading.split(due[kept], due[kept], (1_000.0,), 2.0)
    assert found.sent == pytest.approx(found.due / 2, abs=1)


def test_a_level_without_a_request_is_as_late_as_it_is_long() -> None:
    """Never on time."""
    due = instants((1_000.0,), 2.0)
    found = reading.split(due, due, (1_000.0, 2_000.0), 2.0)
    assert (found[1].sent, found[1].lateness_ms_p99) == (0, 2_000)


def test_records_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    """In one sentence."""
    with pytest.raises(CannotMeasure, match=r"cannot be read|nothing"):
        reading.levels(tmp_path, (1.0,), 1.0)
