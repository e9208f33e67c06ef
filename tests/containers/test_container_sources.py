"""An image of an older stand-in is refused: a verdict would be about another version."""

from pathlib import Path

import pytest

from closeshave import standin
from closeshave.control import engine
from closeshave.environments.containers import containers, sources
from closeshave.environments.stack import Images


@pytest.fixture
def engine_with(monkeypatch):
    """An engine that has all images, the platform's made of these sources."""

    def have(held):
        monkeypatch.setattr(engine, "check", lambda: None)
        monkeypatch.setattr(engine, "image_exists", lambda _image: True)
        monkeypatch.setattr(engine, "image_sources", lambda _image: held)

    return have


@pytest.mark.parametrize("held", [sources.digest(), None], ids=["ours, of today", "somebody else's"])
def test_a_current_image_is_accepted_and_so_is_one_without_sources(engine_with, held):
    """A user who names an image of their own knows its content."""
    engine_with(held)
    assert containers.obstacle(Images()) is None


def test_an_older_one_is_refused_with_the_command_that_rebuilds_it(engine_with):
    """Before anything starts."""
    engine_with("0123456789abcdef")
    reason = containers.obstacle(Images())
    assert reason
    assert "an older version of the stand-in: build it again with 'closeshave env images'" in reason


def test_every_source_of_the_stand_in_counts(monkeypatch, tmp_path):
    """SQL as well as Python, contents and names; byte code does not."""
    (tmp_path / "deep").mkdir()
    monkeypatch.setattr(standin, "__file__", str(tmp_path / "__init__.py"))
    seen = {sources.digest()}
    for name, text in (("a.py", "1"), ("deep/b.sql", "1"), ("a.py", "2"), ("deep/c.sql", "1")):
        Path(tmp_path, name).write_text(text)
        seen.add(sources.digest())
    Path(tmp_path, "a.pyc").write_text("1")
    seen.add(sources.digest())
    assert len(seen) == 5
