"""Settings of the bandits."""

from __future__ import annotations

from pydantic import Field

from training.config import Config


class BanditConfig(Config):
    """How the bandits see people and clusters, explore, and learn.

    Attributes:
        dimensions: of cluster vectors, from the item vectors that clusters are made of; the
            linear bandits have about its square of weights, and each must be learnt.
        ridge: precision of a weight before anything was seen.
        width: of the upper confidence bound, in standard errors (alpha of LinUCB).
        log_weight: of a case of the log, as a share of an item shown by the bandit itself; more
            than 0 starts a bandit where the log leaves off.
        log_negatives: clusters not taken that are learnt from beside each taken one of the log.
        expand_after: items shown in a node, times the logarithm of its depth, before its
            children are seen (q of pHCB).
        expand_rate: share of them that must have been liked, times the same (p of pHCB).
        hidden_size: of the neural bandit's network.
        representation_size: of what its last layer, the linear bandit, reads.
        epochs: passes over the log by which the network is fitted.
        learning_rate: of the network.
    """

    dimensions: int = Field(default=8, ge=1)
    ridge: float = Field(default=1.0, gt=0)
    width: float = Field(default=0.5, ge=0)
    log_weight: float = Field(default=0.1, ge=0)
    log_negatives: int = Field(default=4, ge=1)
    expand_after: float = Field(default=20.0, ge=0)
    expand_rate: float = Field(default=0.02, ge=0)
    hidden_size: int = Field(default=64, ge=1)
    representation_size: int = Field(default=16, ge=1)
    epochs: int = Field(default=20, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
