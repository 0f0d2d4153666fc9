"""The built tree's experiment for a policy of one's own, behind Gymnasium's interface."""

from __future__ import annotations

from inference.experiment.gymnasium_env import InterestExplorationEnv
from inference.experiment.study.config import WorldName
from pipelines.experiment.study_runs import Workbench, study_experiment
from pipelines.params.params import read_params


def open_environment(world: str = "planted", seed: int = 0) -> InterestExplorationEnv:
    """Return the people of one seed of the study, in one of its worlds, to be shown lists.

    It is read from the working tree, after ``dvc repro``. Unlike in the study the recommender is
    not trained on between requests.

    Args:
        world: planted, choice, fitted or null.
        seed: which people these are, and what is true of them.

    Raises:
        UserError: something of the tree is missing, or its truth is not known to it.
    """
    params = read_params()
    bench = Workbench(params)
    participants, truth = bench.set_up(WorldName(world), seed)
    return InterestExplorationEnv(
        bench.system, participants, truth, study_experiment(params), params.serving.exploration
    )
