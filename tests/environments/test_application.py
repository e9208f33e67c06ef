"""The section ``application`` of an environment file: what it may say, what each instance gets, and what faults find there."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from closeshave.environments import kept, placeholders
from closeshave.environments.application_problems import PER_SHARD, TIERS
from closeshave.environments.definition import read_definition, read_embedded
from closeshave.environments.layout import Layout, lay_out
from closeshave.environments.parts import Parts
from closeshave.environments.ports import PortAllocator
from closeshave.environments.remote.definition import Accounts
from closeshave.environments.servers import apps
from closeshave.environments.site import Site
from closeshave.environments.stack import Embedded
from closeshave.environments.standin_application import STAND_IN
from closeshave.faults import catalogue
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile
from closeshave.trial.preparation import prepare
from tests.environments import own


def plain(directory: Path, application: str = own.PLAIN) -> Embedded:
    """The definition of a file with this section."""
    found = read_definition(own.write(directory, application))
    assert isinstance(found, Embedded)
    return found


def laid_out(definition: Embedded, parts: Parts) -> Layout:
    """Its layout."""
    return lay_out("an-id", Path("/state/shop-1"), definition, parts, 20_000)


@pytest.mark.parametrize("kind", ["embedded", "containers"])
def test_the_files_that_ship_describe_the_stand_in_as_files_without_the_section_get_it(kind: str) -> None:
    """Older files have no such section, and mean the stand-in. Its workers need a broker, so only a file that has one can have them."""
    found = read_definition(locate("environments", kind))
    stated = found.application  # type: ignore[union-attr] # neither is remote
    for field in fields(STAND_IN):
        if field.name not in {"directory", "workers"}:
            assert getattr(stated, field.name) == getattr(STAND_IN, field.name), field.name


def test_a_definition_is_kept_for_the_end_of_a_run(tmp_path: Path) -> None:
    """Reading back needs its queries; everything comes back as it was."""
    definition = plain(tmp_path)
    kept.save(tmp_path, definition)
    assert kept.load(tmp_path) == definition


def test_every_instance_gets_its_own_values(tmp_path: Path, found_parts: Parts) -> None:
    """Its port, its name and the addresses of its databases and caches; the working directory is that of the file."""
    layout = laid_out(plain(tmp_path), found_parts)
    first, second = (process for process in layout.deployment.processes if process.role == "app")
    assert (first.name, second.name) == ("app-here-0", "app-here-1")
    assert first.argv == ("python3", "server.py")
    assert first.directory == str(tmp_path)
    assert [process.environ["PORT"] for process in (first, second)] == [str(process.ports[0]) for process in (first, second)]
    ways = {link.name: link.port for link in layout.deployment.links}
    assert first.environ["DATABASE_URL"] == f"postgresql://bookings@127.0.0.1:{ways['here-shard1-primary']}/bookings"
    assert first.environ["CACHE_URL"] == f"redis://127.0.0.1:{ways['here-cache']}/0"


def test_parts_that_an_application_does_not_use_are_not_there(tmp_path: Path, found_parts: Parts) -> None:
    """No payment provider, one tier, three regions fewer."""
    deployment = laid_out(plain(tmp_path), found_parts).deployment
    roles = {process.role for process in deployment.processes}
    assert roles == {"etcd", "patroni", "valkey", "sentinel", "toxiproxy", "haproxy", "edge", "app"}
    assert {store.tier for store in deployment.stores} == {"cache"}
    assert deployment.payments.process == ""
    assert len(deployment.processes) == 1 + 2 + 2 + 1 + 1 + 1 + 1 + 2


def test_workers_have_a_role_of_their_own_and_no_port(tmp_path: Path, found_parts: Parts) -> None:
    """They get the application's variables, without those that only an instance can have."""
    section = f"{own.PLAIN}  workers:\n    - {{name: mail, command: [python3, mail.py, '{{region}}'], variables: {{QUEUE: 3}}, count: 2}}\n"
    deployment = laid_out(plain(tmp_path, section), found_parts).deployment
    workers = [process for process in deployment.processes if process.role == "worker"]
    assert [worker.name for worker in workers] == ["worker-mail-here-0", "worker-mail-here-1"]
    assert workers[0].argv == ("python3", "mail.py", "here")
    assert workers[0].ports == ()
    assert set(workers[0].environ) == {"DATABASE_URL", "CACHE_URL", "QUEUE"}


def test_a_release_differs_in_what_it_names(tmp_path: Path, found_parts: Parts) -> None:
    """Everything else stays, so that any process can be started in either release."""
    section = (
        f"{own.PLAIN}  version: {{member: build.version}}\n  releases: {{bad: {{variables: {{DATABASE_URL: nowhere}}, version: '2'}}}}\n"
    )
    deployment = laid_out(plain(tmp_path, section), found_parts).deployment
    bad, declared = deployment.application.releases["bad"].processes[1], deployment.process("app-here-1")
    assert replace(bad, environ={}) == replace(declared, environ={})
    assert bad.environ == {**declared.environ, "DATABASE_URL": "nowhere"}


def test_a_release_may_have_a_directory_and_a_command_of_its_own(tmp_path: Path, found_parts: Parts) -> None:
    """A relative path counts from the file, and the program is looked for there."""
    (tmp_path / "v2").mkdir()
    section = f"{own.PLAIN}  releases: {{v2: {{directory: v2, command: [./serve, '{{port}}']}}}}\n"
    with pytest.raises(InvalidFile, match=r"there is no program './serve' in .*/v2"):
        plain(tmp_path, section)
    serve = tmp_path / "v2" / "serve"
    serve.touch(mode=0o755)
    deployment = laid_out(plain(tmp_path, section), found_parts).deployment
    found = deployment.application.releases["v2"].processes[0]
    assert (found.argv, found.directory) == (("./serve", str(found.ports[0])), str(tmp_path / "v2"))
    assert deployment.process(found.name).directory == str(tmp_path)


def test_balancers_ask_what_the_file_says(tmp_path: Path, found_parts: Parts) -> None:
    """The same question as the start of the environment and the proofs of faults."""
    section = f"{own.PLAIN}  readiness: {{path: /up, status: 204, body: all well}}\n"
    layout = laid_out(plain(tmp_path, section), found_parts)
    for name in ("haproxy-here.cfg", "edges.cfg"):
        text = layout.files[Path("/state/shop-1/config") / name]
        assert "option httpchk GET '/up'\n    http-check expect status 204\n    http-check expect string 'all well'\n" in text


def test_every_placeholder_has_a_value_where_it_is_allowed(found_parts: Parts) -> None:
    """The table of the reference, the check of files and the values agree."""
    definition = read_definition(locate("environments", "embedded"))
    assert isinstance(definition, Embedded)
    site = Site("an-id", Path("/state/e"), definition, found_parts, PortAllocator(20_000))
    values = apps.values(site, "app-us-east-1-0", "us-east-1", 20_000)
    assert {name.partition(".")[0] for name in values} == set(placeholders.MEANINGS)
    assert set(values) & PER_SHARD == set()  # four shards: each has its own
    assert json.loads(values["database_urls"])["4"] == values["database_url.4"]
    assert json.loads(values["cache_urls"])["eu-west-1"] == values["cache_url.eu-west-1"] != values["cache_url"]
    assert set(TIERS) <= set(values)
    worker = apps.values(site, "worker-x-us-east-1-0", "us-east-1")
    assert set(values) - set(worker) == placeholders.NOT_FOR_WORKERS


def test_a_copy_in_a_run_directory_means_the_directory_of_the_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run can be repeated from its directory, where the first one was started."""
    shop, run = tmp_path / "shop", tmp_path / "run"
    shop.mkdir()
    run.mkdir()
    copy = run / "environment.yaml"
    copy.write_text(own.write(shop).read_text())
    (run / "manifest.json").write_text('{"sources": {"environment": "shop/shop.yaml"}}')
    monkeypatch.chdir(tmp_path)
    found = read_definition(copy)
    assert isinstance(found, Embedded)
    assert found.application.directory == str(shop)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("{port}", {"port": "1"}, "1"),
        ("http://{host}:{port}/", {"host": "h", "port": "1"}, "http://h:1/"),
        ('{"json": {"a": 1}}', {}, '{"json": {"a": 1}}'),
        ("{{port}}", {"port": "1"}, "{port}"),
        ("{cache_url.us-east-1}", {"cache_url.us-east-1": "redis://"}, "redis://"),
        ("${HOME} {} { port }", {}, "${HOME} {} { port }"),
    ],
)
def test_only_names_in_braces_are_placeholders(text: str, values: dict[str, str], expected: str) -> None:
    """Braces of JSON and of shells stay."""
    assert placeholders.filled(text, values) == expected


@pytest.mark.parametrize(
    ("tiers", "missing"),
    [((), "cache, sessions, ratelimit"), (("cache", "sessions"), "ratelimit"), (("cache", "sessions", "ratelimit"), "")],
)
def test_without_an_application_the_tiers_of_the_stand_in_are_needed(tmp_path: Path, tiers: tuple[str, ...], missing: str) -> None:
    """The message is about what the file says: the stand-in's own variables stand in no file."""
    lines = "".join(f"  - {{name: {tier}, tier: {tier}, primary: here, replica: here, serves: [here]}}\n" for tier in tiers)
    before, _, after = own.HEAD.partition("tiers:\n")
    path = own.write(tmp_path, "", f"{before}tiers:{chr(10) if lines else ' []'}{lines}{chr(10)}{after[after.index('etcd') :]}")
    if not missing:
        assert read_definition(path)
        return
    with pytest.raises(InvalidFile) as caught:
        read_definition(path)
    (problem,) = caught.value.problems
    assert problem.key == "tiers"
    assert problem.message.endswith(f"needs the tiers cache, sessions, ratelimit; missing: {missing}")


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        (
            "{port}",
            "{prot}",
            "application.variables.PORT",
            "there is no placeholder {prot} (did you mean port?); available: {database_url}",
        ),
        ("{cache_url}", "{sessions_url}", "application.variables.CACHE_URL", "this environment has no tier sessions; available: cache"),
        ("{database_url}", "{database_url.2}", "application.variables.DATABASE_URL", "there is no shard 2; available: 1"),
        ("{cache_url}", "{cache_url.there}", "application.variables.CACHE_URL", "there is no region there; available: here"),
        ("{cache_url}", "{region.x}", "application.variables.CACHE_URL", "{region.x} has no parts; write {region}"),
        ("{port}", "3000", "application", "no word of its command and no variable has {port}"),
        ("  command: [python3, server.py]\n", "  directory: .\n", "application.command", "is needed"),
        ("[python3, ", "[pyhton3, ", "application.command", "there is no program 'pyhton3' on the PATH"),
        ("[python3, server.py]", "[bin/serve]", "application.command", "there is no program 'bin/serve' in "),
        ("[python3, server.py]\n", "[python3, server.py]\n  directory: nowhere\n", "application.directory", "nowhere is not a directory"),
        ("[python3, server.py]\n", "[python3, server.py]\n  image: shop:1\n", "application.image", "is for environments in containers"),
        ("[python3, server.py]\n", "python3 server.py\n", "application.command", "'python3 server.py' is not a list"),
        (
            "application:\n",
            "application:\n  readiness: /ready\n",
            "application.readiness",
            "'/ready' is not a mapping of keys to values; its keys: body, path, status, within",
        ),
        ("application:\n", "application:\n  version: {}\n", "application.version", "either a header or a member"),
        ("application:\n", "application:\n  probe: no path\n", "application.probe", "is not a path"),
        ("application:\n", "application:\n  version: {path: up, member: v}\n", "application.version.path", "'up' is not a path"),
        ("application:\n", "application:\n  readiness: {body: it's}\n", "application.readiness.body", "without single quotes"),
        ("application:\n", "application:\n  readiness: {status: 99}\n", "application.readiness.status", "not an HTTP status"),
        ("application:\n", "application:\n  accounts: {register: 0}\n", "application.accounts", "let prepare write {accounts_file}"),
        ("application:\n", "application:\n  accounts: {none: true, register: 2}\n", "application.accounts", "none: true stands alone"),
        (
            "application:\n",
            "application:\n  read_back: {api: admin}\n",
            "application.read_back.admin",
            "the name of the environment variable",
        ),
        (
            "application:\n",
            "application:\n  prepare: {command: [python3, '{port}']}\n",
            "application.prepare.command.1",
            "{port} has no meaning where a database",
        ),
        (
            "application:\n",
            "application:\n  releases: {bad: {version: '2'}}\n",
            "application.releases.bad.version",
            "where an instance tells it",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {version: '2'}}\n",
            "application.releases.next",
            "changes nothing: state a command, an image, a directory or variables that differ from the section's own",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {variables: {PORT: '{port}'}}}\n",
            "application.releases.next",
            "changes nothing",
        ),
        (
            "application:\n",
            "application:\n  releases: {current: {variables: {X: 1}}}\n",
            "application.releases.current",
            "is the release that the section itself describes (release: current); give this one another name",
        ),
        (
            "application:\n",
            "application:\n  release: v1\n  releases: {v1: {variables: {X: 1}}}\n",
            "application.releases.v1",
            "is the release that the section itself describes (release: v1)",
        ),
        ("application:\n", "application:\n  release: v 1\n", "application.release", "'v 1': use letters, digits"),
        (
            "application:\n",
            "application:\n  releases: {'v 2': {variables: {X: 1}}}\n",
            "application.releases.v 2",
            "'v 2': use letters, digits",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {variables: {X: '{prot}'}}}\n",
            "application.releases.next.variables.X",
            "there is no placeholder {prot} (did you mean port?)",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {variables: {PORT: 80}}}\n",
            "application.releases.next",
            "no word of its command and no variable has {port}",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {comand: [python3]}}\n",
            "application.releases.next.comand",
            "did you mean command?",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {command: [pyhton3]}}\n",
            "application.releases.next.command",
            "there is no program 'pyhton3' on the PATH",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {image: 'shop:2'}}\n",
            "application.releases.next.image",
            "is for environments in containers",
        ),
        (
            "application:\n",
            "application:\n  releases: {next: {directory: nowhere}}\n",
            "application.releases.next.directory",
            "nowhere is not a directory",
        ),
        (
            "application:\n",
            "application:\n  workers: [{name: w, command: [python3, '{port}']}]\n",
            "application.workers.0.command.1",
            "for a worker",
        ),
        (
            "application:\n",
            "application:\n  workers: [{name: w, command: [python3], regions: [x]}]\n",
            "application.workers.0.regions",
            "not a region",
        ),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(tmp_path: Path, old: str, new: str, key: str, message: str) -> None:
    """One sentence, with the line and the key."""
    assert old in own.PLAIN
    with pytest.raises(InvalidFile) as caught:
        plain(tmp_path, own.PLAIN.replace(old, new, 1))
    problem = next(problem for problem in caught.value.problems if problem.key == key)
    assert message in problem.message
    assert problem.line > 0


def test_several_shards_have_no_common_address(tmp_path: Path) -> None:
    """Which shard is meant must be said."""
    shards = "  - {id: 1, first: 1, last: 1, home: here, standby: here}\n  - {id: 7, first: 2, last: 2, home: here, standby: here}\n"
    head = own.HEAD.replace("  - {id: 1, first: 1, last: 1, home: here, standby: here}\n", shards)
    with pytest.raises(InvalidFile, match=r"has 2 shards; write {database_url\.1} for one of them, or {database_urls} for all"):
        read_definition(own.write(tmp_path, own.PLAIN, head))


@pytest.mark.parametrize(
    ("kind", "scope", "message"),
    [
        ("dependency.payments-slow", {}, "needs a payment provider"),
        ("service.erring", {"region": "here"}, "by a variable with {operations_file}"),
        ("service.bad-version", {"region": "here"}, "needs a release called bad"),
        ("shard.hot-row-locked", {"shard": 1}, "needs the tables of the stand-in"),
        ("cache.primary-killed", {"tier": "sessions"}, "has no tier 'sessions'; available: cache"),
        ("cache.primary-killed", {"tier": "cache"}, ""),
        ("service.killed", {"region": "here"}, ""),
        ("shard.primary-killed", {"shard": 1}, ""),
    ],
)
def test_a_fault_is_refused_where_a_part_that_it_needs_is_missing(
    tmp_path: Path, kind: str, scope: dict[str, object], message: str
) -> None:
    """And says how the file would state the part."""
    assert kind in catalogue.KINDS
    found = catalogue.unserved(kind, scope, plain(tmp_path).offers, ("cache",))
    assert (message in found[0]) if message else found == []


def test_the_stand_in_offers_whatever_a_fault_may_need() -> None:
    """So every kind of fault works in the environments that ship; those of certificates in the one whose edges serve HTTPS, those of a Valkey cluster in
    the one that has one."""
    plain, served, clustered = (
        read_embedded(locate("environments", name)).offers for name in ("embedded", "embedded-tls", "embedded-argentina")
    )
    assert "tls" in served - plain
    assert "valkey cluster" in clustered - plain
    assert [kind for kind in catalogue.OWN.values() if set(kind.uses) - plain - {"tls", "valkey cluster"}] == []


@pytest.mark.parametrize(
    ("accounts", "wrong"),
    [
        (Accounts(register=5), ""),
        (Accounts("people.csv"), ""),
        (Accounts(none=True), ""),
        (Accounts(), "give a file of accounts, how many to register in each region, or none: true"),
        (Accounts("people.csv", none=True), "none: true stands alone: leave out file and register"),
        (Accounts(register=1, none=True), "none: true stands alone: leave out file and register"),
    ],
)
def test_accounts_are_listed_registered_or_none(accounts: Accounts, wrong: str) -> None:
    """No two of them at once."""
    assert accounts.wrong == wrong


def test_journeys_are_refused_where_nobody_has_an_account(tmp_path: Path) -> None:
    """Before anything starts; a Locust file of one's own is not."""
    file = own.write(tmp_path, own.PLAIN.replace("application:\n", "application:\n  accounts: {none: true}\n", 1))
    with pytest.raises(InvalidFile, match="none: the customers of plan smoke log in; give accounts, or the plan a Locust file of your own"):
        prepare("smoke", environment=str(file))
