"""An exploration share that follows what people do: explored items get what they earn.

A list has the right share when the last explored item in it is liked as often as the last ordinary
one: one place more or less for exploration would change nothing. What is liked depends on where it
stands, too. Since the positions that explore are drawn, the same rank of the ordinary list stands
now at one position and now at the next, which tells how much is lost from one to the next
(intervention harvesting: Agarwal et al., WSDM 2019, arXiv 1812.05161).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from inference.experiment.config import ArmName, ExperimentConfig

LEAST_SHARE = 0.005
"""What is explored all the same: without any, nothing would tell that it pays again."""
MOST_SHARE = 0.5
MEMORY = 0.7
"""Weight of what earlier rounds told, over that of the round after them."""
PRIOR_LOOKS = 20.0
"""Looks by which both rates are drawn to their common one: some twenty people's last items."""
LEAST_PERSISTENCE = 0.5
"""A position is examined at least by this as often as the one before it."""


class ShareCalibration:
    """The exploration share, set anew by what people do; starts at the one given.

    In the experiment a round is one round of an arm, in the service a day.
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self._same_rank = np.zeros(2)  # likes at the later and at the earlier position, weighed
        self._tallies = np.zeros((2, 2))  # [explored, ordinary] x [likes, looks]

    @property
    def persistence(self) -> float:
        """How often a position is examined, as a share of the one before it."""
        later, earlier = self._same_rank
        return float(np.clip(later / earlier, LEAST_PERSISTENCE, 1)) if earlier else 1.0

    @property
    def rates(self) -> tuple[float, float] | None:
        """How often the last explored and the last ordinary item of a list are liked, per look.

        A look is an item that was examined; both rates are drawn to their common one. ``None``
        where no list with both kinds was seen.
        """
        likes, looks = self._tallies.T
        if not looks.all():
            return None
        common = likes.sum() / looks.sum()
        explored, ordinary = (likes + PRIOR_LOOKS * common) / (looks + PRIOR_LOOKS)
        return float(explored), float(ordinary)

    def learn(self, log: pl.DataFrame) -> None:
        """Take in one round and set the share for the next."""
        self.observe(log)
        self.adjust()

    def observe(self, log: pl.DataFrame) -> None:
        """Take in one round.

        Args:
            log: of the round, as :func:`inference.experiment.simulate.run_arm` has it: of every
                shown item ``round``, ``user``, ``position``, ``is_exploratory``, ``is_positive``;
                a list is what one user was shown in one round.
        """
        ranked = _rank(log)
        self._same_rank = MEMORY * self._same_rank + _compare_positions(ranked)
        self._tallies = MEMORY * self._tallies + _tally_last(ranked, self.persistence)

    def adjust(self) -> None:
        """Set the share by what has been seen: up where the last explored item earns more."""
        rates = self.rates
        if rates is not None and rates[1] > 0:
            self.share = float(np.clip(self.share * rates[0] / rates[1], LEAST_SHARE, MOST_SHARE))


def calibration_of(arm: ArmName, config: ExperimentConfig) -> ShareCalibration | None:
    """Return what sets the share of this arm, ``None`` where it stays."""
    return ShareCalibration(config.exploration_share) if arm is ArmName.CALIBRATED else None


def _rank(log: pl.DataFrame) -> pl.DataFrame:
    """Return the log with each item's rank among those of its list and kind, from 0."""
    of_kind = ("round", "user", "is_exploratory")
    return log.sort("round", "user", "position").with_columns(
        rank=pl.int_range(pl.len()).over(of_kind),
        is_last=pl.int_range(pl.len()).over(of_kind) == pl.len().over(of_kind) - 1,
    )


def _compare_positions(ranked: pl.DataFrame) -> np.ndarray:
    """Return likes of the same ordinary ranks at a position, and at the one before it, [2].

    Each rank and pair of positions counts by how often it was seen at both (Mantel and Haenszel).
    """
    seen = (
        ranked.filter(~pl.col("is_exploratory"))
        .group_by("rank", "position")
        .agg(n=pl.len(), likes=pl.col("is_positive").sum())
    )
    before = seen.select("rank", pl.col("position") + 1, n_before="n", likes_before="likes")
    pairs = seen.join(before, on=["rank", "position"]).sort("rank", "position")
    total = pl.col("n") + pl.col("n_before")
    weighed = pairs.select(
        later=(pl.col("likes") * pl.col("n_before") / total).sum(),
        earlier=(pl.col("likes_before") * pl.col("n") / total).sum(),
    )
    return np.asarray(weighed.to_numpy()[0], dtype=np.float64)


def _tally_last(ranked: pl.DataFrame, persistence: float) -> np.ndarray:
    """Return likes and looks of the last explored and the last ordinary items, [2, 2].

    Only lists with both count, so that both come from the same people.
    """
    both = pl.col("is_exploratory").n_unique().over("round", "user") == 2
    last = ranked.filter(both & pl.col("is_last"))
    looks = persistence ** last["position"].to_numpy().astype(np.float64)
    likes, explored = last["is_positive"].to_numpy(), last["is_exploratory"].to_numpy()
    return np.array([[likes[kind].sum(), looks[kind].sum()] for kind in (explored, ~explored)])
