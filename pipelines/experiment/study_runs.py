"""One run of the study: one arm in one world by one seed, its log kept as a file."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import polars as pl
import torch

from inference.experiment.arms import System
from inference.experiment.calibration import calibration_of
from inference.experiment.change import with_arrivals
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.environment import Environment
from inference.experiment.participants import Participant
from inference.experiment.simulate import Arm, run_arm
from inference.experiment.study.config import WorldName
from inference.experiment.study.diversion import divert, half_of_users
from pipelines.experiment.policies import PolicyMaker
from pipelines.experiment.retraining import Retraining, read_histories
from pipelines.experiment.system import choose_participants, load_system
from pipelines.experiment.worlds import WorldMaker
from pipelines.io.artefact_io import COMPRESSION, atomic_file
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.plan_reader import read_plan
from pipelines.params.params import Params, read_params
from training.clusters.tree_view import ServingClusters
from training.recommender.model.recommender import SequenceRecommender


@dataclass(frozen=True)
class StudyRun:
    """What is simulated at one time."""

    world: WorldName
    seed: int
    arm: ArmName

    def file_in(self, folder: Path) -> Path:
        """Return where its log lies in the folder of the study."""
        return folder / "logs" / self.world / str(self.seed) / f"{self.arm}.parquet"


def study_experiment(params: Params) -> ExperimentConfig:
    """Return the experiment's settings as the study has them."""
    study = params.study
    changed = {
        name: getattr(study, name)
        for name in ("rounds", "leaving", "drift", "emerging", "arriving")
    }
    return params.experiment.model_copy(update=changed | {"max_users": 2 * study.users})


class Workbench:
    """What all runs of a process share: read, loaded and fitted once."""

    def __init__(self, params: Params) -> None:
        """Take the settings."""
        self._params = params
        self._config = study_experiment(params)

    @cached_property
    def clusters(self) -> ServingClusters:
        """Of the serving level."""
        return read_clusters(self._params.clusters.serving_level)

    @cached_property
    def worlds(self) -> WorldMaker:
        """Makes environments."""
        params = self._params
        return WorldMaker(self.clusters, params.dataset.threshold, params.runtime.seed)

    @cached_property
    def system(self) -> System:
        """What is under test, as it would be served."""
        return load_system(self.clusters, read_plan())

    @cached_property
    def _histories(self) -> dict[str, list[int]]:
        recommender = self.system.recommender
        if not isinstance(recommender, SequenceRecommender):
            return {}
        return read_histories(recommender.layout)

    def set_up(self, world: WorldName, seed: int) -> tuple[list[Participant], Environment]:
        """Return who takes part and what is true of them: the same for every arm."""
        draw, half = divmod(seed, 2)
        base = self._params.runtime.seed
        everybody = choose_participants(self._config.max_users, np.random.default_rng([base, draw]))
        participants = half_of_users(everybody, half)
        rng = np.random.default_rng([base, seed, list(WorldName).index(world)])
        environment = self.worlds.make(world, [user.user_id for user in participants], rng)
        arriving = with_arrivals(environment, self._config, base + draw)
        return participants, divert(arriving, half, self._config.rounds, base + draw)

    def simulate(self, run: StudyRun) -> pl.DataFrame:
        """Return the log of a run."""
        participants, environment = self.set_up(run.world, run.seed)
        params, system, seed = self._params, self.system, self._params.runtime.seed + run.seed
        policies = PolicyMaker(system, environment, self.clusters, params.table, self._config, seed)
        arm = Arm(
            run.arm,
            policies.make(run.arm),
            system.recommender,
            system.cluster_of_item,
            Retraining(self._histories, seed),
            calibration_of(run.arm, self._config),
        )
        exploration = params.serving.exploration
        return run_arm(arm, participants, environment, self._config, exploration, seed)

    def leave(self, run: StudyRun, folder: Path) -> StudyRun:
        """Simulate a run on one thread and leave its log in the folder, whole or not at all."""
        torch.set_num_threads(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a factorisation that stops at its bound
            log = self.simulate(run)
        with atomic_file(run.file_in(folder)) as file:
            log.write_parquet(file, compression=COMPRESSION)
        return run


@cache
def _workbench() -> Workbench:
    """Return the one of this process, by ``params.yaml``."""
    return Workbench(read_params())


def leave_in_worker(run: StudyRun, folder: Path) -> StudyRun:
    """Simulate a run in a process that does nothing else; see :meth:`Workbench.leave`."""
    return _workbench().leave(run, folder)
