"""Hostile strings in environment files have no effect: an error that names the place, or text that stays text."""

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from closeshave.environments.definition import read_definition, read_remote
from closeshave.environments.driver import Permission
from closeshave.environments.remote import remote as kind
from closeshave.environments.remote.look import look
from closeshave.environments.remote.remote import place
from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Canaries, Limits, Phase, Plan, Role
from tests.remote.definitions import document, write

TEXTS = {
    "substitution": "$(touch pwned)",
    "backquotes": "`touch pwned`",
    "semicolon": "x; touch pwned",
    "pipe": "x | touch pwned",
    "and": "x && touch pwned",
    "redirect": "> pwned",
    "newline": "x\ntouch pwned",
    "variable": "${IFS}touch${IFS}pwned",
    "parents": "../../../../tmp/pwned",
    "absolute": "/tmp/pwned-closeshave",
    "encoded parents": "%2e%2e%2fpwned",
    "file url": "file:///etc/passwd",
    "script url": "javascript:alert(1)",
    "credentials": "https://user:planted@evil.example.com",
    "header split": "x\r\nX-Injected: 1",
    "python tag": "!!python/object/apply:os.system ['touch pwned']",
    "template": "{{ cycler.__init__.__globals__.os.system('touch pwned') }}",
    "format": "{0.__class__.__mro__}",
    "percent": "%(tag)s %n%n%n",
    "sql": "'; DROP TABLE appointments; --",
    "markup": "[bold red]x[/] [link=file:///etc/passwd]y[/link]",
    "html": "<script>alert(1)</script>",
    "escape": "\x1b[2J\x1b]0;pwned\x07",
    "right to left": "\u202egpj.exe",
    "zero width": "us\u200b-east-1",
    "look-alike": "us-\u0435ast-1",
    "surrogate pair": "\U0001f480" * 50,
    "very long": "a" * 200_000,
    "dots": "." * 300,
}
PLACES = {
    "name": lambda text: {"name": text},
    "region": lambda text: {"regions": {text: "http://127.0.0.1:1"}},
    "url": lambda text: {"regions": {"us-east-1": text}},
    "accounts": lambda text: {"accounts": {"file": text}},
    "path": lambda text: {"fingerprint": {"path": text, "expect": {"service": "x"}}},
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working directory and a state of this test's own; nothing may appear in the former."""
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield
    assert list(working.iterdir()) == []
    assert not Path("/tmp/pwned").exists()
    assert not Path("/tmp/pwned-closeshave").exists()


def read_or_refuse(path):
    """The reported problems, and the definition if there are none."""
    try:
        return "", read_definition(path)
    except InvalidFile as error:
        return str(error), None


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_hostile_text_is_an_error_or_stays_text(tmp_path, where, text):
    """145 files: read, laid out and checked, as before a run."""
    path = write(tmp_path / "environment.yaml", document(**PLACES[where](text)))
    problems, definition = read_or_refuse(path)
    if definition is None:
        assert str(path) in problems
        return
    assert text in repr(asdict(definition)).encode().decode("unicode_escape", "ignore") or repr(text)[1:-1] in repr(asdict(definition))
    root = place(definition)
    assert (tmp_path / "state") in root.resolve().parents
    if where in {"url", "path", "region"}:
        assert all(seen.trouble for seen in look(definition))


RAW = {
    "python object": "name: !!python/object/apply:os.system ['touch pwned']",
    "python name": "name: !!python/name:os.system",
    "python module": "name: !!python/module:os",
    "python tuple": "regions: !!python/tuple [a, b]",
    "local tag": "name: !run 'touch pwned'",
    "binary": "name: !!binary dG91Y2ggcHduZWQ=",
    "NUL": "name: a\0b",
    "no YAML": "{{{{",
    "tab": "\tname: x",
    "second document": "---\nkind: remote\n---\nkind: embedded",
    "an anchor twice": "name: {&b : 1, c: &b 2, ? {a: {d: &b 3}} : 4}",
    "same key twice": "kind: remote\nkind: embedded",
    "list": "- kind: remote",
    "number": "42",
    "nothing": "",
    "deep": "[" * 2_000,
    "merge": "<<: {kind: remote}\nname: x",
    "bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(8)),
    "endless alias": "kind: remote\nregions: &r {a: *r}",
}


@pytest.mark.parametrize("text", RAW.values(), ids=RAW)
def test_hostile_yaml_is_an_error(tmp_path, command, text):
    """By the command too: exit code 2 and no traceback, within a bound of time and memory."""
    path = tmp_path / "environment.yaml"
    path.write_bytes(text.encode())
    state = {name: os.environ[name] for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    done = command("allow", path, environ=state, memory_bytes=3 << 30)
    assert done.code == 2, done.said[-4000:]
    assert b"Traceback" not in done.stderr


def test_refusals_of_an_unreachable_host_leave_no_lock(tmp_path):
    """The driver itself checks it, and no lock is left."""
    definition = read_remote(write(tmp_path / "environment.yaml", document()))
    plan = Plan("p", "e", "t", 1, Limits(60.0, 1000), (Phase("calm", Role.CALM, 30.0, 1.0),), canaries=Canaries(home_per_s=1, away_per_s=0))
    for _ in range(2):
        assert "cannot be reached" in kind.admit(definition, plan, Permission())[0]
