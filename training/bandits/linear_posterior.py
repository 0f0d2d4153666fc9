"""Bayesian linear regression, the arithmetic that every bandit here rests on.

Shapes: F features, M examples.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

Floats = NDArray[np.float64]


class LinearPosterior:
    """Weights of a linear reward under a normal prior of mean 0.

    With unit noise the posterior is normal, of precision ``ridge * I + X'X`` and mean
    ``precision^-1 X'r`` (Li et al., WWW 2010, equation 3).
    """

    def __init__(self, n_features: int, ridge: float) -> None:
        """Start with the prior.

        Args:
            n_features: F.
            ridge: precision of each weight.
        """
        self._precision = ridge * np.eye(n_features)  # [F, F]
        self._moment = np.zeros(n_features)  # [F]

    def learn(self, features: Floats, rewards: Floats, weight: float = 1.0) -> None:
        """Add examples.

        Args:
            features: [M, F].
            rewards: [M].
            weight: how many observations each example counts for.
        """
        self._precision = self._precision + weight * features.T @ features
        self._moment = self._moment + weight * features.T @ rewards
        for name in ("_factor", "mean"):
            self.__dict__.pop(name, None)

    @cached_property
    def _factor(self) -> Floats:
        factor, _ = cho_factor(self._precision, lower=True)
        return np.tril(factor)

    @cached_property
    def mean(self) -> Floats:
        """The expected weights, [F]."""
        return np.asarray(cho_solve((self._factor, True), self._moment))

    def expect(self, features: Floats) -> Floats:
        """Return the expected reward of each row, [...]; ``features`` are [..., F]."""
        return np.asarray(features @ self.mean)

    def deviate(self, features: Floats) -> Floats:
        """Return the standard error of each row's expected reward, [...]."""
        flat = features.reshape(-1, features.shape[-1]).T  # [F, M]
        spread = np.sqrt((solve_triangular(self._factor, flat, lower=True) ** 2).sum(axis=0))
        return np.asarray(spread.reshape(features.shape[:-1]))

    def sample(self, n: int, deviation: float, rng: np.random.Generator) -> Floats:
        """Return ``n`` draws of the weights, [n, F], for noise of this standard deviation."""
        normal = rng.standard_normal((len(self.mean), n))  # [F, n]
        spread = solve_triangular(self._factor.T, normal, lower=False).T  # [n, F]
        return np.asarray(self.mean + deviation * spread)
