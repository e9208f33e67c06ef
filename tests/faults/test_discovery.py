"""``chaos discover closeshave``: Chaos Toolkit finds the activities of our experiments, and the faults that they can make."""

from chaoslib.discovery import discover  # type: ignore[import-untyped] # it ships no types

from closeshave import __version__
from closeshave.faults import toolkit
from closeshave.faults.catalogue import KINDS


def test_chaos_toolkit_discovers_activities_and_faults():
    """By the name of the installed package, as the command does it."""
    told = discover("closeshave", discover_system=True, download_and_install=False)
    assert told["extension"] == {"name": "closeshave", "version": __version__}
    assert {(each["name"], each["type"]) for each in told["activities"]} == {
        ("inject", "action"),
        ("observe", "probe"),
        ("hold", "action"),
        ("heal", "action"),
    }
    assert all(each["mod"] == toolkit.__name__ and each["doc"] and each["arguments"] for each in told["activities"])
    assert [each["kind"] for each in told["system"]["faults"]] == list(KINDS)
    assert told["system"]["faults"][0].keys() == {"kind", "does", "scope", "environments", "parameters"}


def test_the_system_is_only_told_where_it_is_asked_for():
    """``--no-system-info``."""
    assert discover("closeshave", discover_system=False, download_and_install=False)["system"] is None
