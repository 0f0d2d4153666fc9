"""Every section and its config; a mistake shows in seconds."""

from __future__ import annotations

from inference.experiment.config import ExperimentConfig
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from inference.serving.config import ServingConfig
from pipelines.guards.gates_config import GatesConfig
from pipelines.io.params import read_params
from pipelines.release.retention import RetentionConfig
from pipelines.sources.config import DatasetConfig
from training.alignment.config import AlignmentConfig
from training.clusters.config import ClusterConfig
from training.collective.config import CollectiveConfig
from training.config import Config, RuntimeConfig
from training.curation.config import CurationConfig, HistoryConfig
from training.curation.timeline import SplitConfig
from training.evaluation.clusters.config import EvaluationConfig
from training.planner.config import PlannerConfig
from training.recommender.config import RecommenderConfig

CONFIG_OF: dict[str, type[Config]] = {
    "runtime": RuntimeConfig,
    "dataset": DatasetConfig,
    "split": SplitConfig,
    "clusters": ClusterConfig,
    "histories": HistoryConfig,
    "curation": CurationConfig,
    "collective": CollectiveConfig,
    "planner": PlannerConfig,
    "recommender": RecommenderConfig,
    "table": TableConfig,
    "plan": PlanConfig,
    "alignment": AlignmentConfig,
    "evaluation": EvaluationConfig,
    "gates": GatesConfig,
    "experiment": ExperimentConfig,
    "serving": ServingConfig,
    "retention": RetentionConfig,
}


def check_params() -> None:
    """Read every section; raises :class:`UserError` at the first mistake."""
    for section, config in CONFIG_OF.items():
        read_params(section, config)
