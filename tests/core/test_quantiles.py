"""Quantiles without ``scipy.stats`` are exactly its figures."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy  # type: ignore[import-untyped]  # scipy ships no types

from closeshave import quantiles

SHARES = (0.05, 1 - 0.95, 0.95, 0.99, 0.999, 1 - 0.05 / 300)


@pytest.mark.parametrize("share", SHARES)
def test_beta_is_scipys(share):
    """For whole and for fractional parameters, as clusters make them, from one to ten million."""
    rng = np.random.default_rng(1)
    a, b = 10 ** rng.uniform(0, 7, 2000), 1 + np.concatenate([rng.integers(0, 50, 1000), 10 ** rng.uniform(0, 6, 1000)])
    assert np.array_equal(quantiles.beta(share, a, b), scipy.stats.beta.ppf(share, a, b))


@pytest.mark.parametrize("chance", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("share", SHARES)
def test_the_binomial_is_scipys(share, chance):
    """Every small number of trials, and some large ones."""
    for n in [*range(1, 60), 299, 1000, 59_999, 10**6, 10**7 + 1]:
        found = quantiles.binomial(share, n, chance)
        assert found == int(scipy.stats.binom.ppf(share, n, chance))
        assert (quantiles.at_most(found, n, chance) > share) == (scipy.stats.binom.cdf(found, n, chance) > share)


@pytest.mark.parametrize("share", SHARES)
def test_the_normal_is_scipys(share):
    """To the last digit."""
    assert quantiles.normal(share) == scipy.stats.norm.ppf(share)


@pytest.mark.parametrize("share", [0.05, 1e-3, 1e-6])
def test_the_poisson_is_scipys(share):
    """For means from a hundredth to ten million."""
    for mean in np.geomspace(0.01, 1e7, 60):
        assert quantiles.poisson_exceeded(share, float(mean)) == scipy.stats.poisson.isf(share, mean)
    assert math.isnan(quantiles.poisson_exceeded(share, math.nan))


@pytest.mark.thorough
def test_no_command_waits_for_libraries_that_it_does_not_need():
    """Judging needs neither ``scipy.stats`` nor a library that draws, and each of them takes a second of processor time to import."""
    program = "import sys, closeshave.conclusion, closeshave.trial.preparation; print(*{'scipy.stats', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60).stdout.split() == []
