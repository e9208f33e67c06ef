"""What installed packages add is found by their metadata; what does not fit is named, and keeps nobody else out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from closeshave import extensions
from closeshave.extensions import CHECKS, Extension, load, loaded, refuse_broken
from closeshave.faults import catalogue
from closeshave.files.yamlfile import InvalidFile
from closeshave.judge.integrity import registry
from closeshave.report import added
from closeshave.traffic import known_profiles
from closeshave.trial import probing
from tests.extensions.made import package

ROOMS: dict[str, Callable[[Extension], str]] = {
    extensions.FAULTS: catalogue._unfit,
    extensions.CHECKS: registry._unfit,
    extensions.PROFILES: known_profiles._unfit,
    extensions.PROBES: probing._unfit,
    extensions.REPORTS: added._unfit,
}
IMPORTS = "from dataclasses import replace\nfrom closeshave.faults.catalogue import OWN\nKILLED = OWN['shard.primary-killed']\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of the import path; what is loaded from it is forgotten again."""
    monkeypatch.syspath_prepend(tmp_path)
    for kept in ("_loaded", "_failed"):
        monkeypatch.setattr(extensions, kept, {})
    extensions._points.cache_clear()
    yield tmp_path
    extensions._points.cache_clear()


def fits(_: Extension) -> str:
    """Everything does."""
    return ""


def refusal() -> str:
    """The message with which a command ends."""
    with pytest.raises(InvalidFile) as refused:
        refuse_broken()
    return str(refused.value)


def test_what_a_package_adds_is_loaded_with_the_packages_name_and_version(place: Path) -> None:
    """By the name of its entry point, in the order of names."""
    package(place, "shop-checks", f"[{CHECKS}]\nsecond = shop_one:B\nfirst = shop_one:A\n", "2.5", shop_one="A, B = 1, 2\n")
    expected = (Extension(CHECKS, "first", "shop-checks", "2.5", 1), Extension(CHECKS, "second", "shop-checks", "2.5", 2))
    assert load(CHECKS, fits) == expected
    assert loaded() == expected
    refuse_broken()


@pytest.mark.parametrize(
    ("point", "text", "reason"),
    [
        ("shop_two:A", "import no_such_package\n", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_package'"),
        ("shop_two:A", "1 / 0\n", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("shop_two:A", "raise SystemExit(7)\n", "cannot be loaded: SystemExit: 7"),
        ("shop_two:B", "A = 1\n", "cannot be loaded: AttributeError"),
        ("shop_two:A", "def A(:\n", "cannot be loaded: SyntaxError"),
        ("no_such_module:A", "", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_named_with_its_reason(place: Path, point: str, text: str, reason: str) -> None:
    """And all others are there."""
    package(place, "broken", f"[{CHECKS}]\nbad = {point}\n", "0.3", shop_two=text)
    package(place, "whole", f"[{CHECKS}]\ngood = shop_three:A\n", shop_three="A = 1\n")
    assert [each.name for each in load(CHECKS, fits)] == ["good"]
    assert refusal().startswith(f"package broken 0.3: {CHECKS}: bad: {reason}")
    sys.modules.pop("shop_two", None)


def test_two_packages_cannot_add_one_name(place: Path) -> None:
    """Which of them a plan means nobody could tell."""
    for name in ("one", "two"):
        package(place, f"shop-{name}", f"[{CHECKS}]\nsame = shop_four:A\n", shop_four="A = 1\n")
    assert [each.package for each in load(CHECKS, fits)] == ["shop-one"]
    assert "package shop-two 1.0: closeshave.checks: same: has the name of what package shop-one 1.0 adds" in refusal()


@pytest.mark.parametrize(
    ("group", "name", "value", "reason"),
    [
        (extensions.FAULTS, "queue.stalled", "3", "is int, not closeshave.faults.kind.Kind"),
        (extensions.FAULTS, "queue.stalled", "KILLED", "is a kind called 'shard.primary-killed': the entry point must have the same name"),
        (extensions.FAULTS, "shard.primary-killed", "KILLED", "has the name of a kind that Closeshave has itself"),
        (extensions.FAULTS, "Stalled", "replace(KILLED, name='Stalled')", "is no name of a kind"),
        (extensions.FAULTS, "queue.stalled", "replace(KILLED, name='queue.stalled')", ""),
        (extensions.CHECKS, "x", "3", "is int, not closeshave.judge.integrity.invariant.Invariant"),
        (extensions.PROFILES, "x", "3", "is int, not closeshave.traffic.profiles.Profile"),
        (extensions.PROBES, "x", "3", "is int, not closeshave.trial.probe.PlatformProbe"),
        (extensions.PROBES, "x", "__import__('closeshave.trial.probe').trial.probe.PlatformProbe('', str, 0.01)", "asks every 0.01 s"),
        (extensions.REPORTS, "x", "3", "is int, not closeshave.report.artefact.Report"),
        *(
            (extensions.REPORTS, "x", f"__import__('closeshave.report.artefact').report.artefact.Report({file!r}, None)", reason)
            for file, reason in (
                ("../x.csv", "give a file name with an ending"),
                ("/etc/x.csv", "give a file name"),
                (".x.csv", "give a file name"),
                ("ending", "give a file name"),
                ("summary.json", "is a file of every run"),
                ("rerun.sh", "is a file of every run"),
                ("operations.parquet", "is a file of every run"),
                ("mine.csv", ""),
            )
        ),
    ],
)
def test_what_does_not_fit_its_group_is_refused_with_what_would(place: Path, group: str, name: str, value: str, reason: str) -> None:
    """Before anything uses it."""
    text = f"{IMPORTS}VALUE = {value}\n"
    package(place, "shop", f"[{group}]\n{name} = shop_five:VALUE\n", shop_five=text)
    found = load(group, ROOMS[group])
    sys.modules.pop("shop_five", None)
    if reason:
        assert found == ()
        assert f"package shop 1.0: {group}: {name}: " in refusal()
        assert reason in refusal()
    else:
        assert [each.name for each in found] == [name]
        refuse_broken()


def test_every_group_has_a_room_that_loads_it() -> None:
    """None is announced and never read."""
    assert set(ROOMS) == set(extensions.GROUPS)
