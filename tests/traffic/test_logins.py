"""Customers are logged in before the window: paced if all share one address and its limit, repeated after a 429, with new tokens."""

import itertools
import json
import time
from contextlib import closing
from dataclasses import replace

import pytest

from closeshave import private
from closeshave.deployment import Account, Capabilities
from closeshave.environments.remote.api import Api, CallRefused
from closeshave.traffic import accounts, logins
from closeshave.traffic.keptlogins import KeptLogins
from closeshave.traffic.load import ACCOUNTS_FILE
from tests.remote.defective import bent
from tests.remote.definitions import remote
from tests.remote.test_read_back import deployed
from truth.plain.habits import STATED, Habits
from truth.plain.routes import Answered

# No trial removes the directory in which customers' passwords and tokens are.
pytestmark = pytest.mark.usefixtures("runtime")

LIMIT = {"login": "10 per 3s"}


def deployment(directory, url="http://127.0.0.1:1", *, count=0, missing=(), **capabilities):
    """A platform with so many customers."""
    definition = remote(directory, url=url, capabilities={"franchises": False, **capabilities})
    people = tuple(Account(f"customer{number}@plain.test", "Plain-1234", "us-east-1") for number in range(count))
    return replace(deployed(definition, directory), accounts=people, missing=dict.fromkeys(missing, "seen before the run"))


@pytest.mark.parametrize(
    ("count", "settings", "spacing_s"),
    [
        (1000, {}, 0),
        (40, {"forwarded_for": False}, 0),
        (41, {"forwarded_for": False}, 60 / 40),
        (41, {"missing": ["forwarded_for"]}, 60 / 40),
        (8, {"forwarded_for": False, "limits": LIMIT}, 0),
        (9, {"forwarded_for": False, "limits": LIMIT}, 3 / 8),
        (9, {"limits": LIMIT}, 0),
    ],
)
def test_the_gap_between_log_ins(tmp_path, count, settings, spacing_s):
    """As the shared limit allows, with a margin; with an address for each, as fast as possible."""
    assert logins.spacing_s(deployment(tmp_path, **settings), count) == pytest.approx(spacing_s)


@pytest.mark.thorough
def test_under_a_shared_limit_all_are_logged_in(tmp_path):
    """20 of them where 10 are allowed in 3 s: none is refused, and the expected time is stated."""
    refused: list[str] = []
    said: list[str] = []

    def bend(asked, answer):
        if answer.status == 429:
            refused.append(asked.path)
        return answer

    habits = Habits(forwarded_for=False, limits={**STATED, "login": (10, 3.0, "moment")})
    with bent(bend, habits) as platform:
        for number in range(20):
            platform.shop.register(f"customer{number}@plain.test", "Plain-1234")
        there = deployment(tmp_path, platform.url, count=20, forwarded_for=False, limits=LIMIT)
        began = time.monotonic()
        assert logins.log_in(there, tmp_path, said.append) == 20
    assert refused == []
    assert time.monotonic() - began > 19 * 3 / 8
    assert "about 8 s" in said[0]


def test_log_ins_keep_within_the_cap_of_the_platform(tmp_path):
    """Twelve customers are 24 requests; at 20 per second, no second has more."""
    at = []

    def bend(_asked, answer):
        at.append(time.monotonic())
        return answer

    with bent(bend) as platform:
        for number in range(12):
            platform.shop.register(f"customer{number}@plain.test", "Plain-1234")
        at.clear()
        assert logins.log_in(deployment(tmp_path, platform.url, count=12), tmp_path, print, 20.0) == 12
    assert len(at) == 24
    assert max(sum(start <= one < start + 1 for one in at) for start in at) <= 20


@pytest.mark.thorough
def test_a_limit_that_is_met_is_waited_for_as_the_answer_says(tmp_path):
    """Not longer: the log-in fails only after minutes."""
    count, at = itertools.count(), []

    def bend(asked, answer):
        if asked.path.endswith("/login"):
            at.append(time.monotonic())
            if next(count) == 0:
                return Answered(429, {"detail": "Rate limit exceeded: 10 per 1 minute"}, {"Retry-After": "2"})
        return answer

    with bent(bend) as platform:
        platform.shop.register("customer0@plain.test", "Plain-1234")
        assert logins.log_in(deployment(tmp_path, platform.url, count=1), tmp_path, print) == 1
    assert at[1] - at[0] >= 2


def test_tokens_that_became_old_meanwhile_are_renewed(tmp_path, monkeypatch):
    """The load begins with new ones; if the platform renews none, with the old ones."""
    monkeypatch.setattr(logins, "OLD_S", -1.0)
    for refreshes in (True, False):
        first: dict[str, str] = {}

        def bend(asked, answer, refreshes=refreshes, first=first):
            if asked.path.endswith("/login"):
                first["token"] = answer.body["access_token"]
            return answer if refreshes or not asked.path.endswith("/refresh") else Answered(500, {"error": "x"})

        with bent(bend) as platform:
            platform.shop.register("customer0@plain.test", "Plain-1234")
            logins.log_in(deployment(tmp_path, platform.url, count=1), tmp_path, print)
        (kept,) = accounts.load(private.place(tmp_path) / ACCOUNTS_FILE)
        assert (kept.token != first["token"]) is refreshes
        assert "Plain-1234" in json.dumps(kept.password)


def test_a_wrong_password_is_reported_without_it(tmp_path, monkeypatch):
    """After the time that is allowed for one customer."""
    monkeypatch.setattr(logins, "PATIENCE_S", 0.2)
    with bent(lambda _asked, answer: answer) as platform, pytest.raises(logins.LoginFailed, match="customer0") as raised:
        logins.log_in(deployment(tmp_path, platform.url, count=1), tmp_path, print)
    assert "Plain-1234" not in str(raised.value)


@pytest.mark.parametrize("address", ["http:\x89//elsewhere/", "http://[", "http://a:99999999/"])
def test_a_log_in_that_redirects_to_an_invalid_address_is_refused(tmp_path, monkeypatch, address):
    """It is not followed, but the library reads it and raises an error of another family than all others."""
    monkeypatch.setattr(logins, "PATIENCE_S", 0.0)
    with (
        bent(lambda _asked, _answer: Answered(302, {}, {"Location": address})) as platform,
        pytest.raises(logins.LoginFailed, match="customer0"),
    ):
        logins.log_in(deployment(tmp_path, platform.url, count=1), tmp_path, print)


def test_after_one_failure_the_others_do_not_wait_as_long(tmp_path, monkeypatch):
    """Four at once give up at the same moment; the next one is not requested at all, or once."""
    monkeypatch.setattr(logins, "PATIENCE_S", 1.0)
    asked = []

    def bend(request, answer):
        asked.append(json.loads(request.body)["email"])
        return Answered(404, {"error": "no handler found for uri [/api/v2/auth/login]"})

    with bent(bend) as platform, pytest.raises(logins.LoginFailed, match="no handler found for uri"):
        logins.log_in(deployment(tmp_path, platform.url, count=40), tmp_path, print)
    assert len(set(asked)) <= 2 * logins.AT_ONCE
    assert max(asked.count(f"customer{number}@plain.test") for number in range(4, 40)) <= 1


ODD_TOKENS = ("planted\nX-Smuggled: 1", "planted\r", "planted\x00", "plantedü", "", None, 7, ["planted"])


@pytest.mark.parametrize("token", ODD_TOKENS, ids=repr)
def test_a_token_that_no_header_can_carry_is_refused(tmp_path, monkeypatch, token):
    """The libraries' own errors quote the header; this message goes to the run's timeline."""
    monkeypatch.setattr(logins, "PATIENCE_S", 0.0)

    def bend(asked, answer):
        return (
            replace(answer, body={**answer.body, "access_token": token})
            if asked.path.endswith("/login") and answer.status == 200
            else answer
        )

    with bent(bend) as platform:
        platform.shop.register("customer0@plain.test", "Plain-1234")
        with pytest.raises(logins.LoginFailed, match="answered 200") as told:
            logins.log_in(deployment(tmp_path, platform.url, count=1), tmp_path, print)
        with closing(Api(platform.url, Capabilities())) as api, pytest.raises(CallRefused) as refused:
            api.log_in("customer0@plain.test", "Plain-1234")
    assert "planted" not in f"{told.value} {refused.value}"


class Counting:
    """A platform with two customers that counts log-ins and renewals; it may refuse some."""

    def __init__(self):
        self.asked, self.refuses, self.told = [], [], []
        """What was asked for, the statuses with which the next renewals are answered, and what was said."""
        self.kept = KeptLogins()

    def bend(self, asked, answer):
        name = asked.path.rpartition("/")[2]
        self.asked.append(name)
        if name == "refresh" and self.refuses:
            return Answered(self.refuses.pop(0), {"detail": f"unknown: {asked.json()['refresh_token']}"})
        return answer

    def log_in(self, directory, url):
        """As a trial of a series does; the answer counts what it sent."""
        self.asked.clear()
        assert logins.log_in(deployment(directory, url, count=2), directory, self.told.append, kept=self.kept) == 2
        return self.asked.count("login"), self.asked.count("refresh")

    def running(self):
        """The platform."""
        return bent(self.bend)


def registered(platform):
    """Its address; two customers exist."""
    for number in range(2):
        platform.shop.register(f"customer{number}@plain.test", "Plain-1234")
    return platform.url


def tokens(directory):
    """Those that the load reads."""
    return [one.token for one in accounts.load(private.place(directory) / ACCOUNTS_FILE)]


def test_customers_of_a_series_log_in_once(tmp_path):
    """Before each further load they get new tokens, which the platform itself gave just then."""
    made = Counting()
    with made.running() as platform:
        url = registered(platform)
        assert made.log_in(tmp_path, url) == (2, 0)
        first = tokens(tmp_path)
        assert made.log_in(tmp_path, url) == (0, 2)
        second = tokens(tmp_path)
        assert made.log_in(tmp_path, url) == (0, 2)
        assert set(second) <= set(platform.shop.tokens)
    assert not {*first} & {*second}
    assert not {*second} & {*tokens(tmp_path)}


def test_another_environment_knows_none_of_them(tmp_path, monkeypatch):
    """One that was started again has other accounts."""
    made = Counting()
    with made.running() as platform:
        url = registered(platform)
        made.log_in(tmp_path, url)
        other = replace(deployment(tmp_path, url, count=2), id="another")
        made.asked.clear()
        assert logins.log_in(other, tmp_path, made.told.append, kept=made.kept) == 2
    assert (made.asked.count("login"), made.asked.count("refresh")) == (2, 0)


def test_a_refused_token_makes_everybody_log_in_from_then_on(tmp_path, monkeypatch):
    """Also before later loads: of two releases that differ in this, neither is favoured. The reason names no token."""
    monkeypatch.setattr(logins, "RENEWED_AFTER_S", 0.0)
    made = Counting()
    with made.running() as platform:
        url = registered(platform)
        made.log_in(tmp_path, url)
        there = set(platform.shop.refreshers)
        made.refuses = [401] * 2 * logins.RENEWALS
        assert made.log_in(tmp_path, url)[0] == 2
        made.refuses.clear()
        assert made.log_in(tmp_path, url) == (2, 0)
    (said,) = [line for line in made.told if "no longer logged in" in line]
    assert "answered 401" in said
    assert "from now on everybody logs in before each load" in said
    assert "unknown: …" in said
    assert not [token for token in there if token in said]


def test_what_is_given_up_in_one_environment_is_given_up_in_the_other_too():
    """Both sides of a gate begin their legs in the same way."""
    kept = KeptLogins()
    customer = accounts.LoggedIn("a@example.com", "pw", "here", "token", "refresh", "csrf", "1")
    for environment in ("here", "there"):
        kept.keep(environment, [customer])
    assert kept.of("here") == kept.of("there") == (customer,)
    kept.give_up("refused")
    kept.keep("here", [customer])
    assert kept.of("here") == kept.of("there") == ()


def test_a_renewal_that_fails_once_is_no_refusal(tmp_path, monkeypatch):
    """Instances that were replaced just now may drop a connection."""
    monkeypatch.setattr(logins, "RENEWED_AFTER_S", 0.0)
    made = Counting()
    with made.running() as platform:
        url = registered(platform)
        made.log_in(tmp_path, url)
        made.refuses = [503]
        assert made.log_in(tmp_path, url) == (0, 3)
    assert made.kept.given_up == ""


def test_a_platform_that_renews_nothing_keeps_nobody_logged_in(tmp_path, monkeypatch):
    """How long its tokens are valid is unknown, so each load begins with new ones."""
    monkeypatch.setattr(logins, "_renews", lambda _deployment: False)
    made = Counting()
    with made.running() as platform:
        url = registered(platform)
        assert made.log_in(tmp_path, url) == made.log_in(tmp_path, url) == (2, 0)
    assert "no operations.refresh" in made.kept.given_up
