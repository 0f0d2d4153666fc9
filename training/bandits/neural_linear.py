"""Neural linear bandit: a network's representation of user and cluster, a Bayesian last layer.

Source: Riquelme et al., ICLR 2018, and as a recommender's explorer Su et al., "Long-Term Value of
Exploration" (arXiv 2305.07764): the network is fitted as usual, what its last hidden layer gives
is read by Bayesian linear regression, and a draw of that regression's weights ranks (Thompson
sampling).

Shapes: U users, N clusters, M examples, D dimensions, R numbers of the representation.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.bandits.config import BanditConfig
from training.bandits.linear_posterior import LinearPosterior
from training.bandits.policy import Feedback, Floats

BATCH_SIZE = 1024
"""Rewards of a step: large enough for one to be quick, small enough for dozens of steps a pass."""
NOISE = 0.5
"""Standard deviation of a reward of 0 or 1, at most: that of a fair coin."""


class NeuralLinearBandit:
    """Ranks clusters by a draw of the last layer's weights, one draw a user."""

    def __init__(self, clusters: Floats, config: BanditConfig, rng: np.random.Generator) -> None:
        """Start with a network as it is drawn.

        Args:
            clusters: vectors of the serving clusters, [N, D].
            config: sizes and the prior.
            rng: of everything that is drawn.
        """
        self._clusters, self._config, self._rng = clusters, config, rng
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            self._network = nn.Sequential(
                nn.Linear(3 * clusters.shape[1], config.hidden_size),
                nn.ReLU(),
                nn.Linear(config.hidden_size, config.representation_size),
                nn.ReLU(),
            )
            self._head = nn.Linear(config.representation_size, 1)
        self._posterior = self._fresh_posterior()

    def fit(self, log: Feedback) -> None:
        """Fit the network to a log by its likelihood, and start the last layer from there."""
        inputs = self._inputs(log.users, self._clusters[log.clusters])  # [M, 3 D]
        rewards = torch.from_numpy(log.rewards.astype(np.float32))
        parameters = [*self._network.parameters(), *self._head.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=self._config.learning_rate)
        for _ in range(self._config.epochs):
            order = torch.from_numpy(self._rng.permutation(len(inputs)))
            for chosen in order.split(BATCH_SIZE):
                logits = self._head(self._network(inputs[chosen]))[:, 0]
                loss = nn.functional.binary_cross_entropy_with_logits(logits, rewards[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self._posterior = self._fresh_posterior()
        self.learn(log, self._config.log_weight)

    def choose(self, users: Floats, offered: NDArray[np.bool_], n: int) -> list[list[int]]:
        """See :class:`~training.bandits.policy.ClusterBandit`."""
        n_users, n_clusters = offered.shape
        each = np.repeat(users, n_clusters, axis=0)
        all_clusters = np.tile(self._clusters, (n_users, 1))
        read = self._represent(each, all_clusters).reshape(n_users, n_clusters, -1)  # [U, N, R + 1]
        weights = self._posterior.sample(n_users, NOISE, self._rng)  # [U, R + 1]
        scores = np.where(offered, np.einsum("unr,ur->un", read, weights), -np.inf)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        return [
            [int(cluster) for cluster in row if offered[user, cluster]]
            for user, row in enumerate(order)
        ]

    def learn(self, feedback: Feedback, weight: float = 1.0) -> None:
        """Update the last layer; see the protocol."""
        read = self._represent(feedback.users, self._clusters[feedback.clusters])
        self._posterior.learn(read, feedback.rewards, weight)

    def _fresh_posterior(self) -> LinearPosterior:
        return LinearPosterior(self._config.representation_size + 1, self._config.ridge)

    def _represent(self, users: Floats, clusters: Floats) -> Floats:
        """Return what the last layer reads of matched users and clusters, [M, R + 1]."""
        with torch.no_grad():
            read = self._network(self._inputs(users, clusters)).double().numpy()
        return np.concatenate([np.ones((len(read), 1)), read], axis=1)

    @staticmethod
    def _inputs(users: Floats, clusters: Floats) -> torch.Tensor:
        """Return what the network reads, [M, 3 D]: user, cluster and their product."""
        joined = np.concatenate([users, clusters, users * clusters], axis=1)
        return torch.from_numpy(joined.astype(np.float32))
