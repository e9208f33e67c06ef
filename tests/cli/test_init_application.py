"""The first files of a team that brings an application: valid as they are, from options or from answers, and never over a file that exists."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition
from closeshave.environments.stack import Containers, Embedded
from closeshave.trial.preparation import prepare

PATH = {"PATH": os.environ["PATH"]}
"""Where programs are: a command that cannot be found is refused."""
SERVE = "python3 server.py"
WRITE = ("init", "--no-start")
"""Only the files: what happens when it is started, is in ``test_init_walks.py``."""


def written(directory: Path, name: str = "shop"):
    """The environment that was written below a directory."""
    return read_definition(directory / "environments" / f"{name}.yaml")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"command": ("python3", "server.py"), "image": None, "workers": 0, "version": None, "prepare": None}),
        (("--instances", "3"), {"apps_per_region": 3}),
        (("--caches", "none"), {"tiers": ()}),
        (("--caches", "cache,sessions ratelimit"), {"tiers": ("cache", "sessions", "ratelimit")}),
        (("--databases", "2"), {"shards": 2, "franchises": True, "variables": {"DATABASE_URL_1", "DATABASE_URL_2"}}),
        (("--worker", "python3 'mail queue.py'"), {"workers": 1, "worker": ("python3", "mail queue.py")}),
        (("--prepare", "python3 migrate.py {database_url}"), {"prepare": ("python3", "migrate.py", "{database_url}")}),
        (("--ready", "/up"), {"ready": "/up"}),
        (("--version-path", "/about"), {"version": ("/about", "version")}),
        (("--payments",), {"steps_off": (), "variables": {"PAYMENTS_URL"}}),
        (("--variables", "DB={database_url} LISTEN={port} NOTE='two words'"), {"variables": {"DB", "LISTEN", "NOTE"}}),
        (("--api", "bookedbarber-v2"), {"api": "bookedbarber-v2"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_every_option_stands_in_a_file_that_is_valid(
    command, tmp_path: Path, options: tuple[str, ...], expected: dict[str, object]
) -> None:
    """``validate`` takes the plan as it is; the fault in it fits the environment."""
    done = command(*WRITE, "--command", SERVE, "--name", "shop", *options, "-q", cwd=tmp_path, environ=PATH)
    assert done.code == 0, done.said
    assert done.stdout.decode().split() == [f"{path}/shop.yaml" for path in ("environments", "environments/targets", "scenarios")]
    checked = command("validate", "scenarios/shop.yaml", cwd=tmp_path, environ=PATH)
    assert checked.code == 0, checked.said
    found = written(tmp_path)
    assert isinstance(found, Embedded)
    own = found.application
    told = {
        "command": own.command, "image": own.image, "workers": len(own.workers), "apps_per_region": found.apps_per_region,
        "tiers": tuple(group.tier for group in found.tiers), "shards": len(found.shards), "franchises": own.capabilities.franchises,
        "worker": own.workers[0].command if own.workers else None, "prepare": own.prepare.command if own.prepare else None,
        "ready": own.readiness.path, "version": (own.version.path, own.version.member) if own.version else None,
        "steps_off": own.capabilities.steps_off, "api": own.api,
    }  # fmt: skip
    assert {key: told[key] for key in expected if key != "variables"} == {key: held for key, held in expected.items() if key != "variables"}
    named = expected.get("variables", set())
    assert isinstance(named, set)
    assert named <= set(own.variables)
    assert own.directory == str(tmp_path)
    assert [fault.kind for fault in prepare(str(tmp_path / "scenarios" / "shop.yaml")).plan.faults] == ["shard.primary-killed"]


def test_an_image_makes_an_environment_of_containers(command, tmp_path: Path) -> None:
    """Its own command and directory are used; the next command builds the servers' images."""
    done = command(*WRITE, "below", "--image", "registry.test/shop:1.2", "--name", "shop", "--json", cwd=tmp_path, environ=PATH)
    assert done.code == 0, done.said
    found = written(tmp_path / "below")
    assert isinstance(found, Containers)
    assert (found.application.image, found.application.command, found.application.directory) == ("registry.test/shop:1.2", (), None)
    following = json.loads(done.stdout)["next"]
    assert any("closeshave env images" in step for step in following)
    assert any("closeshave run below/scenarios/shop.yaml" in step for step in following)


def test_paths_count_from_where_the_files_lie(command, tmp_path: Path) -> None:
    """The program runs where the command was given, with a profile beside it."""
    profile = Path(__file__).parents[2] / "docs" / "examples" / "salon-api.yaml"
    (tmp_path / "api.yaml").write_text(profile.read_text())
    done = command(*WRITE, "a/b", "--command", SERVE, "--api", "api.yaml", "--name", "shop", cwd=tmp_path, environ=PATH)
    assert done.code == 0, done.said
    own = written(tmp_path / "a" / "b").application
    assert Path(own.directory) == tmp_path
    assert Path(own.api).resolve() == tmp_path / "api.yaml"


def test_without_a_name_the_directory_gives_one(command, tmp_path: Path) -> None:
    """In letters that a name may have."""
    shop = tmp_path / "my shop (new)"
    shop.mkdir()
    done = command(*WRITE, "--command", SERVE, "-q", cwd=shop, environ=PATH)
    assert done.code == 0, done.said
    assert (shop / "scenarios" / "my-shop-new.yaml").is_file()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--prepare", "python3 x.py"), b"--command: is missing: give the command that starts an instance, or --image"),
        (("--command", "python3 'server.py"), b'--command: "python3 \'server.py" cannot be split into words as a shell does it'),
        (("--command", "pyhton3 server.py"), b"--command: there is no program 'pyhton3' on the PATH"),
        (("--command", "bin/serve"), b"--command: there is no program 'bin/serve' in "),
        (("--command", SERVE, "--worker", "no-such-program-5512"), b"--worker: there is no program 'no-such-program-5512'"),
        (("--command", SERVE, "--caches", "cahce"), b"--caches: 'cahce' is not a cache (did you mean cache?); available: cache, sessions"),
        (("--command", SERVE, "--databases", "0"), b"--databases: 0 is not a number from 1 to 8"),
        (("--command", SERVE, "--instances", "many"), b"--instances"),
        (("--command", SERVE, "--instances", "101"), b"--instances: 101 is not a number from 1 to 100"),
        (("--command", SERVE, "--variables", "PORT"), b"--variables: 'PORT' is not NAME=TEXT, such as PORT={port}"),
        (("--command", SERVE, "--variables", "PORT=8000"), b"--variables: no word of its command and no variable has {port}"),
        (("--command", SERVE, "--variables", "PORT={prot}"), b"--variables: there is no placeholder {prot} (did you mean port?)"),
        (("--command", SERVE, "--ready", "up"), b"--ready: 'up' is not a path"),
        (("--command", SERVE, "--version-path", "up"), b"--version-path"),
        (("--command", SERVE, "--api", "no-such-profile"), b"--api: no-such-profile"),
        (("--command", SERVE, "--prepare", "python3 {port}"), b"--prepare: {port} has no meaning where a database is prepared"),
        (("--command", SERVE, "--stage", "staging"), b"--stage: is for a platform (--url)"),
        (("--command", SERVE, "--url", "http://127.0.0.1:1"), b"--command: is for an application that Closeshave starts"),
        (("--command", SERVE, "--name", "two words"), b"'two words' is no name"),
        (("--command", SERVE, "--locust", "gone.py"), b"gone.py"),
    ],
)
def test_without_a_terminal_what_is_missing_or_wrong_names_its_option(
    command, tmp_path: Path, options: tuple[str, ...], says: bytes
) -> None:
    """In one sentence each, with code 2; nothing is written, and nothing was asked."""
    done = command(*WRITE, *options, cwd=tmp_path, environ=PATH)
    assert done.code == 2, done.said
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_with_a_locust_file_nobody_needs_an_account(command, tmp_path: Path) -> None:
    """The application need not be one for bookings: its first files are valid, and nobody registers."""
    (tmp_path / "readers.py").write_text(
        "from locust import HttpUser, task\n\n\nclass Reader(HttpUser):\n    @task\n    def read(self):\n        self.client.get('/')\n"
    )
    done = command(*WRITE, "--command", SERVE, "--name", "files", "--locust", "readers.py", cwd=tmp_path, environ=PATH)
    assert done.code == 0, done.said
    definition = read_definition(tmp_path / "environments/files.yaml")
    assert isinstance(definition, Embedded)
    assert (definition.application.accounts.none, definition.application.read_back.api) == (True, "none")
    assert command("validate", "scenarios/files.yaml", cwd=tmp_path, environ=PATH).code == 0


@pytest.mark.parametrize("there", ["environments/shop.yaml", "environments/targets/shop.yaml", "scenarios/shop.yaml"])
def test_nothing_is_overwritten(command, tmp_path: Path, there: str) -> None:
    """One file is enough for none to be written."""
    path = tmp_path / there
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    done = command(*WRITE, "--command", SERVE, "--name", "shop", cwd=tmp_path, environ=PATH)
    assert done.code == 2
    assert b"exists already, and nothing is overwritten" in done.stderr
    assert list(tmp_path.rglob("*.yaml")) == [path]
    assert path.read_text() == "mine\n"


@pytest.fixture
def on_a_terminal(command, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """The exit code and what was said, with these answers."""

    def ask(answers: str, *options: str) -> tuple[int, str]:
        terminal, inside = os.openpty()
        try:
            os.write(terminal, answers.encode())
            done = command(*WRITE, *options, cwd=tmp_path, environ={**PATH, "TERM": "dumb", "COLUMNS": "200"}, stdin=inside, stderr=inside)
            asked = os.read(terminal, 1 << 16).decode()
        finally:
            os.close(inside)
            os.close(terminal)
        return done.code, done.stdout.decode() + asked

    return ask


@pytest.mark.thorough
def test_on_a_terminal_it_asks(on_a_terminal, tmp_path: Path) -> None:
    """For the address of a platform first; whoever has none is asked about the application."""
    answers = ["", SERVE, "", "python3 migrate.py", "1", "cache,sessions", "3", "", "/up", "/about", "", ""]
    code, said = on_a_terminal("\n".join([*answers, ""]), "--name", "shop")
    assert code == 0, said
    found = written(tmp_path)
    assert isinstance(found, Embedded)
    own = found.application
    assert (own.command, own.prepare and own.prepare.command) == (("python3", "server.py"), ("python3", "migrate.py"))
    assert (found.apps_per_region, [group.tier for group in found.tiers]) == (3, ["cache", "sessions"])
    assert (own.readiness.path, own.version and own.version.path, own.workers) == ("/up", "/about", ())
    assert "closeshave run scenarios/shop.yaml" in said


@pytest.mark.thorough
def test_on_a_terminal_too_a_wrong_answer_is_one_sentence(on_a_terminal, tmp_path: Path) -> None:
    """Nothing is written."""
    code, said = on_a_terminal("\n".join(["", SERVE, "", "", "some", ""]), "--name", "shop")
    assert code == 2, said
    assert "--databases: 'some' is not a whole number" in said
    assert list(tmp_path.iterdir()) == []
