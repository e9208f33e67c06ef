"""What the environment file says of its platform, and what only a person may say of it."""

from __future__ import annotations

from closeshave.environments.definition import speaks
from closeshave.environments.remote.definition import Remote
from closeshave.files.taken import OptionSource
from closeshave.files.yamlfile import Problem, document, line_of
from closeshave.traffic import conventions
from closeshave.trial import operation_names
from closeshave.trial.prepared import Prepared


def account_problems(prepared: Prepared) -> list[Problem]:
    """A plan whose customers log in, on an environment without accounts."""
    definition, path = prepared.definition, prepared.inputs.environment
    place = ("accounts",) if isinstance(definition, Remote) else ("application", "accounts")
    accounts = definition.accounts if isinstance(definition, Remote) else definition.application.accounts
    if not accounts.none or prepared.plan.traffic.locust is not None:
        return []
    said = f"none: the customers of plan {prepared.plan.name} log in; give accounts, or the plan a Locust file of your own (traffic.locust)"
    return [Problem(str(path), line_of(document(path), place), ".".join(place), said)]


def production_problems(prepared: Prepared) -> list[Problem]:
    """Production that no person named: a variable or a file that was left behind must not send load there."""
    definition = prepared.definition
    if not isinstance(definition, Remote) or definition.stage != "production":
        return []
    message = f"{definition.name} is production, which only the command line (--environment {definition.name}) or the plan may name"
    return [
        Problem(one.place, 0, one.option, message)
        for one in prepared.inputs.taken
        if one.option == "environment" and one.source is not OptionSource.COMMAND_LINE
    ]


def conventions_problems(prepared: Prepared) -> list[Problem]:
    """Impossible statements of the environment file about the platform's API."""
    able, path = prepared.definition.capabilities, prepared.inputs.environment
    found = operation_names.problems(able, path)
    try:
        conventions.of(able, prepared.definition.topology, api=speaks(prepared.definition))
    except ValueError as error:
        place = operation_names.place(path)
        found.append(Problem(str(path), line_of(document(path), place), ".".join(place), str(error)))
    return found
