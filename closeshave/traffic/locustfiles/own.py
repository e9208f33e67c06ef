"""A Locust file of the user's own in a trial: the models that run its users. ``CLOSESHAVE_LOAD`` names ``load.json``, which names the file.

Locust itself spawns only the user below. The file is imported here, before Locust reads its command line, so that its own options and listeners count.
"""

from __future__ import annotations

import os
from pathlib import Path

from closeshave.traffic import ownfile, runfiles
from closeshave.traffic.generating import OpenModel
from closeshave.traffic.load import load
from closeshave.traffic.ownusers import CanaryUsers, ClosedUsers, OpenUsers

_OWN = load(Path(os.environ[runfiles.VARIABLE])).traffic.locust
if _OWN is not None:
    FOUND = ownfile.load(_OWN.file)


class OwnOpenModel(OpenModel):
    """The customers' generator in the open model."""

    kind = "customers"
    senders = OpenUsers


class OwnClosedModel(OpenModel):
    """The customers' generator in the closed model."""

    kind = "customers"
    senders = ClosedUsers


class OwnCanaryModel(OpenModel):
    """The canaries' generator."""

    kind = "canary"
    senders = CanaryUsers
