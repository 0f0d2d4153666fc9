"""What a table is made of: the planner, the descriptions, the ranking, and how it was run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

import inference.search
import inference.table
import training.planner
from expectations.contracts.content_hash import hash_content
from inference.search.config import BATCH_SETTINGS, TableConfig, TableRunConfig
from inference.search.ranking import depth_of_family
from pipelines.io import paths
from training.planner.base.base_reference import fingerprint_base

RECORD_SCHEMA = 3
"""1 was the same without the field; in 2 the last of a row was always the last of the best of all.
"""
RANKING_SETTINGS = ("score", "depth", "whole_up_to", "score_step")


@dataclass(frozen=True)
class TableRecipe:
    """What decides a table but for the last bits of its scores.

    Attributes:
        base_model: fingerprint of the base model.
        adapter: SHA-256 of the planner's adapter.
        descriptions: of the clusters, by id.
        ranking: the settings of :data:`RANKING_SETTINGS`.
        families: of the clusters, by id; ``None`` where rows hold the best of all and no more.
        per_family: clusters of every family that a row holds.
    """

    base_model: str
    adapter: str
    descriptions: tuple[str, ...]
    ranking: dict[str, object]
    families: tuple[int, ...] | None
    per_family: int


@dataclass(frozen=True)
class TableRecord(TableRecipe):
    """What is kept beside a table, so that it can be refreshed.

    Attributes:
        unproven: keys of the rows that are left with an error bound.
        arithmetic: what the last bits of all its rows rest on; ``None`` where they differ in it.
        code: hashes of the code that planned it; ``None`` where an earlier version did.
    """

    unproven: tuple[str, ...]
    arithmetic: str | None
    code: tuple[str, ...] | None = None


def describe_recipe(
    descriptions: Sequence[str], families: Sequence[int], config: TableConfig
) -> TableRecipe:
    """Return what decides the table but for the last bits of its scores: planner, words, ranking.

    The planner is named by what its files hold, so the same one has the same name everywhere.
    """
    per_family = depth_of_family(len(descriptions), config)
    return TableRecipe(
        base_model=fingerprint_base(paths.BASE_MODEL),
        adapter=hash_content(paths.PLANNER_ADAPTER).sha256,
        descriptions=tuple(descriptions),
        ranking=config.model_dump(include=set(RANKING_SETTINGS)),
        families=tuple(families) if per_family else None,
        per_family=per_family,
    )


def describe_run(
    recipe: TableRecipe, config: TableConfig, run: TableRunConfig, part: str
) -> dict[str, object]:
    """Return what every bit of a run's rows depends on; shards are kept for just this.

    ``part`` names the run among those that one table takes.
    """
    on_gpu = run.ray_gpus > 0 if run.engine == "ray" else torch.cuda.is_available()
    cpu = torch.backends.cpu.get_cpu_capability()
    return {
        **asdict(recipe),
        "part": part,
        "previous": config.previous.sha256 if config.previous else None,
        "batches": config.model_dump(include=set(BATCH_SETTINGS)),
        "code": describe_code(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else cpu,
    }


def describe_code() -> tuple[str, ...]:
    """Return a hash of each package that a row's scores come from."""
    rooms = (inference.search, inference.table, training.planner)
    return tuple(_hash_code(Path(room.__path__[0])) for room in rooms)


def _hash_code(room: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(room.rglob("*.py")):
        digest.update(f"{file.relative_to(room)}\0{hash_content(file).sha256}\n".encode())
    return digest.hexdigest()
