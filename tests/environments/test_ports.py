"""Blocks of ports: two environments never get the same one, and a busy port is never given."""

import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.environments import ports


@pytest.fixture
def directory(tmp_path):
    """A directory of claims that only this test knows."""
    return tmp_path / "claims"


@pytest.fixture
def root(tmp_path):
    """The root of a living environment."""
    path = tmp_path / "environment"
    path.mkdir()
    return path


def listener(port=0):
    """A socket that accepts connections on loopback."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3))), st.integers(1, 30_000))
def test_every_purpose_gets_a_port_of_its_own_and_keeps_it(purposes, first):
    """Consecutive from the first, the same answer for the same question."""
    book = ports.PortAllocator(first)
    given_ports = {purpose: book.port(*purpose) for purpose in purposes}
    assert sorted(given_ports.values()) == list(range(first, first + book.count))
    assert all(book.port(*purpose) == port for purpose, port in given_ports.items())


def test_environments_that_start_at_the_same_moment_get_different_blocks(tmp_path, directory):
    """Claims are made under a lock of the whole machine."""
    roots = [tmp_path / f"environment-{number}" for number in range(8)]
    for root in roots:
        root.mkdir()
    with ThreadPoolExecutor(8) as starters:
        blocks = sorted(starters.map(lambda root: ports.claim(root, 100, directory=directory), roots))
    assert all(later - earlier >= 100 for earlier, later in pairwise(blocks))


def test_blocks_lie_below_the_ports_of_outgoing_connections(root, directory):
    """The kernel hands out higher ones at random."""
    first = ports.claim(root, 200, directory=directory)
    assert first >= ports.FIRST
    assert first + 199 <= 32_767


def test_a_block_with_a_busy_port_is_skipped(root, directory):
    """Other programs claim nothing, so every port is tried."""
    first = ports.claim(root, 50, directory=directory)
    ports.release(root, directory)
    with listener(first + 49):
        assert ports.claim(root, 50, directory=directory) != first


def test_a_requested_port_that_is_busy_is_named(root, directory):
    """A fixed block that is not free is an error that says which port."""
    first = ports.claim(root, 50, directory=directory)
    ports.release(root, directory)
    with listener(first + 3), pytest.raises(ports.PortsTaken, match=f"listens on {first + 3}"):
        ports.claim(root, 50, first, directory)


def test_a_requested_block_of_another_environment_is_refused(tmp_path, root, directory):
    """An overlap of one port is enough."""
    first = ports.claim(root, 50, directory=directory)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ports.PortsTaken, match="another environment"):
        ports.claim(other, 50, first + 49, directory)


def test_the_claim_of_an_environment_that_is_gone_does_not_count(root, directory):
    """A crash must not lose ports permanently."""
    first = ports.claim(root, 50, directory=directory)
    root.rmdir()
    root.mkdir()
    assert ports.claim(root, 50, directory=directory) != first
    root.rmdir()
    replacement = root.with_name("replacement")
    replacement.mkdir()
    assert ports.claim(replacement, 50, directory=directory) == first


def test_released_ports_are_free_again(root, directory):
    """Down gives back what up took."""
    first = ports.claim(root, 50, directory=directory)
    ports.release(root, directory)
    assert ports.claim(root, 50, directory=directory) == first


def test_ports_that_are_listened_on_are_found():
    """The check that down trusts."""
    with listener() as server:
        port = server.getsockname()[1]
        assert ports.still_listened_on(range(port, port + 1)) == [port]
    assert ports.still_listened_on(range(port, port + 1)) == []
