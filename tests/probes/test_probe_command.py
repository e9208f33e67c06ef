"""``closeshave probe``: what it refuses, what it asks of a remote platform, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closeshave.probes.record import ROUND
from tests.probes.shop import REGIONS, Shop, serving
from tests.probes.stored_rounds import TARGET

FILE = """\
kind: remote
name: shop
stage: {stage}
regions: {{{regions}}}
fingerprint: {{path: /health, expect: {{status: {status}}}}}
caps: {{requests_per_s: 100000, requests: 1000000, duration: 1h}}
shards:
  - {{id: 1, first: 1, last: 500, home: us-east-1}}
  - {{id: 3, first: 501, last: 1000, home: eu-west-1}}
accounts: {{file: accounts.csv}}
capabilities: {{zone: UTC, limits: {{slots: 20 per 1m}}}}
"""
Probe = Callable[..., Any]


@pytest.fixture
def probe(command: Any, tmp_path: Path) -> Probe:
    """The command in a directory with the shop's files; the shop tells these lies."""
    (tmp_path / "target.yaml").write_text(TARGET)
    accounts = [f"customer.{number}@{region}.example,correct horse,{region}" for region in REGIONS for number in (1, 2)]
    (tmp_path / "accounts.csv").write_text("\n".join(["email,password,region", *accounts]))

    def asked(
        *arguments: str, lies: tuple[str, ...] = (), stage: str = "staging", status: str = "healthy", target: str = "target.yaml"
    ) -> Any:
        with serving(Shop(*lies)) as edges:
            regions = ", ".join(f'{region}: "{url}"' for region, url in edges.items())
            (tmp_path / "shop.yaml").write_text(FILE.format(stage=stage, regions=regions, status=status))
            words = ("probe", "--environment", "shop.yaml", "--target", target, "--runs", "rounds", *arguments)
            return command(*words, environ={"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}, cwd=tmp_path)

    return asked


def rows(done: Any) -> dict[str, str]:
    """Probe → outcome."""
    return {row["name"]: row["outcome"] for row in json.loads(done.stdout)["probes"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--family", "routin"), "there is no family of probes 'routin' (did you mean routing?)"),
        (("--probe", "ttl.session"), "there is no probe 'ttl.session' (did you mean ttl.sessions?)"),
        (("--attach", "/tmp"), "leave out --attach"),
        (("--environment", "shpo"), "no such file in environments/"),
    ],
)
def test_what_is_misspelt_is_refused_before_anything_is_asked(probe: Probe, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """With the closest name, and exit code 2."""
    done = probe(*arguments)
    assert done.code == 2, done.said.decode()
    assert said in done.said.decode()
    assert not (tmp_path / "rounds").exists()


@pytest.mark.parametrize(
    ("written", "said"),
    [("[routing.fisrt]", "no probe is called 'routing.fisrt'"), ("[Routing]", "is no name of a probe"), ("[routing]", "write family.name")],
)
def test_a_target_that_names_no_probe_is_refused(probe: Probe, tmp_path: Path, written: str, said: str) -> None:
    """It names the claim and what would be right."""
    (tmp_path / "wrong.yaml").write_text(TARGET.replace("[tenants.read-refused]", written))
    done = probe(target="wrong.yaml")
    assert done.code == 2, done.said.decode()
    assert said in done.said.decode()


def test_a_remote_platform_is_asked(probe: Probe, tmp_path: Path) -> None:
    """What its target names and what is safe there; the round can be read again."""
    done = probe("--family", "routing", "--family", "tenants", "--json")
    assert done.code == 3, done.said.decode()
    assert {name for name, outcome in rows(done).items() if outcome != "holds"} == {"routing.rows-in-own-shard"}
    (found,) = (tmp_path / "rounds").iterdir()
    assert json.loads((found / ROUND).read_text())["evidence"] == "verified"
    assert json.loads((found / "result.json").read_text())["exit_code"] == 3
    assert "correct horse" not in "".join(path.read_text(errors="replace") for path in found.rglob("*") if path.is_file())


@pytest.mark.parametrize(("lies", "code"), [((), 0), (("leaks",), 1)])
def test_its_exit_code_is_the_worst_finding(probe: Probe, lies: tuple[str, ...], code: int) -> None:
    """0 if every probe holds, 1 if one is broken; in few words what is wrong."""
    done = probe("--probe", "tenants.read-refused", "--probe", "routing.outside-refused", "--quiet", lies=lies)
    assert done.code == code, done.said.decode()
    said = done.stdout.decode()
    assert ("tenants.read-refused broken: a booking of shard 1: is shown to somebody else" in said) is bool(lies)


@pytest.mark.parametrize("arguments", [(), ("--strain",)])
def test_production_is_only_read(probe: Probe, arguments: tuple[str, ...]) -> None:
    """Whatever is permitted elsewhere; what is not asked says so."""
    done = probe("--family", "tenants", "--family", "hostile", "--family", "routing", "--json", *arguments, stage="production")
    assert done.code == 3, done.said.decode()
    found = rows(done)
    assert {name for name, outcome in found.items() if outcome == "holds"} == {
        "routing.first-of-each-range", "routing.last-of-each-range", "routing.outside-refused",
    }  # fmt: skip
    why = {row["name"]: row["why"] for row in json.loads(done.stdout)["probes"]}
    assert "not permitted here" in why["tenants.read-refused"]
    assert "not permitted here" in why["hostile.login"]


def test_staging_is_strained_only_if_that_is_said(probe: Probe) -> None:
    """Hostile input and floods are no matter of course."""
    assert rows(probe("--family", "limits", "--json")) == dict.fromkeys(
        ["limits.as-stated", "limits.others-unaffected", "limits.progressive"], "unknown"
    )
    assert set(rows(probe("--family", "limits", "--json", "--strain")).values()) == {"holds"}


@pytest.mark.parametrize(
    ("lies", "status", "said"), [((), "sick", "the fingerprint does not match"), (("live-key",), "healthy", "shows live payment keys")]
)
def test_a_platform_that_must_not_be_asked_is_left_alone(
    probe: Probe, tmp_path: Path, lies: tuple[str, ...], status: str, said: str
) -> None:
    """Exit code 5, and no round."""
    done = probe("--family", "routing", lies=lies, status=status)
    assert done.code == 5, done.said.decode()
    assert said in done.said.decode()
    assert list((tmp_path / "rounds").iterdir()) == []
