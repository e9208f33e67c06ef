"""One file for each group of commands. Each command is a thin function: arguments in, one call of another room, its result said, an exit code out.

A command imports what it needs when it is carried out, so that ``--help`` need not wait for pandas.
"""

import inspect

from closeshave.cli.app import app, environments, exports, gamedays, imports

# isort: off
# In the order in which --help lists them.
from closeshave.cli.commands import (
    first,
    trial,
    loadmachine,
    gameday,
    watched,
    gating,
    capacity,
    judged,
    uploaded,
    compared,
    scheduled,
    ready,
    probed,
    available,
    promises,
    foreign,
    machine,
    safety,
    environment,
)
# isort: on

ALL = (
    first,
    trial,
    loadmachine,
    gameday,
    watched,
    gating,
    capacity,
    judged,
    uploaded,
    compared,
    scheduled,
    ready,
    probed,
    available,
    promises,
    foreign,
    machine,
    safety,
    environment,
)
"""Whoever imports this package has every command registered at :data:`closeshave.cli.app.app`."""

for _command in (
    *app.registered_commands,
    *environments.registered_commands,
    *imports.registered_commands,
    *exports.registered_commands,
    *gamedays.registered_commands,
):
    # In the list of commands too: by default its sentence is cut off there.
    _command.short_help = inspect.cleandoc(_command.callback.__doc__ or "") if _command.callback else None
