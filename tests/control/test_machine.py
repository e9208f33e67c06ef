"""Where a process runs: on this machine, or in a container. Faults need no more than this interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.control import engine, machine
from closeshave.deployment import Attachment, Container, Process

HERE = Process("app", "app", "near", ("app",))
INSIDE = Process(
    "app", "app", "near", ("app",), container=Container("one-app", "image", (Attachment("front", "a"), Attachment("wan", "b")))
)


def test_a_process_of_this_machine_has_no_limits_or_networks(tmp_path: Path) -> None:
    """And files stay where they are."""
    place = machine.of(HERE)
    assert (place.own_limits, place.attachments, place.missing(), place.running) == (False, (), (), True)
    assert place.place(tmp_path / "library.so", tmp_path / "root") == tmp_path / "library.so"
    assert place.outer_pid(None, 17) == 17


def test_a_process_in_a_container_sees_only_the_root(tmp_path: Path) -> None:
    """A file for it is copied there, readable by the user that it runs as."""
    (tmp_path / "root" / "config").mkdir(parents=True)
    (tmp_path / "library.so").write_text("code")
    found = machine.of(INSIDE).place(tmp_path / "library.so", tmp_path / "root")
    assert (found, found.read_text(), found.stat().st_mode & 0o777) == (tmp_path / "root" / "config" / "library.so", "code", 0o644)


def test_the_networks_that_a_container_lacks_are_those_declared_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not run lacks none: it starts on all of them."""
    place = machine.of(INSIDE)
    monkeypatch.setattr(engine, "attached", lambda _name: {"front"})
    monkeypatch.setattr(engine, "alive", lambda _name: 1)
    assert [each.network for each in place.missing()] == ["wan"]
    monkeypatch.setattr(engine, "alive", lambda _name: None)
    assert place.missing() == ()
