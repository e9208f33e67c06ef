"""Containers of one small program on networks of their own; all that a test started is gone after it."""

import secrets
from dataclasses import replace

import pytest

from closeshave.control import engine
from closeshave.deployment import Attachment, Container, Network, Process
from closeshave.environments.containers import images as recipes
from closeshave.environments.containers.networks import free_block
from closeshave.environments.stack import Images

PORT = 25310


@pytest.fixture(scope="session")
def image(_engine):
    """A shell, a few tools, and Toxiproxy, which listens, connects and relays."""
    recipe = next(recipe for recipe in recipes.recipes(Images()) if recipe.tag == Images().toxiproxy)
    recipes.make(recipe, print)
    return recipe.tag


class Scene:
    """An environment with only the parts that a test starts."""

    def __init__(self, root, image):
        self.root, self.id, self.image = root, f"test-{secrets.token_hex(6)}", image
        block = free_block(24, engine.taken_subnets())
        front, wan = block.subnets(1)
        self.networks = tuple(
            Network(f"{self.id}-{purpose}", purpose, None, str(subnet)) for purpose, subnet in (("front", front), ("wan", wan))
        )
        for network in self.networks:
            engine.make_network(network, self.id, root)

    def process(self, name, argv, number=2, ports=(), **changes):
        """A process that runs in a container, the one with this number in both networks."""
        places = tuple(
            Attachment(network.name, f"{network.subnet.rpartition('.')[0]}.{self._first(network) + number}") for network in self.networks
        )
        container = replace(Container(f"{self.id}-{name}", self.image, places), **changes.pop("container", {}))
        return Process(name, "toxiproxy", None, tuple(argv), ports=ports, container=container, address=places[1].address, **changes)

    @staticmethod
    def _first(network):
        return int(network.subnet.rpartition(".")[2].partition("/")[0])


@pytest.fixture
def scene(tmp_path, image):
    """A scene of its own; after the test nothing is left of it at the engine."""
    made = Scene(tmp_path, image)
    yield made
    assert engine.sweep(made.id) == []
