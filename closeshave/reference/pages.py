"""The pages of the reference as Markdown. Pure, but for the example files that they show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from closeshave.api import offered
from closeshave.files.described import meanings
from closeshave.judge.integrity.registry import OWN as INVARIANTS
from closeshave.reference import commands
from closeshave.reference.keys import FileKey, Section, code, sections
from closeshave.reference.schemas import Schema
from closeshave.target import MEASURES, Measure

EXAMPLES = Path("examples", "every-key")
"""Below the pages: documents that show every key, each read by the harness in a test."""
MADE = "Made by `python -m closeshave.reference docs` from the code: change what a docstring says there, not here."


def beyond(definition: Schema, other: Schema) -> Schema:
    """A mapping without the keys, and all below them, that another one has too. Pure."""
    return {**definition, "properties": {name: key for name, key in definition["properties"].items() if name not in other["properties"]}}


def pages(schemas: Mapping[str, Schema], docs: Path) -> Mapping[str, str]:
    """File name → page. Raises :class:`OSError` where an example file is missing below ``docs``."""
    environment = schemas["environment"]
    names = ("Embedded", "Containers", "Remote", "Kubernetes")
    embedded, containers, remote, kubernetes = (environment["$defs"][name] for name in names)

    def example(name: str) -> Any:
        path = docs / EXAMPLES / name
        return json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else YAML(typ="safe").load(path)

    return {
        "plans.md": _page(
            "Plans",
            "What a trial does: a file in `scenarios/`.",
            "plan",
            _sections(sections(schemas["plan"], schemas["plan"], example("plan.yaml")), 2),
            "Scopes and parameters of each kind of fault are in [Faults](../faults.md), those of drills in [Drills](../drills.md).",
        ),
        "targets.md": _page(
            "Targets",
            "What a system promises, and the objectives that test it: a file in `environments/targets/`.",
            "target",
            [*_sections(sections(schemas["target"], schemas["target"], example("target.yaml")), 2), *_measures(), *_invariants()],
            "How a plan and a target meet is in [Targets and plans](../targets.md).",
        ),
        "environments.md": _page(
            "Environments",
            "What a trial runs on: a file in `environments/`. `kind` decides which keys there are.",
            "environment",
            [
                "## kind: embedded, and kind: containers",
                "",
                *_sections(sections(environment, embedded, example("embedded.yaml")), 3, "both"),
                "## kind: containers has one more key",
                "",
                *_sections(
                    sections(environment, containers, example("containers.yaml"), frozenset(embedded["properties"])), 3, "containers"
                ),
                "## kind: remote",
                "",
                *_sections(sections(environment, remote, example("remote.yaml")), 3, "remote"),
                "## kind: kubernetes has one more key than remote",
                "",
                *_sections(sections(environment, beyond(kubernetes, remote), example("kubernetes.yaml")), 3, "kubernetes"),
            ],
            "How to describe your own platform is in [Your own platform](../remote.md) and [Kubernetes](../kubernetes.md). "
            "See also [Containers](../containers.md).",
        ),
        "profiles.md": _page(
            "Traffic profiles",
            "How the rate follows the time of day: a file in `scenarios/profiles/`, named by `traffic.profile` of a plan.",
            "profile",
            _sections(sections(schemas["profile"], schemas["profile"], example("profile.yaml")), 2),
            "",
        ),
        "apis.md": _page(
            "API profiles",
            "The dialect of a booking API: a file in `scenarios/apis/`, or your own, named by `api` of an environment file.",
            "api",
            [*_sections(calls_once(sections(schemas["api"], schemas["api"], example("api.yaml"))), 2), *_placeholders()],
            "How to write one is in [Describe your API](../how-to/describe-your-api.md).",
        ),
        "gate.md": _page(
            "Files of a gate",
            "What `closeshave gate` writes for other programs: its result, `gate.json`, and baselines of other jobs, `reports/baselines/NAME.json`.",
            "gate",
            [
                "## gate.json",
                "",
                *_sections(sections(schemas["gate"], schemas["gate"], example("gate.json")), 3, "gate", written=False),
                "## A baseline",
                "",
                "Its schema: [`baseline.schema.json`](../baseline.schema.json).",
                "",
                *_sections(sections(schemas["baseline"], schemas["baseline"], example("baseline.json")), 3, "baseline", written=False),
            ],
            "How a gate decides is in [The gate](../gate.md).",
        ),
        "capacity.md": _page(
            "The result of a capacity search",
            "What `closeshave capacity` writes for other programs: `capacity.json`, with all that its page and its Markdown show.",
            "capacity",
            _sections(sections(schemas["capacity"], schemas["capacity"], example("capacity.json")), 2, "capacity", written=False),
            "How a capacity is found is in [Capacity](../capacity.md).",
        ),
        "claims.md": _page(
            "Findings about promises",
            "What `closeshave lint-claims --json` prints.",
            "claims",
            _sections(sections(schemas["claims"], schemas["claims"], example("claims.json")), 2, "claims", written=False),
            "The rules are in [Targets and plans](../targets.md#the-arithmetic-of-promises).",
        ),
        "readiness.md": _page(
            "Files of a ledger",
            "What `closeshave readiness` writes for other programs: `readiness.json`, with all that its page, its Markdown and its CSV file show.",
            "readiness",
            _sections(sections(schemas["readiness"], schemas["readiness"], example("readiness.json")), 2, written=False),
            "How to read a ledger is in [Readiness](../readiness.md).",
        ),
        "probes.md": _page(
            "The result of a round of probes",
            "What `closeshave probe --json` prints, and writes as `result.json`. It is made again from what was seen whenever it is read.",
            "probes",
            _sections(sections(schemas["probes"], schemas["probes"], example("probes.json")), 2, written=False),
            "What each probe asks is in [Probes](../probes.md).",
        ),
        "gameday.md": _page(
            "The after-action report of a game day",
            "`gameday.json` in the run directory of a game day, for other programs; `gameday.md` and `gameday.html` show the same.",
            "gameday",
            _sections(sections(schemas["gameday"], schemas["gameday"], example("gameday.json")), 2, written=False),
            "How to hold one is in [Hold a game day](../how-to/hold-a-game-day.md).",
        ),
        "summary.md": _page(
            "The summary",
            "`summary.json` of a run, for other programs. Fields keep their names; more may be added. What is unknown is `null`, never 0.",
            "summary",
            _sections(sections(schemas["summary"], schemas["summary"], example("summary.json")), 2, written=False),
            "The examples are figures of a real run.",
        ),
        "command.md": commands.page(MADE),
    }


def _page(title: str, about: str, name: str, body: Iterable[str], more: str) -> str:
    form = (
        ""
        if name in {"summary", "gate", "capacity", "claims", "readiness", "probes", "gameday"}
        else " [How keys are written](index.md#how-values-are-written)."
    )
    lines = [f"# {title}", "", MADE, "", f"{about} {more}".strip(), "", f"[JSON Schema](../{name}.schema.json).{form}", "", *body]
    return "\n".join(lines).rstrip("\n") + "\n"


def _sections(found: Iterable[Section], level: int, prefix: str = "", *, written: bool = True) -> Iterator[str]:
    for section in found:
        first = section.places[0]
        if not section.keys:
            continue
        yield f"{'#' * level} {', '.join(code(place) for place in section.places) if first else 'The file'}"
        yield ""
        yield section.about
        yield ""
        columns = ("key", "meaning", "form", *(("default",) if written else ()), "example")
        yield f"| {' | '.join(columns)} |"
        yield f"|{'---|' * len(columns)}"
        yield from (_row(key, prefix, written=written) for key in section.keys)
        yield ""
        for name, words in section.values:
            yield f"Values of `{name}`:"
            yield ""
            yield from (f"* `{word}`: {meaning}" for word, meaning in words)
            yield ""


def _row(key: FileKey, prefix: str, *, written: bool) -> str:
    cells = (
        f'<a id="{anchor(prefix, key.path)}"></a>`{key.name}`',
        key.meaning,
        key.form,
        *((key.default,) if written else ()),
        key.example,
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') if cell is key.meaning else cell for cell in cells)} |"


def anchor(prefix: str, path: str) -> str:
    """What a link to a key ends with: ``phases.sessions_per_s``."""
    plain = re.sub(r"[^a-z0-9_.-]+", "-", path.lower().replace("[]", "")).replace("-.", ".").strip("-")
    return f"{prefix}.{plain}" if prefix else f"key.{plain}"


def calls_once(found: Iterable[Section]) -> Iterator[Section]:
    """What every operation has, in one section; the others have the rest."""
    told = list(found)
    plain = next(each for each in told if "operations.pay_confirm" in each.places)
    common = {key.name for key in plain.keys}
    for each in told:
        if each is plain:
            continue
        is_call = common <= {key.name for key in each.keys}
        yield replace(each, keys=tuple(key for key in each.keys if key.name not in common)) if is_call else each
        if each.places == ("operations",):
            yield replace(plain, places=("operations.*",), about="The keys of every operation.")


def _placeholders() -> Iterator[str]:
    yield "## Placeholders"
    yield ""
    yield "`{franchise}`, `{address}` and `{csrf}` are known in every request, `{token}` and `{client}` where `personal` is true."
    yield ""
    yield "| placeholder | stands for | in |"
    yield "|---|---|---|"
    for name, meaning in offered.MEANINGS.items():
        own = [f"`{operation}`" for operation, names in offered.OFFERED.items() if name in names]
        general = "every request" if name in offered.ALWAYS else "personal requests" if name in offered.PERSONAL else ""
        yield f"| `{{{name}}}` | {meaning.replace('{barber?}', '`{barber?}`')} | {general or ', '.join(own)} |"
    yield ""


def _measures() -> Iterator[str]:
    meant = meanings(Measure)
    yield "## Measures"
    yield ""
    yield "`measure` says what an objective bounds, and so how the bound is written."
    yield ""
    yield "| measure | meaning | bound | written as | verdicts in |"
    yield "|---|---|---|---|---|"
    written = {
        "time": "a duration: `100ms`, `5m`",
        "share": "a percentage, or a number from 0 to 1",
        "rate": "a number above 0",
        "number": "a whole number",
        "count": "—",
    }
    for measure, kind in MEASURES.items():
        bound = "none" if measure is Measure.INTEGRITY else "`at_least`" if kind.more_is_better else "`at_most`"
        yield f"| `{measure}` | {meant[measure.name]} | {bound} | {written[kind.figure]} | `{kind.unit}` |"
    yield ""


def _invariants() -> Iterator[str]:
    yield "## Invariants"
    yield ""
    yield "What `integrity` counts, by the names that `invariants` takes. A single breach fails a run; a *doubt* makes it inconclusive."
    yield ""
    yield "| invariant | what is counted | a finding is | counted in the summary |"
    yield "|---|---|---|---|"
    for name, each in INVARIANTS.items():
        yield f"| `{name}` | {each.title} | a {'doubt' if each.doubt else 'breach'} | {'yes' if each.summarised else 'no'} |"
    yield ""
