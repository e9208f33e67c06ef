"""What a run ran on."""

import json
import subprocess
from pathlib import Path

import pytest

from closeshave.environments import fingerprint


def test_the_description_can_be_written_and_knows_the_machine():
    """It is JSON, and names processor count, memory, kernel and seed."""
    told = json.loads(json.dumps(fingerprint.describe(None, 42)))
    assert told["seed"] == 42
    assert told["environment"] is None
    assert told["machine"]["cpu_count"] >= told["machine"]["cpu_usable"] >= 1
    assert told["machine"]["memory_bytes"] > 0
    assert told["machine"]["kernel"]


@pytest.mark.parametrize(
    ("cpuinfo", "model"),
    [
        ("processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nflags\t: fpu\n", "AMD EPYC"),
        ("processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\n", None),
        ("", None),
    ],
)
def test_the_processors_name_is_what_the_kernel_says(cpuinfo, model):
    """Most ARM machines state no name: then there is none, not a guess."""
    assert fingerprint.cpu_model(cpuinfo) == model


def test_packages_that_are_not_installed_are_left_out():
    """A missing part has no version."""
    assert [name for name, _ in fingerprint.versions(("pytest", "no-such-package"))] == ["pytest"]


@pytest.fixture
def repository(tmp_path):
    """A checkout with one committed package."""

    def git(*arguments):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("one = 1\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    return package


def test_a_checkout_is_named_by_its_commit_and_whether_it_was_changed(repository):
    """A figure from uncommitted changes cannot be reproduced: the flag says so."""
    clean = fingerprint.checkout(repository)
    assert clean is not None
    assert len(clean["sha"]) == 40
    assert clean["dirty"] is False
    Path(repository, "__init__.py").write_text("one = 2\n")
    assert fingerprint.checkout(repository) == {**clean, "dirty": True}


def test_an_installed_package_is_not_taken_for_the_checkout_around_it(repository):
    """A virtual environment may be inside another repository."""
    installed = repository / "site-packages" / "closeshave"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    assert fingerprint.checkout(installed) is None
