"""Which share of a region's requests the instances of a new release get: the weights of HAProxy's round robin."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from closeshave.clients import balancer
from closeshave.clients.balancer import Unavailable
from closeshave.deployment import Deployment
from closeshave.environments.rollout.instances import RolloutFailed

MOST = 256
"""The largest weight that HAProxy takes."""
STEPS = 100
"""Shares are whole percents."""


def for_share(new: Sequence[str], old: Sequence[str], share: float) -> Mapping[str, int]:
    """The weights of one region's instances, by which the new ones together get this share of its requests, 0 to 1. Pure.

    All are equal where there is nobody to share with.
    """
    if not new or not old:
        return dict.fromkeys((*new, *old), 1)
    part = round(share * STEPS)
    each_new, each_old = part * len(old), (STEPS - part) * len(new)
    divisor = max(math.gcd(each_new, each_old), 1)
    most = max(each_new, each_old) // divisor
    told = {**dict.fromkeys(new, each_new // divisor), **dict.fromkeys(old, each_old // divisor)}
    return told if most <= MOST else {name: round(weight * MOST / most) for name, weight in told.items()}


def give(deployment: Deployment, new: Collection[str], share: float, regions: Collection[str] | None = None) -> None:
    """Give the instances with these names this share of their regions' requests; only in some regions, if they are given.

    Raises :class:`RolloutFailed`.
    """
    try:
        for at in deployment.balancers:
            if regions is None or at.region in regions:
                names = [process.name for process in deployment.owned_by(at.region) if process.role == "app"]
                weighed = for_share([name for name in names if name in new], [name for name in names if name not in new], share)
                for name, weight in weighed.items():
                    balancer.weigh(at, name, weight)
    except Unavailable as error:
        raise RolloutFailed(str(error)) from None


def as_declared(deployment: Deployment) -> None:
    """Give every instance the weight of its balancer's settings again. Raises :class:`RolloutFailed`."""
    try:
        for at in deployment.balancers:
            for process in deployment.owned_by(at.region):
                if process.role == "app":
                    balancer.weigh_as_declared(at, process.name)
    except Unavailable as error:
        raise RolloutFailed(str(error)) from None
