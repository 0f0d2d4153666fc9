"""Settings of the novel-cluster table: how it is searched, planned in bulk, and refreshed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from training.config import Config

Score = Literal["closed", "open"]

BATCH_SETTINGS = (
    "batch_rows",
    "nodes_per_row",
    "cache_megabytes",
    "search_dtype",
    "search_margin",
    "worker_threads",
)
"""What decides with what else, and how, a row is planned."""


class PreviousTableConfig(Config):
    """A previous table of the same planner, to be refreshed where clusters have changed.

    Attributes:
        folder: holds its table and its record, as the table stage names them.
        sha256: pins their content.
    """

    folder: str
    sha256: str


class TableConfig(Config):
    """How the table is computed.

    Attributes:
        depth: clusters a row keeps where there are more than ``whole_up_to`` clusters; a heavy
            user has consumed most of a short ranking.
        per_family: clusters of every family that a row keeps there, whether among these or not:
            the near ones alone would leave a plan nowhere far to go. 0 keeps the best of all only.
        whole_up_to: number of clusters up to which every row is the whole ranking.
        score_step: scores are rounded to multiples of this before ranking; equal ones stand in
            ascending cluster id. Larger than the last bits of float32, so that they move few
            scores, and those by one step.
        worker_threads: of each process that plans; changes at most the last bits.
        score: what a score is the logarithm of: the probability that the planner writes a
            description when held to the descriptions (``closed``), or when it may write anything
            (``open``); see ``docs/research/planning.md``.
        batch_rows: contexts that are planned together; changes at most the last bits.
        nodes_per_row: nodes of the tree of descriptions, that is tokens, read for one row at
            most, beyond ``whole_up_to`` clusters; a row that needs more is left with an error
            bound.
        cache_megabytes: bound on the key-value cache; fewer rows are planned at once to keep it.
        search_dtype: ``bfloat16`` searches with half the bytes, then scores in float32 what was
            found; worth it on a GPU.
        search_margin: how far below a row's last rank a bfloat16 search must look, in nats; a
            row is proven if no score was off by more than half of it.
        previous: the table to refresh; ``None`` plans every row.
    """

    renamed: ClassVar[Mapping[str, str]] = {"places_per_row": "nodes_per_row"}

    depth: int = Field(default=50, ge=1)
    per_family: int = Field(default=4, ge=0)
    whole_up_to: int = Field(default=128, ge=1)
    score_step: float = Field(default=1e-4, gt=0)
    worker_threads: int = Field(default=1, ge=1)
    score: Score = "closed"
    batch_rows: int = Field(default=256, ge=1)
    nodes_per_row: int = Field(default=1024, ge=1)
    cache_megabytes: int = Field(default=1024, ge=1)
    search_dtype: Literal["float32", "bfloat16"] = "float32"
    search_margin: float = Field(default=0.5, gt=0)
    previous: PreviousTableConfig | None = None


class TableRunConfig(Config):
    """Who plans the table. It changes no row, so no stage is made anew for it.

    Attributes:
        shard_rows: rows of a shard, in whole batches: what a kill loses at most, per worker.
        engine: ``local`` plans on this machine, ``ray`` on an instance or a cluster of Ray.
        workers: processes that plan shards, each with a planner of its own; one is this process.
        ray_address: of a running Ray cluster, ``host:port`` or ``auto``; ``None`` starts an
            instance on this machine.
        ray_gpus: GPUs of each Ray worker, parts allowed; without them it plans on the CPU.
    """

    shard_rows: int = Field(default=512, ge=1)
    engine: Literal["local", "ray"] = "local"
    workers: int = Field(default=1, ge=1)
    ray_address: str | None = Field(default=None, pattern=r"^(auto|[^/:\s]+:\d+)$")
    ray_gpus: float = Field(default=0.0, ge=0)
