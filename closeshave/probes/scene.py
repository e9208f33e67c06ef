"""What a probe is given: the platform's endpoints, its API, a way to record what was seen, and what was promised. It judges nothing."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

from closeshave.api.spoken import ApiRequest, SpokenApi
from closeshave.caps.pace import Pace
from closeshave.clients import ports, web
from closeshave.deployment import Account, Deployment
from closeshave.files import foreign
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.values import Observation

TIMEOUT_S = 10.0
AT_ONCE = 6
"""Questions that are under way together, where a probe has hundreds."""
EXCERPT = 200
"""Characters of an answer that a record quotes."""
SHOWN = ("x-region", "x-shard", "x-cache", "retry-after", "content-type", "cache-control", "age", "cache-status")
"""Headers of an answer that a record keeps."""
CSRF = "closeshave-probe"
ANEW = {"Cache-Control": "no-cache"}
"""Sent where endpoints have a cache: what is asked is asked of the platform, and not of an answer that somebody else got."""


class CannotAsk(Exception):
    """A probe lacks what it needs to ask; the message is one sentence. The probe is unknown, never broken."""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """The answer to one request."""

    status: int = 0
    """0 without an answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in small letters."""
    body: bytes = b""
    took_s: float = 0.0
    trouble: str = ""
    """Why there is no answer; empty if there is one."""

    @property
    def good(self) -> bool:
        """A 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body."""
        return foreign.text(self.body)

    @property
    def json(self) -> Any:
        """The JSON of the body; ``None`` if it is none."""
        try:
            return foreign.loads(self.body)
        except ValueError:
            return None

    def facts(self, *, quote: bool = False) -> dict[str, Any]:
        """What a record keeps of it. ``quote`` adds the beginning of the body: never of an answer that may hold a token."""
        kept = {name: self.headers[name] for name in SHOWN if name in self.headers}
        return {"status": self.status, **kept, **({"body": self.text[:EXCERPT]} if quote else {})}


@dataclass(frozen=True, slots=True)
class ProbeCustomer:
    """Somebody who sends requests: an account that is logged in, or nobody."""

    region: str
    address: str
    """The client address that is told to the platform."""
    token: str = field(default="", repr=False)
    client: str | None = None
    """The platform's ID of the account."""
    email: str = ""


class ProbeScene:
    """One round of probes on one platform."""

    def __init__(
        self,
        basis: ProbeBasis,
        deployment: Deployment,
        api: SpokenApi,
        *,
        administrator: Account | None = None,
        rows: str = "",
        pace: Pace | None = None,
        first_address: int = 0,
        sent: Callable[[str], None] = lambda _region: None,
    ) -> None:
        """``rows`` is a query that counts the franchises of a range; ``administrator`` may change shops; ``first_address`` tells rounds apart; ``sent`` is
        told the region of each request that reached its endpoint."""
        self.basis, self.deployment, self.api = basis, deployment, api
        self.administrator, self.rows, self._sent = administrator, rows, sent
        wait = pace.wait if pace is not None else None
        self._client = web.client(TIMEOUT_S, deployment.proxy, wait, authority=deployment.authority)
        # Nobody's cookies are sent with somebody else's request.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._withheld = api.withheld(franchises=basis.capabilities.franchises, forwarded_for=basis.capabilities.forwarded_for)
        self._addresses = itertools.count(first_address)
        self._record: Callable[[Observation], None] = lambda _one: None
        self._probe = ""
        self.logged_in: dict[str, ProbeCustomer] = {}
        """By e-mail address: logging in is slow by design."""
        self._made: dict[Any, tuple[ProbeCustomer, str, int]] = {}
        self._left: list[str] = []
        self._lock = threading.Lock()

    def begin(self, probe: str, record: Callable[[Observation], None]) -> None:
        """What is seen from now on is of this probe."""
        self._probe, self._record = probe, record

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    # -- what was seen ---------------------------------------------------------------------------------------------------------------------

    def see(self, subject: str, asked: str, saw: Mapping[str, Any], trouble: str = "") -> None:
        """Record one observation."""
        one = Observation(self._probe, subject, asked, dict(saw), trouble, datetime.now(UTC).isoformat(timespec="milliseconds"))
        self._record(one)

    def saw(self, subject: str, asked: str, answer: ProbeAnswer, *, quote: bool = False, **more: Any) -> ProbeAnswer:
        """Record an answer, and return it."""
        self.see(subject, asked, {**answer.facts(quote=quote), **more} if not answer.trouble else more, answer.trouble)
        return answer

    # -- what was made ---------------------------------------------------------------------------------------------------------------------

    def made(self, booking: Any, who: ProbeCustomer, region: str, franchise: int) -> None:
        """Note a booking that stands."""
        with self._lock:
            self._made[booking] = (who, region, franchise)

    def gone(self, booking: Any) -> None:
        """Note that it does not stand any more."""
        with self._lock:
            self._made.pop(booking, None)

    def leave(self, what: str) -> None:
        """Note something that could not be put back, or of which that is not known, in a sentence."""
        with self._lock:
            self._left.append(what)

    def take_left(self) -> tuple[str, ...]:
        """What was noted since the last call."""
        with self._lock:
            found, self._left = tuple(self._left), []
        return found

    @property
    def standing(self) -> dict[Any, tuple[ProbeCustomer, str, int]]:
        """Bookings of this round that still stand: ID → customer, region, franchise."""
        with self._lock:
            return dict(self._made)

    # -- asking ----------------------------------------------------------------------------------------------------------------------------

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions with an endpoint."""
        return tuple(self.basis.edges)

    def nobody(self, region: str) -> ProbeCustomer:
        """Somebody without an account, from an address that nobody had before."""
        return ProbeCustomer(region, self.new_address())

    def new_address(self) -> str:
        """A client address of 10.0.0.0/8 that this round has not used."""
        number = next(self._addresses) % (250 * 250 * 250)
        return f"10.{1 + number // 62_500}.{1 + number // 250 % 250}.{1 + number % 250}"

    def request(self, operation: str, customer: ProbeCustomer, franchise: int | str = 1, **values: Any) -> ApiRequest:
        """The request of an operation, as this customer sends it."""
        told = {"token": customer.token, "csrf": CSRF, "franchise": franchise, "address": customer.address, "client": customer.client}
        return self._allowed(self.api.request(operation, {**told, **values}), customer)

    def reading(self, path: str, customer: ProbeCustomer, franchise: int | str = 1) -> ApiRequest:
        """A GET of a path that is no operation."""
        told = {"token": customer.token, "csrf": None, "franchise": franchise, "address": customer.address, "client": customer.client}
        return self._allowed(self.api.reading(path, told), customer)

    def send(self, region: str, request: ApiRequest) -> ProbeAnswer:
        """Send a request to a region's endpoint. Redirects are not followed."""
        answer = self.send_to(self.basis.edges[region], request)
        if not answer.trouble.startswith("ConnectError"):
            self._sent(region)
        return answer

    def send_to(self, url: str, request: ApiRequest) -> ProbeAnswer:
        """Send a request to a base URL."""
        began = time.monotonic()
        # As bytes: a header may hold what is no ASCII, on purpose.
        headers = {name.encode(): value.encode("utf-8", "surrogatepass") for name, value in request.headers.items()}
        try:
            answer = self._client.request(request.method, url + request.path, content=request.body, headers=headers)
        except (*web.FAILED, ValueError) as error:
            return ProbeAnswer(took_s=time.monotonic() - began, trouble=f"{type(error).__name__} {error}".strip()[:EXCERPT])
        told = {name.lower(): value for name, value in answer.headers.items()}
        return ProbeAnswer(answer.status_code, told, answer.content, time.monotonic() - began)

    def call(self, operation: str, customer: ProbeCustomer, franchise: int | str = 1, region: str = "", **values: Any) -> ProbeAnswer:
        """Ask for an operation, in the customer's own region unless another is named."""
        return self.send(region or customer.region, self.request(operation, customer, franchise, **values))

    def several(self, act: Callable[[Any], None], of: list[Any]) -> None:
        """Do the same for each of these, a few at a time. Raises what the first one raises."""
        with ThreadPoolExecutor(AT_ONCE) as askers:
            list(askers.map(act, of))

    def instances(self) -> Iterator[tuple[str, str, str]]:
        """Name, region and base URL of every instance of the application that runs here."""
        for process in self.deployment.processes:
            if process.role == "app":
                yield process.name, process.region or "", ports.url(process.ports[0])

    def _allowed(self, request: ApiRequest, customer: ProbeCustomer) -> ApiRequest:
        # Whoever has no token sends no header for one: an empty one is none that HTTP knows.
        left_out = self._withheld | (frozenset() if customer.token else frozenset(self.api.profile.headers.personal))
        kept = {name: value for name, value in request.headers.items() if name not in left_out}
        return replace(request, headers={**kept, **(ANEW if self.basis.edge_ttls else {})})
