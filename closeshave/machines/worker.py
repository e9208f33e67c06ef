"""A load machine: joins a run, sends its share by Locust, keeps its records, and hands them over.

The only process that speaks to the run; Locust's own master and workers, if there are several processes, speak on loopback alone. It stops sending by
itself when the run has not been heard for :data:`SILENCE_S` seconds, and its Locust processes stop when it has ended itself, also by ``kill -9``.
"""

from __future__ import annotations

import re
import secrets
import signal
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from closeshave.clock import now_ns
from closeshave.machines.channel import HANDSHAKE_S, SILENCE_S, Channel, ChannelLost, connected, numeric
from closeshave.machines.credentials import RUN_NAME
from closeshave.machines.joinfile import JoinFile, JoinRefused
from closeshave.machines.messages import (
    RUN_STOPPED,
    ClockAnswer,
    ClockQuestion,
    DealAgain,
    EndLoad,
    Farewell,
    FileTold,
    FromRun,
    GoAt,
    Hello,
    JoinRefusal,
    Leaving,
    MachineStanding,
    PrepareShare,
    StopLoad,
    SumsTold,
    TellFile,
    TellSums,
    Welcome,
)
from closeshave.machines.share import MachineShare
from closeshave.machines.sums import PART_BYTES, FileSums

BEAT_S = 0.5
CONNECT_S = 1.5
RECONNECT_EVERY_S = 0.5
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


class WorkerRefused(Exception):
    """This machine cannot take part. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class LoadWorkerSettings:
    """What a load machine is told when it is started."""

    host: str
    port: int
    join: JoinFile
    version: str
    """Of this harness."""
    name: str
    processes: int
    """0: as many as the plan says."""
    plan: str
    """SHA-256 of this machine's plan file; that of the join file where it has none."""
    seed: int
    plan_directory: Path
    directory: Path
    """Below it the records are kept, in a directory of the run's and the machine's name."""
    patience_s: float
    """How long a run that cannot be reached is waited for: before it is joined, and with records that it has not got."""


class LoadWorker:
    """One load machine's part in one run."""

    def __init__(self, settings: LoadWorkerSettings, say: Callable[[str], None]) -> None:
        """Raises :class:`WorkerRefused` where records of an earlier worker are in its place, and :class:`JoinRefused`."""
        if not _RUN_ID.fullmatch(settings.join.run):
            raise JoinRefused("its run has no name that a directory can have; copy the join file again")
        self._settings, self._say = settings, say
        self._context = settings.join.context()
        place = (settings.directory / f"{settings.join.run}-{settings.name}").absolute()
        if place.exists():
            raise WorkerRefused(f"{place} has the records of an earlier worker: give another --name, or move it away")
        self.share = MachineShare(place, settings.plan_directory)
        join = settings.join
        self._hello = Hello(
            join.token, settings.version, join.run, settings.plan, settings.seed, settings.name, secrets.token_hex(16), settings.processes,
        )  # fmt: skip
        self._channel: Channel | None = None
        self._joined = False
        self._heard_ns = self._last_try_ns = now_ns()
        self._refused_since_ns: int | None = None
        self._beat_at_ns = 0
        self._stop_wanted = ""
        self._signals = 0
        self._hashing = ThreadPoolExecutor(1)
        self._sums: Future[dict[str, FileSums]] | None = None
        self._code: int | None = None

    def work(self) -> int:
        """Take part until the run says farewell or is lost. Returns the exit code: 0 when the run has all records of this machine, else 4.

        Raises :class:`WorkerRefused` when the run does not let it take part, or cannot be reached within its patience.
        """
        try:
            while self._code is None:
                if self._channel is None:
                    self._reconnect()
                else:
                    self._listen(self._channel)
                self._tick()
            return self._code
        finally:
            self.share.leave()
            if self._channel is not None:
                self._channel.close()
            self._hashing.shutdown(cancel_futures=True)

    def asked_to_stop(self, number: int, _frame: object) -> None:
        """A signal handler: the first signal ends the load, and the records are still handed over; the second ends this process."""
        self._signals += 1
        self._stop_wanted = f"stopped on this machine by {signal.Signals(number).name}"
        if self._signals > 1 or not self.share.begun:
            self._code = 130

    # -- the connection --------------------------------------------------------------------------------------------------------------------

    def _reconnect(self) -> None:
        left_s = RECONNECT_EVERY_S - (now_ns() - self._last_try_ns) / 1e9
        if self._joined and left_s > 0:
            time.sleep(min(0.1, left_s))
            return
        self._last_try_ns = now_ns()
        try:
            plain = connected(self._settings.host, self._settings.port, CONNECT_S)
        except OSError as error:
            refused = isinstance(error, ConnectionRefusedError)
            self._refused_since_ns = (self._refused_since_ns or now_ns()) if refused else None
            self._give_up(f"{error.strerror or error}")
            return
        self._refused_since_ns = None
        try:
            plain.settimeout(HANDSHAKE_S if not self._joined else CONNECT_S)
            channel = Channel(self._context.wrap_socket(plain, server_hostname=RUN_NAME))
            channel.send(self._hello)
            channel.trust()
            heard = channel.heard_by_machine(HANDSHAKE_S)
        except ssl.SSLCertVerificationError:
            plain.close()
            raise WorkerRefused(
                f"the run at {self._address} is another one than that of the join file, or was started again; copy its join file here"
            ) from None
        except (OSError, ChannelLost) as error:
            plain.close()
            self._give_up(str(error))
            return
        message = None if heard is None else heard.message
        if isinstance(message, JoinRefusal):
            channel.close()
            raise WorkerRefused(message.reason)
        if not isinstance(message, Welcome):
            channel.close()
            self._give_up("it gave no answer")
            return
        if not self._joined:
            self._say(f"joined the run {self._settings.join.run} at {self._address} as {self._settings.name}")
        self._channel, self._joined, self._heard_ns = channel, True, now_ns()
        self._beat_at_ns = 0

    @property
    def _address(self) -> str:
        return numeric((self._settings.host, self._settings.port))

    def _give_up(self, why: str) -> None:
        """Leave, if the run has ended, or could not be reached for too long."""
        silent_s = (now_ns() - self._heard_ns) / 1e9
        if not self._joined:
            if silent_s > self._settings.patience_s:
                raise WorkerRefused(f"the run at {self._address} cannot be reached: {why}")
            time.sleep(RECONNECT_EVERY_S)
            return
        gone_s = 0.0 if self._refused_since_ns is None else (now_ns() - self._refused_since_ns) / 1e9
        # Nobody listens where the run listened: its process has ended. While the network is cut nobody refuses anything.
        if self.share.idle and (silent_s > self._settings.patience_s or (silent_s > SILENCE_S and gone_s > 1.0)):
            kept = f"; this machine's records are in {self.share.place}" if self.share.begun else ""
            self._say(f"the run at {self._address} is lost: {why}{kept}")
            self._code = 4

    def _listen(self, channel: Channel) -> None:
        try:
            heard = channel.heard_by_machine(0.05, silent_since_ns=self._heard_ns)
            if heard is not None:
                self._heard_ns = heard.at_ns
                self._take(channel, heard.message, heard.blob, heard.at_ns)
            if self._sums is not None and self._sums.done():
                done, self._sums = self._sums, None
                channel.send(SumsTold(done.result()))
            if now_ns() >= self._beat_at_ns:
                self._beat_at_ns = now_ns() + int(BEAT_S * 1e9)
                channel.send(self.share.standing)
        except ChannelLost as error:
            channel.close()
            self._channel = None
            if self._code is None:
                self._say(f"the run at {self._address} cannot be heard: {error}")

    def _take(self, channel: Channel, message: FromRun, blob: bytes, at_ns: int) -> None:
        before = self.share.standing
        match message:
            case ClockQuestion():
                channel.send(ClockAnswer(message.number, at_ns, now_ns()))
                self.share.grant(message.until_ns)
            case TellFile():
                channel.send(FileTold(message.name, message.offset), self._part(message))
            case TellSums():
                self._sums = self._hashing.submit(self.share.sums)
            case Farewell():
                self._leave(message)
                channel.send(Leaving())
            case PrepareShare() | GoAt() | DealAgain() | EndLoad() | StopLoad():
                self._command(message, blob)
            case Welcome() | JoinRefusal():
                raise ChannelLost("an answer to nothing")
        if self.share.standing != before:
            self._tell(self.share.standing)

    def _command(self, message: PrepareShare | GoAt | DealAgain | EndLoad | StopLoad, blob: bytes) -> None:
        match message:
            case PrepareShare():
                self.share.prepare(message, blob)
            case GoAt():
                self.share.grant(message.until_ns)
                self.share.go(message.start_ns)
            case DealAgain():
                self.share.deal_again(message.steps)
            case EndLoad():
                self.share.end()
            case StopLoad():
                self.share.stop(RUN_STOPPED)

    def _leave(self, message: Farewell) -> None:
        if message.gathered:
            self._say(f"the run has all records of this machine; they are also in {self.share.place}")
        elif not self.share.begun:
            self._say(f"the run has ended without this machine: {message.reason or 'no reason was given'}")
        else:
            self._say(f"the run has ended without all records of this machine, which are in {self.share.place}")
        self._code = 0 if message.gathered else 4

    def _part(self, wanted: TellFile) -> bytes:
        path = self.share.files().get(wanted.name)
        if path is None or wanted.offset < 0 or not 0 <= wanted.size <= PART_BYTES:
            raise ChannelLost("a question that nobody of this version asks")
        try:
            with path.open("rb") as file:
                file.seek(wanted.offset)
                return file.read(wanted.size)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ChannelLost(f"{wanted.name} cannot be read: {error}") from None

    def _tick(self) -> None:
        """What must be done without being told."""
        if self._stop_wanted:
            self.share.stop(self._stop_wanted)
        if not self.share.idle and (now_ns() - self._heard_ns) / 1e9 > SILENCE_S:
            self.share.stop(f"the run was not heard for {SILENCE_S:g} s")
        before = self.share.standing
        self.share.look()
        if self.share.standing != before:
            self._tell(self.share.standing)

    def _tell(self, standing: MachineStanding) -> None:
        self._beat_at_ns = 0
        why = f": {standing.reason}" if standing.reason else ""
        told = {
            "failed": f"cannot send its share{why}",
            "ready": "ready to send",
            "sending": "the load starts",
            "ended": f"the load has ended{why}; the records are in {self.share.place}",
        }
        if standing.stage in told:
            self._say(told[standing.stage])
