"""The images of a container environment, made from files of this machine: everything in them runs, as the user nobody."""

import pytest

from closeshave.control.engine.client import client
from closeshave.control.processes import poll_until
from closeshave.environments import pgbouncer
from closeshave.environments.containers import images as recipes
from closeshave.environments.containers import inside
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.stack import Images

pytestmark = pytest.mark.containers

TAGS = Images()
NOBODY = "65534:65534"


def said(image, *argv):
    """What a program prints that runs in an image, with no network."""
    container = client().client.containers.run(image, list(argv), user=NOBODY, network_mode="none", detach=True)
    try:
        assert container.wait(timeout=30)["StatusCode"] == 0, container.logs().decode()
        # The engine may still be writing down what a short program said.
        poll_until(lambda: container.logs() != b"", 5)
        return container.logs().decode()
    finally:
        container.remove(force=True)


@pytest.mark.parametrize(
    ("image", "argv", "words"),
    [
        (
            TAGS.platform,
            (inside.PYTHON, "-c", "import closeshave.standin.app, closeshave.standin.payments, uvloop; print('ready')"),
            "ready",
        ),
        (TAGS.database, (inside.PYTHON, "-m", "patroni", "--version"), "4."),
        (TAGS.database, (str(inside.POSTGRES / "pg_rewind"), "--version"), "pg_rewind (PostgreSQL)"),
        (TAGS.database, ("postgres", "--version"), "postgres (PostgreSQL)"),
        (TAGS.etcd, (str(inside.ETCD), "--version"), "etcd Version"),
        (TAGS.valkey, (str(inside.VALKEY), "--version"), "Valkey server"),
        (TAGS.valkey, (inside.PYTHON, "-I", "-S", "-c", "import socket; print('ready')"), "ready"),
        (TAGS.haproxy, (str(inside.HAPROXY), "-v"), "HAProxy version"),
        (TAGS.toxiproxy, (str(inside.TOXIPROXY), "--version"), "toxiproxy-server version"),
    ],
    ids=["platform", "patroni", "pg_rewind", "postgres", "etcd", "valkey", "what its launcher runs on", "haproxy", "toxiproxy"],
)
def test_its_programs_run(images, image, argv, words):
    """Under the names by which the environment starts them."""
    assert words in said(image, *argv)


@pytest.mark.parametrize("image", [TAGS.platform, TAGS.database, TAGS.etcd, TAGS.valkey, TAGS.haproxy, TAGS.toxiproxy])
def test_it_has_a_shell_kill_and_a_user_named_nobody(images, image):
    """The first starts the process, the second sends it signals, and PostgreSQL needs the third."""
    assert said(image, "sh", "-c", "sleep 60 & kill $! && id -un && : > /tmp/mine && cp /tmp/mine /tmp/yours") == "nobody\n"


def test_a_database_can_be_made_in_it(images):
    """With the locale that the templates have."""
    assert "Success" in said(TAGS.database, "initdb", "-D", "/tmp/data", "--no-sync", "--locale=C.UTF-8")


def test_an_image_that_is_up_to_date_is_not_made_again(images):
    """And a replaced one leaves no image without a name."""
    first = recipes.ImageRecipe("closeshave/test:local", lambda tree, _say: tree.texts.update({"etc/one": "1"}))
    second = recipes.ImageRecipe("closeshave/test:local", lambda tree, _say: tree.texts.update({"etc/one": "2"}))
    engine = client().client.images
    before = engine.list(filters={"dangling": True})
    try:
        assert [recipes.make(recipe, print) for recipe in (first, first, second)] == [True, False, True]
        assert said("closeshave/test:local", "cat", "/etc/one") == "2"
        assert engine.list(filters={"dangling": True}) == before
    finally:
        engine.remove("closeshave/test:local")


def test_the_image_of_the_pooler_is_there_where_its_program_is(images):
    """It needs libraries that other images do not have."""
    try:
        found = pgbouncer.find(print)
    except EnvironmentFailed as error:
        pytest.skip(str(error))
    assert f"PgBouncer {found.version}" in said(TAGS.pooler, str(inside.PGBOUNCER), "--version")


def test_an_image_that_not_every_environment_needs_is_left_out_where_its_program_is_missing():
    """And the others are built; what is missing is told."""

    def missing(_tree, _say):
        raise EnvironmentFailed("there is none")

    told: list[str] = []
    assert not recipes.make(recipes.ImageRecipe("closeshave/none:local", missing, needed=False), told.append)
    assert told == ["closeshave/none:local is not built: there is none"]
    with pytest.raises(EnvironmentFailed):
        recipes.make(recipes.ImageRecipe("closeshave/none:local", missing), told.append)
