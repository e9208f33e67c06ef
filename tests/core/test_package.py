"""What is published: the same bytes from the same sources, with licence, types and a page that a package index can show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from closeshave import __version__

ROOT = Path(__file__).parents[2]
EPOCH = "1795600000"


def build(into: Path) -> dict[str, Path]:
    """Wheel and source distribution by their ends, as a frontend builds them; plain Python: compiling takes a minute, and ``make package`` does it."""
    environ = {**os.environ, "CC": "no-such-compiler", "SOURCE_DATE_EPOCH": EPOCH}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(into)]
    subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True)
    return {path.suffix: path for path in into.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One build."""
    return build(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def wheel(built: dict[str, Path]) -> dict[str, bytes]:
    """The files of the wheel."""
    with zipfile.ZipFile(built[".whl"]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> Message:
    """What an index is told."""
    return message_from_bytes(next(content for name, content in wheel.items() if name.endswith(".dist-info/METADATA")))


@pytest.mark.thorough
def test_two_builds_are_equal_to_the_byte(built: dict[str, Path], tmp_path: Path) -> None:
    """Whoever has the sources can check what was published."""
    again = build(tmp_path)
    assert {end: path.name for end, path in again.items()} == {end: path.name for end, path in built.items()}
    assert {end: path.read_bytes() == built[end].read_bytes() for end, path in again.items()} == {".whl": True, ".gz": True}


def test_the_version_is_written_in_one_place(metadata: Message) -> None:
    """The package's metadata take it from the module."""
    assert metadata["Version"] == __version__
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]


def test_the_wheel_holds_licence_types_and_what_is_shipped(wheel: dict[str, bytes], metadata: Message) -> None:
    """Without the types nobody who extends the harness could check their code."""
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
    assert "closeshave/py.typed" in wheel
    assert "closeshave/shipped/scenarios/smoke.yaml" in wheel
    assert not [name for name in wheel if name.startswith("tests/") or "__pycache__" in name]
    assert metadata["License-Expression"] == "MIT"
    assert "otlp" in metadata.get_all("Provides-Extra", [])
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_an_index_shows_no_link_that_leads_nowhere(metadata: Message) -> None:
    """It has the page alone; the checkout's README keeps its links."""
    page = metadata.get_payload()
    assert isinstance(page, str)
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "`docs/glossary.md`" in page
    assert "report.png" not in page


def test_every_file_that_the_page_names_is_in_the_source_distribution(built: dict[str, Path], metadata: Message) -> None:
    """As its last sentence says."""
    with tarfile.open(built[".gz"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    page = str(metadata.get_payload())
    linked = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]*)\)", (ROOT / "README.md").read_text())]
    assert [target for target in linked if "://" not in target and target and target not in names] == []
    assert page.rstrip().endswith("The files that this page names are in the source distribution.")


def test_nobody_is_invented(metadata: Message) -> None:
    """No address that nobody reads, and no page that is not there."""
    assert metadata["Author"] == "Closeshave contributors"
    assert metadata["Author-email"] is None
    assert metadata["Project-URL"] is None
