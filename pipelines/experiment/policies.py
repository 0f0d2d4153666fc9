"""Makes each arm's policy from what the stages before have left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from expectations.contracts.tables import CASES, ITEM_EMBEDDINGS
from inference.evaluation.counts_table import tabulate_counts
from inference.experiment.arms import System
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.environment import Environment, expected_liking
from inference.experiment.policies import (
    BanditPolicy,
    ClusterPolicy,
    RandomPolicy,
    ScoredPolicy,
    shuffle_table,
)
from inference.plans.config import Mix
from inference.search.config import TableConfig
from inference.search.ranking import families_of
from inference.table.plan_table import PlanTable
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from training.bandits.hierarchical import BanditTree, HierarchicalBandit, ProgressiveBandit
from training.bandits.log_feedback import feedback_of_cases
from training.bandits.neural_linear import NeuralLinearBandit
from training.bandits.policy import Feedback, Floats, cluster_vectors
from training.baselines.clusters.pair_counts import PairCounts
from training.clusters.tree_view import ServingClusters
from training.collective.signal import load_signal
from training.evaluation.clusters.cases import PlannerCases


class PolicyMaker:
    """Makes policies, each with luck of its own, the same whichever others take part."""

    def __init__(
        self,
        system: System,
        environment: Environment,
        clusters: ServingClusters,
        table: TableConfig,
        config: ExperimentConfig,
        seed: int,
    ) -> None:
        """Take what policies are made from.

        Args:
            system: the released parts.
            environment: the truth, for the oracle alone.
            clusters: of the serving level.
            table: depth of the table that counts fill.
            config: settings of the bandits.
            seed: of all luck.
        """
        self._system, self._environment, self._clusters = system, environment, clusters
        self._table, self._config, self._seed = table, config.bandits, seed

    def make(self, name: ArmName) -> ClusterPolicy | None:
        """Return the policy of this arm; the control has none."""
        if name is ArmName.CONTROL:
            return None
        rng = np.random.default_rng([self._seed, list(ArmName).index(name)])
        makers: dict[ArmName, Callable[[np.random.Generator], ClusterPolicy]] = {
            ArmName.RANDOM: lambda rng: RandomPolicy(self._clusters.n_clusters, rng),
            ArmName.POPULAR: lambda _: ScoredPolicy(self._counts.popularity.astype(np.float64)),
            ArmName.PAIR_COUNTS: lambda _: self._counted(),
            ArmName.HCB: self._hierarchical,
            ArmName.PHCB: self._progressive,
            ArmName.NEURAL_LINEAR: self._neural_linear,
            ArmName.UNALIGNED: lambda _: self._tabulated(self._system.table),
            ArmName.PLANNER: lambda _: self._system.planner(),
            ArmName.CALIBRATED: lambda _: self._system.planner(),
            ArmName.PLACEBO: self._placebo,
            ArmName.ORACLE: lambda _: self._oracle(),
            ArmName.PLANNER_ADJACENT: lambda _: self._led(1, 0, 0),
            ArmName.PLANNER_NEW_FAMILY: lambda _: self._led(0, 1, 0),
            ArmName.PLANNER_NEW_FIELD: lambda _: self._led(0, 0, 1),
        }
        return makers[name](rng)

    @cached_property
    def _counts(self) -> PairCounts:
        return load_signal(paths.SIGNAL_BEFORE_TEST).counts

    @cached_property
    def _vectors(self) -> Floats:
        """Vectors of the serving clusters, [N, D]."""
        items = read_table(paths.ITEM_EMBEDDINGS, ITEM_EMBEDDINGS)
        item_vectors = np.stack(items["embedding"].to_list()).astype(np.float64)
        of_item = self._clusters.clusters_of(items["item_id"].to_list())
        n_clusters, dimensions = self._clusters.n_clusters, self._config.dimensions
        return cluster_vectors(item_vectors, of_item, n_clusters, dimensions)

    @cached_property
    def _tree(self) -> BanditTree:
        above = self._clusters.ancestors
        # with two levels families are the fields, with one the clusters themselves
        levels = [above.fields, above.families][: self._clusters.level]
        return BanditTree.over(self._vectors, levels)

    def _log(self, rng: np.random.Generator) -> Feedback:
        cases = PlannerCases.from_frame(read_table(paths.CASES, CASES), "validation")
        return feedback_of_cases(cases, self._vectors, self._config.log_negatives, rng)

    def _counted(self) -> ClusterPolicy:
        families = families_of(self._clusters.ancestors)
        return self._tabulated(tabulate_counts(self._counts, families, self._table))

    def _hierarchical(self, rng: np.random.Generator) -> ClusterPolicy:
        bandit = HierarchicalBandit(self._tree, self._config)
        bandit.learn(self._log(rng), self._config.log_weight)
        return BanditPolicy(bandit, self._vectors)

    def _progressive(self, rng: np.random.Generator) -> ClusterPolicy:
        bandit = ProgressiveBandit(self._tree, self._config, rng)
        bandit.learn(self._log(rng), self._config.log_weight)
        return BanditPolicy(bandit, self._vectors)

    def _neural_linear(self, rng: np.random.Generator) -> ClusterPolicy:
        bandit = NeuralLinearBandit(self._vectors, self._config, rng)
        bandit.fit(self._log(rng))
        return BanditPolicy(bandit, self._vectors)

    def _tabulated(self, table: PlanTable) -> ClusterPolicy:
        return replace(self._system.planner(), table=table, alignment=None)

    def _led(self, adjacent: int, new_family: int, new_field: int) -> ClusterPolicy:
        """Return the planner as served, with another mix of distances."""
        planner = self._system.planner()
        mix = Mix(adjacent=adjacent, new_family=new_family, new_field=new_field)
        return replace(planner, config=planner.config.asked(None, mix))

    def _placebo(self, rng: np.random.Generator) -> ClusterPolicy:
        system = self._system
        return replace(system.planner(), table=shuffle_table(system.table, rng))

    def _oracle(self) -> ClusterPolicy:
        of_item = self._clusters.clusters_of(self._environment.item_ids)
        return ScoredPolicy(expected_liking(self._environment, of_item, self._clusters.n_clusters))
