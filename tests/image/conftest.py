"""The image of the harness, built once beside an engine, from a base that is made here."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from closeshave.control.engine.client import client
from deploy.image import local

TAG = "closeshave/harness:test"
TMPFS = {"/tmp": "exec,mode=1777"}
"""The only place besides the reports where a container may write."""


@pytest.fixture(scope="session")
def image(_engine):
    """Its name."""
    assert local.ready(), f"{local.SUPPLIES} is not complete: 'make test-image' fills it"
    local.make_base()
    local.make_supplies()
    local.build(TAG)
    return TAG


@pytest.fixture
def volume():
    """A named volume, which Docker gives to whoever owns the directory of the image."""
    made = client().client.volumes.create()
    yield made.name
    made.remove()


@contextmanager
def running(image, *argv, volume=None, **options) -> Iterator[Any]:
    """A container with as little as a container can have: no network, no capability, nothing to write on. Removed at the end."""
    container = client().client.containers.run(
        image,
        list(argv),
        detach=True,
        network_mode="none",
        read_only=True,
        tmpfs=TMPFS,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        volumes={volume: {"bind": "/reports", "mode": "rw"}} if volume else {},
        **options,
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def said(image, *argv, within_s=120, **options):
    """What a program says that ends well in a new container."""
    with running(image, *argv, **options) as container:
        code = container.wait(timeout=within_s)["StatusCode"]
        text = container.logs().decode()
        assert code == 0, text
        return text


def python(image, program, **options):
    """What a program of Python says in the image, without the first process."""
    return said(image, "-c", program, entrypoint=["python3"], **options)


def layers(image):
    """The digests of its layers, lowest first."""
    return client().client.images.get(image).attrs["RootFS"]["Layers"]


def settings(image):
    """Its settings without the times of its building."""
    attributes = json.loads(subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=True).stdout)[0]
    return {name: attributes[name] for name in ("Architecture", "Author", "Config", "Os", "Size")}
