"""A run of load machines alone, without an environment: ``python -m tests.machines.driver DIRECTORY ADDRESS PORT URL COUNT SECONDS PER_SECOND``.

Writes ``join.json`` at once, ``going`` when the load starts, and ``result.json`` at the end.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from closeshave import __version__
from closeshave.clock import now_ns
from closeshave.files import write_atomically
from closeshave.machines.accounting import account
from closeshave.machines.credentials import RunCredentials
from closeshave.machines.joinfile import JoinFile
from closeshave.machines.master import LoadMachines
from closeshave.machines.refusals import ExpectedMachines
from closeshave.machines.sending import MachinesGenerator, await_joined
from closeshave.plan import Traffic
from closeshave.traffic.collect import collect
from tests.traffic import loads

RUN, PLAN, SEED = "20261121-test", "a" * 64, 7
SCENARIO = str(Path(__file__).with_name("looking.py"))


def main(directory: Path, address: str, port: int, url: str, count: int, seconds: float, per_s: float) -> None:
    """The whole of it."""
    loads.log_everybody_in(directory)
    traffic = Traffic(scenario=SCENARIO, contests_per_s=0.0)
    load = loads.load(directory, (seconds, per_s), edges=dict.fromkeys(loads.FOUR.regions, url), traffic=traffic, seed=SEED)
    own = directory / "own"
    own.mkdir()
    credentials = RunCredentials.make(own, RUN)
    machines = LoadMachines(ExpectedMachines(credentials.token, __version__, RUN, PLAN, SEED, count), credentials, directory)
    machines.listen(address, port)
    news: list[str] = []

    def tell() -> None:
        news.extend(f"{each.machine} {each.said}" for each in machines.news())

    JoinFile(1, RUN, __version__, PLAN, SEED, credentials.authority, credentials.machines.decode(), credentials.token).save(
        directory / "join.json"
    )
    await_joined(machines, count, 240, tell)
    generator = MachinesGenerator.start(machines, load, Path.cwd(), tell)
    generator.wait_ready(120)
    start_ns = now_ns() + 1_000_000_000
    generator.go(start_ns)
    write_atomically(directory / "going", str(start_ns))
    time.sleep(1 + seconds)
    generator.finish(120)
    generator.gather(40)
    found = account(generator, directory, start_ns + round(seconds * 1e9))
    converted = collect(directory, found.blind, found.why)
    machines.close()
    tell()
    result = {
        "parts": [asdict(part) for part in found.parts],
        "blind": [asdict(each) for each in converted.blind],
        "sent": [asdict(each) for each in converted.sent],
        "start_ns": start_ns,
        "news": news,
    }
    write_atomically(directory / "result.json", json.dumps(result, indent=1))


if __name__ == "__main__":
    place, host, number, target, machines_, lasts, rate = sys.argv[1:]
    main(Path(place), host, int(number), target, int(machines_), float(lasts), float(rate))
