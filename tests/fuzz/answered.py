"""Fuzz targets: for every answer of a platform, a customer's step has an outcome and a row, and a request by the harness itself states what was
wrong.
"""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from unittest import mock

import httpx

from closeshave.clients import web
from closeshave.clock import Anchor, now_ns
from closeshave.deployment import Account, Call, Capabilities, Deployment, Edge, Expect, Payments
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import (
    asking,
    charges,
    examination,
    guard,
    metrics,
    preflight,
    proposal,
    read_back,
    reader,
    status,
)
from closeshave.environments.remote.api import Api
from closeshave.environments.remote.definition import Accounts, Caps, Fingerprint, Remote
from closeshave.environments.remote.look import look
from closeshave.faults import calls
from closeshave.files.yamlfile import InvalidFile
from closeshave.history import EFFECTS, Source
from closeshave.loadgen.convert import _read_effects
from closeshave.loadgen.records import Records
from closeshave.loadgen.transport import Answer, Failure, Request
from closeshave.loadgen.wire import Origin, build, constant_lines
from closeshave.traffic import answers, conventions, dialect, logins, probes
from closeshave.traffic.accounts import LoggedIn, Wallet
from closeshave.traffic.recorder import EngineRecorder
from closeshave.traffic.session import LEFT_OUT, Session, Surroundings, Window
from closeshave.traffic.steps import Appointment, SessionSteps
from tests.fuzz import script
from tests.fuzz.script import Response
from tests.traffic.test_conventions import ONE, SLOT

URL = "http://127.0.0.1:8080"
ORIGIN = Origin(False, "127.0.0.1", 8080)
CONSTANT = constant_lines(ORIGIN, {})


class Answering:
    """A transport that gives the answers of the input, repeatedly; the request must be valid."""

    def __init__(self, told: list[Response]) -> None:
        self._told, self.asked = itertools.cycle(told), 0

    def send(self, request: Request) -> Answer:
        """The next answer."""
        build(request.method, request.path, CONSTANT, request.headers, request.body)
        self.asked += 1
        told, at = next(self._told), now_ns()
        if not told.status:
            return Answer(at, at + 1, failure=Failure.RESET)
        return Answer(at, at + 1, told.status, dict(told.headers), told.body)

    def close(self) -> None:
        """Nothing to give up."""


# -- customers ---------------------------------------------------------------------------------------------------------------------------------


def steps(data: bytes) -> None:
    """A visit that takes every step: each request has a row, and each effect a place in its table."""
    records, transport = Records(None, Source.CUSTOMERS, "w", 1), Answering(script.read(data))
    book, rng = EngineRecorder(records), random.Random(len(data))
    for able in (Capabilities(), Capabilities(slots_by_barber=False, keyed_bookings=False, forwarded_for=False)):
        spoken = conventions.of(able, ONE)
        around = Surroundings(
            Source.CUSTOMERS, ONE, "closeshave:r", Window(), book, lambda _at: None, lambda: 1_795_000_000.0, spoken, spoken.learnt()
        )
        caller = dialect.Caller("a@example.com", "pw", "T", "C", 1, "10.1.2.3")
        _visit(SessionSteps(Session("s", "customer", "us-east-1", caller, "9", transport, around, rng, now_ns())), rng)
    effects = bytes(records._effects)
    rows = records.flush()
    assert len(rows) == transport.asked == book.counters.sent
    if effects:
        table = _read_effects(effects, [], {})
        assert table.num_rows == effects.count(b"\n")
        table.select(EFFECTS.names).cast(EFFECTS)


def _visit(customer: SessionSteps, rng: random.Random) -> None:
    day = SLOT.day
    barbers = customer.barbers() or [5]
    barber = rng.choice(barbers)
    free = customer.slots(day, barber, to_book=True) or customer.slots(day) or [SLOT]
    booking = customer.book(rng.choice(free), "Haircut & Shave", submissions=2) or Appointment(3, SLOT, "Haircut")
    customer.read_booking(booking)
    if (intent := customer.create_intent(booking)) is not None:
        customer.confirm(booking, intent)
    booking = customer.reschedule(booking, rng.choice(free))
    customer.franchise_page()
    customer.services()
    if (version := customer.read_shop()) is not None:
        customer.change_shop("n", version + 1)
    customer.log_in()
    customer.profile()
    wallet = Wallet([_LOGGED_IN], ("us-east-1",), now_ns() - 10**15)
    customer.renew(wallet)
    customer.cancel(booking)
    assert customer.session.call(dialect.services(customer.session.caller)).meaning is not LEFT_OUT


_LOGGED_IN = LoggedIn("a@example.com", "pw", "us-east-1", "T", "R", "C", "9")


# -- what is asked before the load -------------------------------------------------------------------------------------------------------------


def setup(data: bytes) -> None:
    """Canaries find their barbers, and customers are logged in; or a sentence says why not."""
    told = script.read(data)
    bodies = itertools.cycle(told)
    with suppress(ValueError):
        found = probes.canary_barbers(25_000, answers.parse(next(bodies).body), answers.parse(next(bodies).body), {1})
        for chair in found:
            for at in chair.times:
                assert dialect.Slot(chair.barber, SLOT.day, at, chair.zone).starts_at
    with _platform(told), _client() as client, suppress(logins.LoginFailed, httpx.HTTPError):
        made = logins._once(client, _deployment(), _ACCOUNT)
        logins._renewed(client, _deployment(), made)


# -- the harness's own questions ---------------------------------------------------------------------------------------------------------------


def doctor(data: bytes) -> None:
    """The examination of a platform ends with findings and a file that can be read, or with a refusal."""
    definition = _definition()
    with _platform(script.read(data)):
        for edge in _deployment().edges:
            status._status(edge, "/health/", Capabilities(ready_by="body"))
        list(guard.unsound(definition, look(definition)))
        with suppress(EnvironmentFailed):
            preflight.learn(definition, [_ACCOUNT], lambda _said: None)
        examined = examination.examine(definition)
        _written(definition, examined)
        with suppress(InvalidFile):
            first = examination.examine_url(URL, "development")
            _written(first.definition, first)


def _written(definition: Remote, examined: examination.Examined) -> None:
    with tempfile.TemporaryDirectory() as place:
        proposal.write(Path(place, "proposed.yaml"), proposal.document(definition, examined.proposed))


def lists(data: bytes) -> None:
    """Lists of bookings and payments are read as far as possible, and what cannot be read is named; the harness's bookings are cancelled, or named."""
    told = script.read(data)
    with _platform(told), tempfile.TemporaryDirectory() as place, mock.patch.dict(reader._CALLERS, clear=True):
        run = Path(place, "r")
        run.mkdir()
        with suppress(OSError):
            read_back.export(_definition(), _deployment(), run)
        charges.export(_definition(), _deployment(), run)
        with suppress(OSError), read_back.from_api(_definition(), _deployment(), run, "closeshave:r") as read:
            for found in read.found:
                with suppress(RuntimeError):
                    found.cancel()
        with suppress(OSError):
            metrics.signals(URL, Anchor(0, 1_795_000_000 * 10**9, 1), 0, 1)


def hook(data: bytes) -> None:
    """A call of an operator's hook went well or did not."""
    expected = Expect(status=200, members={"id": 3, "checks.database": "healthy", "slots.0.time": None})
    with _platform(script.read(data)):
        for expect in (expected, "healthy", None):
            calls._send(_client(), Call(http=URL, expect=expect), URL, [now_ns()], [])
    calls._judged(Call(command=("true",), expect=Expect(members=expected.members)), True, "exit code 0", data, now_ns())


# -- a platform in this process ----------------------------------------------------------------------------------------------------------------

_ACCOUNT = Account("a@example.com", "pw", "us-east-1")


def _client() -> httpx.Client:
    return httpx.Client(trust_env=False, verify=web.trusted())


@contextmanager
def _platform(told: list[Response]) -> Iterator[None]:
    """Every request of httpx gets the input as its answer: httpx handles it as usual, without a socket."""
    script_ = itertools.cycle(told)

    def handle(_self: httpx.HTTPTransport, _request: httpx.Request) -> httpx.Response:
        one = next(script_)
        if not one.status:
            raise httpx.ReadError("reset")
        return httpx.Response(
            one.status, headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in one.headers], content=one.body
        )

    with (
        mock.patch.object(httpx.HTTPTransport, "handle_request", handle),
        mock.patch.object(asking, "PATIENCE_S", 0.0),
        mock.patch.object(Api.__init__, "__defaults__", (0.0, *(Api.__init__.__defaults__ or ())[1:])),
        mock.patch("time.sleep"),
        mock.patch.object(asking.Asker, "ask_without_csrf"),
        mock.patch.object(examination, "new_account", return_value=_ACCOUNT),
    ):
        yield


@cache
def _definition() -> Remote:
    return Remote(
        kind="remote",
        name="plain",
        regions={"us-east-1": URL},
        fingerprint=Fingerprint("/health", {"service": "plain", "nested.environment": "staging"}),
        caps=Caps(1e6, 10**6, 600.0),
        stage="staging",
        accounts=Accounts(register=1),
    )


@cache
def _deployment() -> Deployment:
    return Deployment(
        id="d", name="plain", kind="remote", root="/nowhere", topology=ONE, processes=(), members=(), stores=(), sentinels=(), links=(),
        edges=(Edge("us-east-1", URL, "", ""),), payments=Payments("", "", ""), etcd_ports=(), database="", user="", accounts=(_ACCOUNT,),
    )  # fmt: skip
