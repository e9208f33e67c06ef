"""A platform is loaded only if it is named, recognised, permitted, moves no real money, and the plan is within its limits."""

from dataclasses import replace

import jwt
import pytest

from closeshave.environments.driver import Permission
from closeshave.environments.remote import permission
from closeshave.environments.remote.guard import over_caps, refusals, unprepared
from closeshave.environments.remote.look import RegionAnswer, look, members, shows_live_key
from closeshave.files.yamlfile import InvalidFile
from closeshave.plan import Canaries, Expected, Fault, Limits, Phase, Plan, Role
from tests.remote.definitions import remote

KEY, NOW_S = b"k" * 32, 1_000_000.0
RIGHT = RegionAnswer("us-east-1", {"service": "plain-barbers", "environment": "staging"})


def told(token):
    """What a token says, whoever signed it."""
    return jwt.decode(token, options={"verify_signature": False})


def lengthened(token, expires_s):
    """The same token with another expiry written over its own."""
    header, _, seal = token.split(".")
    body = jwt.encode({**told(token), "exp": expires_s}, KEY, algorithm="HS256").split(".")[1]
    return f"{header}.{body}.{seal}"


def plan(sessions_per_s=1.0, requests=1000, duration=60.0, faults=()):
    """A calm minute and a fault phase."""
    phases = (Phase("calm", Role.CALM, 30.0, sessions_per_s), Phase("broken", Role.FAULT, 30.0, sessions_per_s))
    canaries = Canaries(home_per_s=1, away_per_s=0.1)
    return Plan("p", "e", "t", 1, Limits(duration, requests), phases, tuple(faults), canaries=canaries)


def fault(id, **scope):
    """One that holds ten seconds."""
    return Fault(id, "region.lost" if "region" in scope else "shard.primary-killed", "broken", 1, 10, Expected.RECOVERS, scope)


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (replace(RIGHT, answer={**RIGHT.answer, "environment": "production"}), "fingerprint does not match"),
        (replace(RIGHT, answer={"environment": "staging"}), "service = None"),
        (replace(RIGHT, trouble="unknown host nowhere.invalid"), "unknown host"),
        (replace(RIGHT, live_keys_at=("/",)), "live payment keys at /"),
    ],
)
def test_a_platform_that_is_not_the_one_meant_is_refused(tmp_path, seen, sentence):
    """With another answer than the file expects, with none at all, or with a key that moves real money."""
    told = list(refusals(remote(tmp_path), [seen], Permission(), KEY, NOW_S))
    assert len(told) == 1
    assert sentence in told[0]


def test_a_recognised_staging_platform_needs_no_token(tmp_path):
    """It is admitted."""
    assert list(refusals(remote(tmp_path), [RIGHT], Permission(), KEY, NOW_S)) == []


def test_a_stage_that_is_not_stated_is_production(tmp_path):
    """Unknown counts as production."""
    told = list(refusals(remote(tmp_path, stage=...), [RIGHT], Permission(), KEY, NOW_S))
    assert any("is production" in said for said in told)


@pytest.mark.parametrize(
    ("token", "typed", "sentences"),
    [
        ("", "plain-staging", ["create a token that expires"]),
        ("good", "", ["type its name"]),
        ("good", "plain-stagin", ["type its name"]),
        ("expired", "plain-staging", ["expired 5 minutes ago"]),
        ("forged", "plain-staging", ["is not for plain-staging"]),
        ("another's", "plain-staging", ["is not for plain-staging"]),
        ("nonsense", "plain-staging", ["is not for plain-staging"]),
        ("unsigned", "plain-staging", ["is not for plain-staging"]),
        ("lengthened", "plain-staging", ["is not for plain-staging"]),
        ("without an end", "plain-staging", ["is not for plain-staging"]),
        ("good", "plain-staging", []),
        ("", "", ["create a token", "type its name"]),
    ],
)
def test_production_needs_an_unexpired_token_and_its_name_typed(tmp_path, token, typed, sentences):
    """Both, for this platform as its file is now."""
    definition = remote(tmp_path, stage="production")
    tokens = {
        "good": permission.grant(definition, KEY, int(NOW_S) + 60),
        "expired": permission.grant(definition, KEY, int(NOW_S) - 300),
        "forged": permission.grant(definition, b"a" * 32, int(NOW_S) + 60),
        "another's": permission.grant(replace(definition, name="other"), KEY, int(NOW_S) + 60),
        "nonsense": "let me in",
        "unsigned": jwt.encode(told(permission.grant(definition, KEY, int(NOW_S) + 60)), "", algorithm="none"),
        "lengthened": lengthened(permission.grant(definition, KEY, int(NOW_S) - 300), int(NOW_S) + 60),
        "without an end": jwt.encode({"aud": told(permission.grant(definition, KEY, 1))["aud"]}, KEY, algorithm="HS256"),
        "": "",
    }
    refused = list(refusals(definition, [RIGHT], Permission(tokens[token], typed), KEY, NOW_S))
    assert len(refused) == len(sentences)
    assert all(sentence in said for sentence, said in zip(sentences, refused, strict=True))


def test_a_token_is_invalid_after_a_change_of_address(tmp_path):
    """Permission for one address is none for another."""
    before = remote(tmp_path, stage="production")
    token = permission.grant(before, KEY, int(NOW_S) + 60)
    after = remote(tmp_path, url="http://127.0.0.1:2", stage="production")
    with pytest.raises(permission.TokenRefused):
        permission.check(token, after, KEY, NOW_S)


def test_a_token_is_valid_until_its_last_second(tmp_path):
    """At its expiry it is not."""
    definition = remote(tmp_path)
    token = permission.grant(definition, KEY, 100)
    permission.check(token, definition, KEY, 99.999)
    with pytest.raises(permission.TokenRefused, match="expired"):
        permission.check(token, definition, KEY, 100.0)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (plan(sessions_per_s=1.35), None),
        (plan(sessions_per_s=1.4), "requests/s"),
        (plan(requests=20_000), None),
        (plan(requests=20_001), "limits.requests"),
        (plan(duration=601.0), "limits.duration"),
        (plan(faults=[fault("a", region="us-east-1")]), None),
        (plan(faults=[fault("a", region="us-east-1"), fault("b", region="us-west-2")]), "2 regions at once"),
        (plan(faults=[fault("a", shard=1), fault("b", shard=2)]), "2 shards at once"),
    ],
)
def test_a_plan_cannot_exceed_the_caps(tmp_path, given, sentence):
    """Rate, requests, duration and blast radius, at the bound and past it."""
    told = list(over_caps(remote(tmp_path), given, requests_per_session=10.0))
    assert (not told) if sentence is None else sentence in told[0]


HOOK = {
    "kind": "shard.primary-killed",
    "scope": {"shard": 1},
    "inject": {"command": ["no-such-program"]},
    "observe": {"http": "https://control.example.com/state", "headers_from": {"Authorization": "NOT_SET_TOKEN"}},
    "undo": {"command": ["true"]},
    "heal_check": {"command": ["true"]},
}


def test_hooks_are_prepared_before_anything_starts(tmp_path):
    """Only those that the plan needs: their programs exist, their variables are set."""
    definition = remote(tmp_path, hooks=[HOOK])
    found = {"true": "/bin/true"}.get
    assert list(unprepared(definition, plan(), {}, found)) == []
    told = list(unprepared(definition, plan(faults=[fault("a", shard=1)]), {}, found))
    assert len(told) == 2
    assert "needs the program 'no-such-program'" in told[0]
    assert "NOT_SET_TOKEN, which is not set" in told[1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"undo": {}}, "either a command"),
        ({"undo": {"command": ["x"], "http": "https://x.example.com"}}, "either a command"),
        ({"undo": {"http": "file:///etc/passwd"}}, "is not the URL of an HTTP request"),
        ({}, "a second hook"),
    ],
)
def test_a_hook_that_cannot_be_called_is_refused(tmp_path, changes, sentence):
    """With the place in the file."""
    with pytest.raises(InvalidFile, match=sentence):
        remote(tmp_path, hooks=[HOOK, {**HOOK, **changes}])


@pytest.mark.parametrize(
    ("document", "expected"),
    [({"a": {"b": 3}, "c": "x"}, {"a.b": "3", "c": "x"}), ({"a": 1}, {}), ([1], {}), (None, {}), ({"a": {"b": None}}, {})],
)
def test_members_are_found_by_their_dotted_names(document, expected):
    """A missing one is left out."""
    assert members(document, ("a.b", "c")) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [("key=sk_live_abc123", True), ('{"k":"pk_live_X"}', True), ("sk_test_abc", False), ("task_live_demo", False), ("", False)],
)
def test_keys_that_move_real_money_are_known_by_their_prefix(text, shown):
    """Test keys are not."""
    assert shows_live_key(text) is shown


def test_a_check_of_a_real_platform_finds_its_fingerprint(tmp_path, platform):
    """If no platform answers, the result describes the network and nothing raises."""
    definition = remote(tmp_path, url=platform.url)
    assert look(definition) == (RIGHT,)
    unknown = remote(tmp_path, url="http://no-such-host.invalid")
    assert "no-such-host.invalid" in look(unknown)[0].trouble
