"""Invalid numbers in files that people write: every numeric field of every kind of file, with every kind of invalid value."""

import copy
import dataclasses
import json
import math
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closeshave.environments.definition import read_definition
from closeshave.environments.kubernetes.definition import Kubernetes
from closeshave.environments.remote.definition import Remote
from closeshave.environments.stack import Containers, Embedded
from closeshave.files.shipped import locate
from closeshave.files.yamlfile import InvalidFile, document, line_of, read
from closeshave.plan import Plan, read_plan
from closeshave.target import Target, read_target
from closeshave.traffic.profiles import Profile
from tests.tiers import examples
from tests.yamls import loaded

Location = tuple[str | int, ...]
Field = tuple[str, ...]
"""A field of a class, with the shape's kind where it belongs to one."""

SHAPES = (
    {"kind": "ramp", "start": 0.1, "end": 1.0},
    {"kind": "steps", "levels": [0.5, 1.0]},
    {"kind": "spike", "at": "1s", "half_life": "1s", "base": 0.1},
    {"kind": "diurnal", "hours": [1.0] * 24},
)
PLAN = {
    "name": "p", "environment": "embedded", "target": "bookedbarber-smoke", "seed": 1,
    "limits": {"duration": "10m", "requests": 100},
    "every": "7d",
    "phases": [
        *({"name": f"calm-{index}", "role": "calm", "duration": "30s", "sessions_per_s": 3, "shape": shape} for index, shape in enumerate(SHAPES)),
        {"name": "broken", "role": "fault", "duration": "30s", "sessions_per_s": 3},
    ],
    "faults": [
        {"id": "a", "kind": "shard.primary-killed", "phase": "broken", "at": "5s", "hold": "10s", "expected": "recovers", "scope": {"shard": 1}},
    ],
    "drills": [
        {
            "id": "b", "kind": "database.switchover", "phase": "broken", "at": "18s", "limit": "9s", "scope": {"shard": 1},
            "expected": {"duration": "9s", "failed_requests": 0.001, "loss": "9s", "refusal": "9s", "lost_sessions": 0.1, "stopped": 0.1},
        },
    ],
    "traffic": {
        "processes": 1, "zipf": 0.8, "roaming": 0.02, "think_time_scale": 1.0, "contests_per_s": 1.0, "per_session": {"slots": 6.9},
        "requests_per_session": 11.0,
        "locust": {"file": "shop.py", "model": "closed", "users": 9, "tasks_per_visit": 3, "shard": 1},
    },
    "canaries": {"home_per_s": 10, "away_per_s": 1, "latency": "1s", "hold": "5s", "restored_share": 0.95},
    "alerts": {"silent_within": "9s", "expected": [{"fault": "a", "alert": "DatabaseDown", "severity": "high"}]},
    "rounds": [{"id": "a", "phase": "broken", "at": "9s", "probes": ["tenants.*"]}],
    "inject": [{"id": "a", "title": "A", "when": "5s", "fault": "a", "go_if": [{"figure": "completed", "at_least": 5, "at_most": 9}]}],
    "nemesis": {
        "phase": "broken", "kinds": ["shard.*"], "every": "9s", "hold": "9s", "overlap_max": 1, "rest": "9s", "scopes": {"shard": [1]}, "seed": 1,
    },
    "aborts": {"budget": 1.0, "leakage": 0.5, "window": "10s", "blind": "15s"},
    "gate": {"tolerate": 0.02, "tolerate_share": 0.002, "notice": 0.05, "notice_share": 0.01, "blocks": 6, "repeats": 3},
}  # fmt: skip
TARGET = {
    "name": "t", "title": "T",
    "assumes": {"think_time": "9s", "zipf": 0.8, "lookups_per_request": 1.5},
    "claims": [
        {
            "id": "a", "text": "T", "how": ["load"],
            "says": [
                {"users": 9, "requests_per_s": 1.5, "response_time": "9s", "error_rate": 0.1, "availability": 0.9, "over": "9d"},
                {"rto": "9s", "rpo": "9s", "backup_interval": "9s", "alert_within": "9s", "rebuilt_within": "9s"},
                {"shards": 4, "franchises": 9, "hit_ratio": 0.9, "ttl": "9s", "replicas": 2, "pooled_connections": 9},
            ],
        },
    ],
    "objectives": [
        {"id": "a", "claims": [], "measure": "latency", "percentile": "95%", "at_most": "1s", "sliding": "9s", "confidence": 0.95},
        {"id": "b", "claims": [], "measure": "availability", "at_least": 0.9, "at_least_chances": 300},
        {"id": "c", "claims": [], "measure": "throughput", "at_least": 10},
        {"id": "d", "claims": [], "measure": "burn_rate", "at_most": 10, "sliding": "9s"},
        {"id": "f", "claims": [], "measure": "false_alarms", "at_most": 3},
        {"id": "e", "claims": [], "measure": "loss", "at_most": "9s", "faults": ["shard.*"]},
    ],
}  # fmt: skip
CALL = {"http": "http://127.0.0.1:1/", "expect": {"status": 200}, "timeout": "9s"}
REMOTE = {
    "kind": "remote", "name": "r", "regions": {"east": "http://127.0.0.1:1"}, "fingerprint": {"path": "/health", "expect": {"a": "b"}},
    "caps": {"requests_per_s": 50, "requests": 20000, "duration": "10m", "regions_at_once": 1, "shards_at_once": 1},
    "shards": [{"id": 1, "first": 1, "last": 9, "home": "east"}], "accounts": {"register": 3}, "capabilities": {"idle_barbers": [1], "slots_per_day": 20},
    "edge_ttl": "9s",
    "hooks": [
        {
            "kind": "shard.primary-killed", "scope": {"shard": 1}, "inject": CALL, "observe": CALL, "undo": CALL, "heal_check": CALL,
            "observed_within": "9s", "healed_within": "9s",
        },
    ],
    "drill_hooks": [
        {
            "kind": "database.moved", "scope": {"shard": 1}, "start": CALL, "status": CALL, "finish": CALL, "verify": CALL, "abort": CALL,
            "heal_check": CALL, "verified_within": "9s", "healed_within": "9s",
        },
    ],
}  # fmt: skip
KUBERNETES = REMOTE | {
    "kind": "kubernetes",
    "cluster": {
        "uid": "3f0c1a52-7d0e-4c1b-9a53-0f6f5d0c8b11", "namespaces": ["booking"], "shards": [{"id": 1, "namespace": "booking", "labels": {"a": "b"},
        "primary": {"c": "d"}, "instances": 2}], "application": {"namespace": "booking", "labels": {"a": "b"}, "instances": 2}, "pods_at_once": 9,
        "nodes_at_once": 1,
    },
}  # fmt: skip
PROFILE = {
    "name": "p", "starts_at": "2026-03-03T12:00:00-05:00", "hours": [1.0] * 24, "days": [1.0] * 7, "speed": 1.0,
    "crowd": {"at": "30s", "peak": 10, "half_life": "1m"},
}  # fmt: skip


def shipped(name: str) -> dict[str, Any]:
    """A shipped environment, with its defaults written out."""
    whole: dict[str, Any] = loaded(locate("environments", name))
    whole |= {
        "hooks": REMOTE["hooks"],
        "ports": 20000,
        "rate_limit_scale": 1.0,
        "apps_per_region": 2,
        "edges": {"cache": {"ttl": "9s", "size_mb": 4}},
        "seed": {"barbers_per_franchise": 3, "accounts_per_region": 60},
    }
    application = whole["application"]
    application |= {
        "readiness": {"path": "/health", "status": 200, "within": "30s"},
        "workers": [{"name": "mail", "command": ["true"], "count": 1}],
        "accounts": {"register": 3},
        "capabilities": {"idle_barbers": [1], "slots_per_day": 20},
        "prepare": application["prepare"] | {"within": "60s"},
        "live_updates": {"path": "/updates", "within": "5s"},
    }
    whole |= {"alerts": {"every": "5s"}} if name == "embedded" else {}
    return whole | {
        "database": {"ttl": "20s", "loop_wait": "1s", "retry_timeout": "3s"},
        "pooler": {"max_client_conn": 2000, "default_pool_size": 20},
    }


CLUSTER = {"name": "valkey", "holds": ["ratelimit"], "primaries": ["us-east-1"] * 3, "replicas": ["us-west-2"] * 3, "node_timeout": "3s"}


def with_a_cluster(whole: dict[str, Any]) -> dict[str, Any]:
    """The environment with what only one kind has: an entrance, and a Valkey cluster, which holds one of its tiers."""
    tiers = [group for group in whole["tiers"] if group["tier"] not in CLUSTER["holds"]]
    return whole | {"tiers": tiers, "valkey_cluster": CLUSTER, "entrances": {"city": {"region": "us-east-1", "distance": "9ms"}}}


FILES: Mapping[str, tuple[dict[str, Any], Any, Any]] = {
    "plan": (PLAN, Plan, read_plan),
    "target": (TARGET, Target, read_target),
    "remote": (REMOTE, Remote, read_definition),
    "kubernetes": (KUBERNETES, Kubernetes, read_definition),
    "embedded": (with_a_cluster(shipped("embedded")), Embedded, read_definition),
    "containers": (shipped("containers"), Containers, read_definition),
    "profile": (PROFILE, Profile, lambda path: read(path, Profile)),
}
"""Kind of file → one that states every number it can, its class, and who reads it."""
TEXTS = {f"{each}.variables" for each in ("ApplicationOf", "Prepare", "WorkerOf", "ReleaseOf")}
"""Environment variables: a number in them is a text to everybody."""
WORDS = frozenset({"Fault.parameters", "Drill.parameters", "ReadBack.sql", "Expect.members", *TEXTS})
"""Fields whose numbers are checked by the kind of fault or drill (see tests/faults, tests/drills), or are keys or texts."""


def numeric(hint: Any) -> bool:
    """Whether a field of this type takes a number, alone or in a collection."""
    if hint in (int, float):
        return True
    if typing.get_origin(hint) is Annotated:
        return numeric(typing.get_args(hint)[0])
    return any(numeric(each) for each in typing.get_args(hint) if each is not Ellipsis)


def classes(hint: Any) -> Iterator[type]:
    """Every class of a file's values that a type leads to."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
        for each in typing.get_type_hints(hint, include_extras=True).values():
            yield from classes(each)
    arguments = typing.get_args(hint)
    for each in arguments[:1] if typing.get_origin(hint) is Annotated else arguments:
        yield from classes(each)


def fields(type_: type) -> set[str]:
    """``Class.field`` of all numbers that a kind of file can state."""
    return {
        f"{each.__name__}.{name}"
        for each in classes(type_)
        for name, hint in typing.get_type_hints(each, include_extras=True).items()
        if f"{each.__name__}.{name}" not in WORDS and numeric(hint)
    }


def numbers(value: Any, type_: Any, at: Location = ()) -> Iterator[tuple[str, Location]]:
    """Every number of a document: its field, and its location."""
    for each in dict.fromkeys(classes(type_)) if isinstance(value, dict) else ():
        hints = typing.get_type_hints(each, include_extras=True)
        other = "Literal" in str(hints.get("kind", "")) and repr(value.get("kind")) not in str(hints["kind"])
        if not set(value) <= set(hints) or other:
            continue
        for key, inner in value.items():
            if f"{each.__name__}.{key}" in WORDS:
                continue
            if numeric(hints[key]) and not any(dataclasses.is_dataclass(one) for one in classes(hints[key])):
                yield from ((f"{each.__name__}.{key}", (*at, key, *rest)) for rest in leaves(inner))
            else:
                inside = enumerate(inner) if isinstance(inner, list) else [(None, inner)]
                for index, one in inside:
                    yield from numbers(one, hints[key], (*at, key) if index is None else (*at, key, index))
        return
    # A mapping of names to such values.
    for name, one in value.items() if isinstance(value, dict) else ():
        yield from numbers(one, type_, (*at, name))


def leaves(value: Any) -> Iterator[Location]:
    """The first and the last value of a collection, or the value itself."""
    if isinstance(value, dict):
        yield from ((key,) for key in value)
    elif isinstance(value, list):
        yield from {(0,), (len(value) - 1,)}
    else:
        yield ()


FOUND = {kind: sorted(numbers(whole, type_), key=repr) for kind, (whole, type_, _) in FILES.items()}
EVERY = [(kind, field, location) for kind, found in FOUND.items() for field, location in found]


@pytest.mark.parametrize("kind", sorted(FILES))
def test_the_file_itself_is_right_and_states_every_number(tmp_path: Path, kind: str) -> None:
    """Otherwise the next test would prove nothing: a new field must be added here."""
    whole, type_, reads = FILES[kind]
    assert reads(written(tmp_path / "file.yaml", whole))
    # No spare shard, no monitoring and no cluster run in containers yet: whatever is stated of them is refused.
    refused = {"SpareOf.id", "AlertsOf.every", "ValkeyClusterOf.node_timeout"} if kind == "containers" else set[str]()
    assert fields(type_) - {field for field, _ in FOUND[kind]} == refused


def written(path: Path, value: dict[str, Any]) -> Path:
    """As YAML, whatever it is: JSON, which is sooner written, but for the numbers that JSON does not have."""
    text = json.dumps(value, indent=1, default=str)
    for theirs, ours in (("NaN", ".nan"), ("-Infinity", "-.inf"), ("Infinity", ".inf")):
        text = text.replace(f" {theirs}", f" {ours}")
    path.write_text(text, encoding="utf-8")
    return path


def changed(value: Any, location: Location, to: Any) -> Any:
    """A document with one value replaced."""
    found = copy.deepcopy(value)
    inner = found
    for part in location[:-1]:
        inner = inner[part]
    inner[location[-1]] = to
    return found


NO_NUMBERS = [
    math.nan,
    math.inf,
    -math.inf,
    True,
    False,
    -1,
    -0.5,
    1e300,
    10**400,
    "-1",
    "1e9",
    "9" * 400,
    "9" * 400 + "s",
    "nan",
    "",
    [],
    {},
]


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(EVERY), st.sampled_from(NO_NUMBERS))
def test_an_invalid_number_is_refused_with_file_line_and_key(tmp_path: Path, chosen: tuple[str, str, Location], wrong: Any) -> None:
    """Not finite, out of range, a boolean, or a text: never replaced by a default or by the largest value."""
    kind, _, location = chosen
    whole, _, reads = FILES[kind]
    if location[-2:-1] == ("scope",) and isinstance(wrong, str):
        return  # a scope may be a name; whether there is such a shard, the environment says
    if location[-3:-1] == ("scopes", "shard") and isinstance(wrong, str):
        return
    if location[-2:-1] == ("idle_barbers",) and isinstance(wrong, str):
        return  # an ID may be a text
    path = written(tmp_path / "file.yaml", changed(whole, location, wrong))
    with pytest.raises(InvalidFile) as refused:
        reads(path)
    named = ".".join(map(str, location))
    about = [problem for problem in refused.value.problems if problem.key == named or named.startswith(f"{problem.key}.")]
    assert about, f"{named} = {wrong!r}: {refused.value}"
    assert about[0].file == str(path)
    assert about[0].line in {line_of(document(path), location[:depth]) for depth in range(1, len(location) + 1)}
    assert about[0].message
