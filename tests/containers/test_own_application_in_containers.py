"""An application of one's own from its image: the same plans as on the embedded environment, and nothing left on the engine."""

from importlib.metadata import Distribution
from pathlib import PurePosixPath

import pytest

from closeshave.control import processes
from closeshave.environments import pgbouncer
from closeshave.environments.containers import interpreter
from closeshave.environments.containers.images import ImageRecipe, make
from closeshave.environments.errors import EnvironmentFailed
from tests.containers.traces import docker, traces
from tests.trial.brought import EXAMPLE, IN_WORDS, MEASURED, SLOW, carry_out, copied, planted

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

TAG, NAME = "barbers:local", "barbers-in-containers"
MODULES = (
    "anyio._backends._asyncio", "asyncpg", "fastapi", "hiredis", "httpcore", "httptools", "httpx", "jwt", "redis.asyncio",
    "uvicorn.lifespan.on", "uvicorn.protocols.http.httptools_impl", "uvloop",
)  # fmt: skip
"""What the application imports, also what is imported only when it is first needed."""
LEFT_S_MAX = 90


@pytest.fixture(scope="module")
def image(images):
    """The application's image, from what is installed here: its Dockerfile needs a registry."""

    def fill(tree, _say):
        interpreter.add_interpreter(tree)
        interpreter.add_packages(tree, MODULES)
        interpreter.add_distribution(tree, Distribution.from_name("tzdata"))
        tree.put_all(PurePosixPath("/application/barbers"), EXAMPLE / "barbers")

    make(ImageRecipe(TAG, fill), print)
    # With its first container, and with the first one in the machine's own network, the engine mounts what it keeps until it ends.
    for network in ("bridge", "host"):
        docker("run", "--rm", "--network", network, TAG, "python3", "-c", "import asyncpg")


def ours():
    """What there is on the engine now, and environments of this application; those of others on this machine come and go."""
    found = traces()
    environments = [root.name for root in found.pop("environments") if root.name.startswith(NAME)]
    del found["claims"]
    return {**found, "environments": environments}


@pytest.fixture
def directory(tmp_path, image):
    """Where the example's plans are; afterwards the machine is as it was."""
    before = ours()
    yield copied(tmp_path)
    assert processes.poll_until(lambda: ours() == before, LEFT_S_MAX, interval_s=0.5), [
        (what, sorted({*before[what]} ^ {*now})) for what, now in ours().items() if now != before[what]
    ]


def test_a_correct_application_in_containers_is_measured_and_does_not_fail(directory, tmp_path):
    """A minute with the loss of its database's primary."""
    ended = carry_out(directory, tmp_path / "runs", "smoke.yaml", *SLOW, "--environment", "containers.yaml")
    assert ended.code in {0, 3}, ended.said
    assert ended.failed == []
    assert (ended.summary["evidence"], IN_WORDS in ended.said) == (MEASURED, True)
    assert ended.status("observed/primary-killed") == ended.status("healed/primary-killed") == "pass", ended.said


def test_a_planted_double_booking_in_containers_is_convicted(directory, tmp_path):
    """With a witness."""
    ended = carry_out(directory, tmp_path / "runs", "smoke.yaml", "--environment", planted(directory, "double-booking", "containers.yaml"))
    assert ended.code == 1, ended.said
    assert ended.status("integrity/double_booked") == "fail"
    assert ended.witnesses("integrity/double_booked")


def test_with_a_pooler_in_containers_a_failover_is_survived_too(directory, tmp_path):
    """In a container of its own, between the application and the primary."""
    try:
        pgbouncer.find(print)
    except EnvironmentFailed as error:
        pytest.skip(str(error))
    file = directory / "containers.yaml"
    file.write_text(file.read_text().replace("apps_per_region: 2\n", "apps_per_region: 2\npooler: {}\n"))
    ended = carry_out(directory, tmp_path / "runs", "smoke.yaml", *SLOW, "--environment", "containers.yaml")
    assert ended.code in {0, 3}, ended.said
    assert ended.failed == []
    assert ended.status("observed/primary-killed") == ended.status("healed/primary-killed") == "pass", ended.said
    [run] = (tmp_path / "runs").glob("*")
    assert "process up: PgBouncer" in (run / "logs" / "pooler-main-shard1.log").read_text()
