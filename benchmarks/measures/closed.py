"""Requests per CPU-second in a closed model: a small GET, over TLS, and the booking journey."""

from __future__ import annotations

from pathlib import Path

from benchmarks import programs
from benchmarks.effort import Effort
from benchmarks.generators import environ, locust_command
from benchmarks.rate import Rates, Tool, interleaved
from benchmarks.result import Result, at_least
from benchmarks.target import Target
from closeshave.loadgen import compiled

USERS = 50
_K6 = Path(__file__).parent.parent / "k6"
_LOOPS = {"k6": 1, "k6, 100 an iteration": 100}


def small_get(target: Target, effort: Effort) -> list[Result]:
    """Compare with all other tools."""
    tools = [*_engines(target, "closed", target.url, effort), *_k6s("closed.js", target.url, effort), _fasthttp(target.url, effort)]
    if (wrk := programs.wrk()) is not None:
        seconds = str(effort.window.total_s + 2)
        tools.append(Tool("wrk", [wrk, "-t1", f"-c{USERS}", f"-d{seconds}", f"{target.url}/json"], {}))
    rates = interleaved(target, tools, effort.window, effort.repeats)
    ours = rates.per_cpu_s["engine"]
    results = [
        at_least("closed GET against k6", ours / _best_k6(rates), "times", 3.5, ratio_to="k6", tools=rates.told),
        at_least(
            "closed GET against FastHttpUser",
            ours / rates.per_cpu_s["FastHttpUser"],
            "times",
            6.0,
            ratio_to="FastHttpUser",
            tools=rates.told,
        ),
    ]
    if "wrk" in rates.per_cpu_s:
        results.append(at_least("closed GET against wrk", ours / rates.per_cpu_s["wrk"], "times", 0.45, ratio_to="wrk", tools=rates.told))
    return results


def journey(target: Target, effort: Effort) -> list[Result]:
    """Six requests, three of them writes."""
    tools = [*_engines(target, "journey", target.url, effort), *_k6s("journey.js", target.url, effort)]
    rates = interleaved(target, tools, effort.window, effort.repeats)
    return [
        at_least("booking journey against k6", rates.per_cpu_s["engine"] / _best_k6(rates), "times", 4.0, ratio_to="k6", tools=rates.told)
    ]


def tls(target: Target, effort: Effort) -> list[Result]:
    """The same GET, encrypted."""
    tools = [*_engines(target, "closed", target.tls_url, effort), *_k6s("closed.js", target.tls_url, effort)]
    rates = interleaved(target, tools, effort.window, effort.repeats)
    return [
        at_least(
            "TLS 1.3 keep-alive GET against k6", rates.per_cpu_s["engine"] / _best_k6(rates), "times", 3.0, ratio_to="k6", tools=rates.told
        )
    ]


def _engines(target: Target, generator: str, url: str, effort: Effort) -> list[Tool]:
    """The engine as installed, and if it is compiled also as plain Python."""
    # The shell gives each repeat a directory of its own for its records, and then becomes Locust.
    command = locust_command(generator, url, "-u", str(USERS), "-r", str(USERS), "-t", f"{effort.window.total_s + 30}s")
    records = f'--records "$(mktemp -d {target.root}/records-XXXXXX)/rows"'
    whole = ["sh", "-c", f'exec "$0" "$@" {records}', *command]
    variables = environ() | {"CLOSESHAVE_CA_FILE": str(target.ca_file)}
    tools = [Tool("engine", whole, variables)]
    if compiled.why_plain() is None:
        tools.append(Tool("engine, plain Python", whole, variables | {compiled.PLAIN: "1"}))
    return tools


def _fasthttp(url: str, effort: Effort) -> Tool:
    options = ("-u", str(USERS), "-r", str(USERS), "-t", f"{effort.window.total_s + 30}s")
    return Tool("FastHttpUser", locust_command("fasthttp", url, *options), environ())


def _k6s(script: str, url: str, effort: Effort) -> list[Tool]:
    """Two configurations: one request or journey per iteration, and a hundred."""
    flags = ["--no-summary", "--no-thresholds", "--no-usage-report", "--quiet"]
    command = [programs.k6(), "run", "--vus", str(USERS), "--duration", f"{effort.window.total_s + 10}s", *flags, str(_K6 / script)]
    return [Tool(name, command, environ(url=url, loop=loop)) for name, loop in _LOOPS.items()]


def _best_k6(rates: Rates) -> float:
    return max(rates.per_cpu_s[name] for name in _LOOPS)
