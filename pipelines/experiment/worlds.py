"""Makes the environment of a world for some participants."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from expectations.contracts.tables import INTERACTIONS
from inference.experiment.environment import Environment, without_undiscovered
from inference.experiment.study.config import WorldName
from inference.experiment.worlds.choice import as_choice_world
from pipelines.experiment.fitted_world import FittedWorld, fit_world, fitted_environment
from pipelines.experiment.simulation import build_environment
from pipelines.io import paths
from pipelines.io.artefact_io import scan_table
from pipelines.sources.synthetic.people import BACKGROUND_AFFINITY
from training.clusters.tree_view import ServingClusters


class WorldMaker:
    """Makes environments; what is fitted to the log is fitted once."""

    def __init__(
        self, clusters: ServingClusters, positive_threshold: float | None, seed: int
    ) -> None:
        """Take what worlds are made from.

        Args:
            clusters: of the serving level.
            positive_threshold: the data set's; ``None`` where every interaction counts.
            seed: of the fitted model.
        """
        self._clusters, self._threshold, self._seed = clusters, positive_threshold, seed

    @cached_property
    def fitted(self) -> FittedWorld:
        """The model of the ingested log."""
        return fit_world(self._clusters, self._seed)

    def make(
        self, name: WorldName, user_ids: Sequence[str], rng: np.random.Generator
    ) -> Environment:
        """Return the environment of these users, in their order.

        Raises:
            UserError: the data set's truth is not known, and the world is made from it.
        """
        if name is WorldName.FITTED:
            return fitted_environment(self.fitted, user_ids, self._threshold, rng)
        interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
        threshold = 0.0 if self._threshold is None else self._threshold
        planted = build_environment(paths.TRUTH, interactions, user_ids, threshold, rng)
        if name is WorldName.NULL:
            background = rng.uniform(*BACKGROUND_AFFINITY, planted.affinity.shape)
            return without_undiscovered(planted, background)
        if name is WorldName.CHOICE:
            return as_choice_world(planted, planted.affinity.mean(axis=0))
        return planted
