"""The image of the harness: what is in it, who runs it, and that two builds are equal."""

import json
from pathlib import Path

import pytest

from closeshave import __version__
from closeshave.control.engine.client import client
from closeshave.environments.gobuild import ETCD, TOXIPROXY
from closeshave.reference.installation.objects import USER
from deploy.image import local
from tests.image.conftest import layers, python, said, settings

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

BYTES_MAX = 850_000_000
"""Without compression, and with the base of this machine."""
EVERY_MODULE = """
import locust  # first: it changes modules that others import
import importlib, pkgutil, closeshave
# Locust loads these itself, with variables that tell them what to do.
loaded = ("closeshave.capacity.loadmachine.customers", "closeshave.traffic.locustfiles.")
found = [module.name for module in pkgutil.walk_packages(closeshave.__path__, "closeshave.")]
names = [name for name in found if not name.endswith("__main__") and not name.startswith(loaded)]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
COMPILED = """
import importlib.util, os, pathlib, closeshave, pandas
for module in (os, closeshave, pandas):
    assert pathlib.Path(importlib.util.cache_from_source(module.__file__)).exists(), module
"""
WRITABLE = """
import os, pathlib
print(*(path for path in map(str, pathlib.Path("/").glob("*")) if os.access(path, os.W_OK)))
"""
ORPHANS = """
import os, pathlib, time
child = os.fork()
if child == 0:
    if os.fork():
        os._exit(0)
    time.sleep(0.2)
    os._exit(0)
os.waitpid(child, 0)
assert os.getpid() != 1
deadline = time.monotonic() + 10
while time.monotonic() < deadline:
    others = [path.name for path in pathlib.Path("/proc").glob("[0-9]*") if path.name not in {"1", str(os.getpid())}]
    if not others:
        break
    time.sleep(0.05)
print("left:", *others)
"""
FORGETFUL = f"""
import os
child = os.fork()
if child == 0:
    exec({ORPHANS!r})
else:
    os.waitpid(child, 0)
"""
"""The same below a first process that reaps only what it has started."""


def test_its_command_is_the_harness_and_its_help_is_what_is_said_without_arguments(image):
    """Of the version of this checkout."""
    assert said(image, "--version").split()[-1] == __version__
    assert "Usage: closeshave" in said(image)


def test_an_ordinary_user_runs_it_whom_the_chart_names_too(image):
    """With a name, without which PostgreSQL would not start."""
    assert (
        python(image, "import os, pwd; print(os.getuid(), os.getgid(), pwd.getpwuid(os.getuid()).pw_name)") == f"{USER} {USER} closeshave\n"
    )
    assert client().client.images.get(image).attrs["Config"]["User"] == f"{USER}:{USER}"


def test_that_user_can_write_reports_and_nothing_else(image):
    """Nothing of the image itself: it is the same after a run."""
    assert sorted(python(image, WRITABLE).split()) == ["/reports", "/tmp"]


def test_every_module_can_be_imported(image):
    """What was left out of packages is not needed."""
    assert int(python(image, EVERY_MODULE)) > 500


def test_nothing_is_compiled_when_a_container_starts(image):
    """Neither the harness, nor its packages, nor the standard library, of which official images have no byte code."""
    python(image, COMPILED)


def test_its_servers_are_the_current_ones(image):
    """The doctor finds every part that the embedded environment needs, without a network, and builds nothing."""
    text = said(image, "doctor", "--json")
    for server in (ETCD, TOXIPROXY):
        assert f"/opt/closeshave/libexec/closeshave/{server.binary.name}" in text


def test_its_plans_can_be_checked(image):
    """With the environments and targets that they name: the files that are shipped are there."""
    assert [Path(one["plan"]).stem for one in json.loads(said(image, "validate", "smoke", "nightly", "--json"))] == ["smoke", "nightly"]


def test_processes_that_outlive_their_parent_are_reaped(image):
    """By the first process. Otherwise the harness would see processes that have ended as there for ever."""
    assert said(image, "python3", "-c", ORPHANS, entrypoint=["dumb-init", "--"]) == "left:\n"
    assert said(image, "-c", FORGETFUL, entrypoint=["python3"]) != "left:\n"


def test_it_is_small(image):
    """The bound is told when it is exceeded."""
    assert client().client.images.get(image).attrs["Size"] < BYTES_MAX


@pytest.mark.thorough
def test_two_builds_are_equal(image):
    """All layers and settings; what differs is when they were built."""
    again = f"{image}-again"
    local.build(again, "--no-cache")
    try:
        assert layers(again) == layers(image)
        assert settings(again) == settings(image)
    finally:
        client().client.images.remove(again, force=True)
