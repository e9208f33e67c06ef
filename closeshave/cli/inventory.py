"""What ``closeshave list`` finds: names, or one file, kind of fault, kind of drill or invariant with all that is known of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.files.closest import meant
from closeshave.files.plaintext import clean
from closeshave.files.shipped import available, locate
from closeshave.files.yamlfile import InvalidFile, Problem, document

if TYPE_CHECKING:
    from closeshave.faults.kind import Parameter
    from closeshave.target import Claim

FOLDERS = {"plans": "scenarios", "environments": "environments", "targets": "environments/targets", "apis": "scenarios/apis"}
SORTS = (*FOLDERS, "faults", "drills", "invariants")


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, in the three ways in which it can be told."""

    told: object
    brief: tuple[str, ...]
    show: Callable[[Console], object]


def names(sort: str) -> list[str]:
    """All of one sort, by name; nothing for a sort that is none."""
    if sort in FOLDERS:
        return available(FOLDERS[sort])
    if sort == "drills":
        from closeshave.drills import catalogue as drills

        return sorted(drills.KINDS)
    if sort == "invariants":
        from closeshave.judge.integrity.registry import TITLES

        return [*TITLES]
    from closeshave.faults import catalogue

    return sorted(catalogue.KINDS) if sort == "faults" else []


def find(sort: str, name: str) -> Found:
    """Everything, one sort, or one of it. Raises :class:`InvalidFile` for a sort or name that nobody knows."""
    if sort and sort not in SORTS:
        raise InvalidFile(Problem(sort, 0, "", f"there is no list of this name{meant(sort, SORTS)}; available: {', '.join(SORTS)}"))
    if sort == "invariants":
        return _invariant(name) if name else _invariants()
    if not name:
        return _listing({one: names(one) for one in ([sort] if sort else SORTS)})
    if sort == "drills":
        return _drill(name)
    if sort == "targets":
        return _target(name)
    return _fault(name) if sort == "faults" else _file(sort, name)


def _listing(there: Mapping[str, list[str]]) -> Found:
    def show(console: Console) -> None:
        for sort, several in there.items():
            console.print(
                Text(sort, style="bold").append(f"  {clean(', '.join(several))}", style="not bold"), soft_wrap=not console.is_terminal
            )

    brief = tuple(f"{sort}/{name}" if len(there) > 1 else name for sort, several in there.items() for name in several)
    return Found(there, brief, show)


def _file(sort: str, name: str) -> Found:
    path = locate(FOLDERS[sort], name)
    written = document(path)
    about = str(written.get("description") or written.get("title") or "").strip()
    told = {"name": str(written.get("name", path.stem)), "file": str(path), "about": about}
    return Found(told, (told["file"],), lambda console: _head(told, console))


def _target(name: str) -> Found:
    from closeshave.report import promised
    from closeshave.target import read_target

    path = locate(FOLDERS["targets"], name)
    target = read_target(path)
    told: dict[str, Any] = {
        "name": target.name,
        "file": str(path),
        "about": target.title,
        "promises": [{"id": one.id, "text": one.text, "how": list(one.how), "owner": one.owner} for one in target.claims],
        "objectives": [
            {
                "id": one.id,
                "judges": one.told,
                "bound": promised.bound(one),
                "where": promised.where(one),
                "promises": list(one.claims),
            }
            for one in target.objectives
        ],
    }
    tested = {claim for one in target.objectives for claim in one.claims}
    promises = [(one.id, one.text, _settled(one, tested)) for one in target.claims]
    objectives = [(one["judges"], one["bound"], one["where"], ", ".join(one["promises"]) or "of the harness") for one in told["objectives"]]

    def show(console: Console) -> None:
        _head(told, console)
        _table(("promise", "what is promised", "settled by"), promises, console)
        _table(("objective", "bound", "which requests count", "tests"), objectives, console)

    return Found(told, (told["file"],), show)


def _settled(claim: Claim, tested: Container[str]) -> str:
    """How a promise can be settled, and whether an objective of the file tests it."""
    return f"{', '.join(claim.how)}{f' ({claim.owner})' if claim.owner else ''}{'' if claim.id in tested else '; no objective yet'}"


def _table(titles: Iterable[str], rows: Iterable[tuple[str, ...]], console: Console) -> None:
    table = Table(*titles, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    console.print()
    console.print(table)


def _head(told: Mapping[str, Any], console: Console) -> None:
    """The name of a file, what it is for, and where it lies."""
    console.print(Text(clean(told["name"]), style="bold"))
    if told["about"]:
        console.print(Text(clean(told["about"])), soft_wrap=not console.is_terminal)
    console.print(Text(clean(told["file"]), style="dim"), soft_wrap=True)


def _drill(name: str) -> Found:
    from closeshave.drills import catalogue
    from closeshave.drills.kind import USES

    kind = catalogue.KINDS.get(name)
    if kind is None:
        raise InvalidFile(Problem(name, 0, "", f"is no kind of drill{meant(name, catalogue.KINDS)}; 'closeshave list drills' shows all"))
    told: dict[str, Any] = {
        "name": kind.name,
        "does": kind.does,
        "steps": [step.name for step in kind.steps],
        "proven_by": kind.proven_by,
        "put_back_by": kind.put_back_by,
        "scope": list(kind.scope),
        "environments": sorted(kind.environments),
        "needs": [USES[need] for need in kind.uses],
        "parameters": _parameters(kind.parameters),
    }
    brief = tuple(f"{key}: {', '.join(told[key])}" for key in ("scope", "environments"))
    lines = (
        ("does", told["does"]),
        ("steps", ", ".join(told["steps"])),
        ("proven by", told["proven_by"]),
        ("put back by", told["put_back_by"]),
        ("scope", ", ".join(told["scope"])),
        ("environments", f"{', '.join(told['environments'])}; remote, by hooks of the platform's operator"),
        ("needs", "; ".join(told["needs"])),
    )
    return Found(told, brief, lambda console: _show(told, lines, console))


def _invariants() -> Found:
    known = names("invariants")
    rows = [(one["name"], one["title"], one["forbids"], one["breach"]) for one in map(_known_of, known)]
    return Found(
        {"invariants": known}, tuple(known), lambda console: _table(("invariant", "title", "what it forbids", "a breach"), rows, console)
    )


def _invariant(name: str) -> Found:
    from closeshave.judge.integrity.registry import TITLES

    if name not in TITLES:
        raise InvalidFile(Problem(name, 0, "", f"is no invariant{meant(name, TITLES)}; 'closeshave list invariants' shows all"))
    told = _known_of(name)
    lines = (
        ("title", told["title"]),
        ("forbids", told["forbids"]),
        ("a breach", told["breach"]),
        ("needs", ", ".join(told["needs"])),
        ("asked if one of these was sent", ", ".join(told["led_to_by"])),
    )
    return Found(told, (f"{told['title']}: {told['breach']}",), lambda console: _lines(told["name"], lines, console))


def _known_of(name: str) -> dict[str, Any]:
    """What is known of an invariant."""
    from closeshave.judge.integrity.registry import BREACHES, INVARIANTS, NO_SPLIT_BRAIN, TITLES

    invariant = INVARIANTS.get(name)
    gating = name in BREACHES
    return {
        "name": name,
        "title": TITLES[name],
        "forbids": (NO_SPLIT_BRAIN if invariant is None else invariant.forbids) or "its package does not say",
        "gating": gating,
        "breach": "fails the run" if gating else "makes it inconclusive",
        "needs": [] if invariant is None else list(invariant.needs),
        "led_to_by": [] if invariant is None else list(invariant.led_to_by),
    }


def _parameters(several: Iterable[Parameter]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "type": one.type.__name__,
            "default": one.default,
            "about": one.about,
            **({"at_least": one.at_least, "at_most": one.at_most} if one.type in {int, float} else {}),
        }
        for one in several
    ]


def _fault(name: str) -> Found:
    from closeshave.faults import catalogue
    from closeshave.faults.kubernetes.binding import environments

    kind = catalogue.KINDS.get(name)
    if kind is None:
        raise InvalidFile(Problem(name, 0, "", f"is no kind of fault{meant(name, catalogue.KINDS)}; 'closeshave list faults' shows all"))
    told: dict[str, Any] = {
        "name": kind.name,
        "does": kind.does,
        "observed_by": kind.observed_by,
        "undone_by": kind.undone_by,
        "expected": kind.expected.value,
        "scope": list(kind.scope),
        "environments": sorted(environments(kind)),
        "needs": kind.needs,
        "links": list(kind.links),
        "parameters": _parameters(kind.parameters),
    }
    brief = tuple(f"{key}: {', '.join(told[key])}" for key in ("scope", "environments"))
    lines = (
        ("does", told["does"]),
        ("observed by", told["observed_by"]),
        ("undone by", told["undone_by"]),
        ("expected", f"{told['expected']} as a rule; a plan states it for each fault"),
        ("scope", ", ".join(told["scope"])),
        ("environments", f"{', '.join(told['environments'])}; remote, by a hook of the platform's operator"),
        ("needs", told["needs"]),
        ("links", ", ".join(told["links"])),
    )
    return Found(told, brief, lambda console: _show(told, lines, console))


def _show(told: Mapping[str, Any], lines: Iterable[tuple[str, str]], console: Console) -> None:
    """A kind of fault or drill, for a person."""
    _lines(told["name"], lines, console)
    if not told["parameters"]:
        console.print(Text("no parameters", style="dim"))
        return
    table = Table("parameter", "type", "default", "from", "to", "meaning", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for one in told["parameters"]:
        bounds = [f"{one[key]:g}" if key in one else "" for key in ("at_least", "at_most")]
        table.add_row(Text(one["name"]), one["type"], Text(str(one["default"])), *bounds, Text(one["about"]))
    console.print(table)


def _lines(name: str, lines: Iterable[tuple[str, str]], console: Console) -> None:
    """A name, and what is known of it, a line each."""
    console.print(Text(clean(name), style="bold"))
    for title, text in lines:
        if text:
            console.print(Text(f"{title}: ", style="dim").append(clean(text), style="not dim"), soft_wrap=not console.is_terminal)
