"""Plans shards with Ray: on a temporary instance of its own, or on a cluster by its address.

The planner's files travel through Ray's object store once, so that other machines need this
project installed and nothing else of this tree.
"""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import torch

from expectations.contracts.errors import UserError
from inference.search.config import TableRunConfig
from inference.search.memory import keep_freed_memory
from inference.search.ranking import ContextRanker
from inference.table.shards import PlannedShard, Shard, plan_shard
from inference.table.sources import RankerSource

if TYPE_CHECKING:
    from ray import ObjectRef

RESULTS_BYTES = 256 * 2**20
"""Room for shards on their way in an instance of our own: one of 1,024 rows of 50 clusters takes
some 400 kB."""
ANSWER_SECONDS = 10
"""A cluster within reach answers at once."""
SHARD_COLUMN, RESULT_COLUMN = "shard", "planned"

Folder = dict[str, bytes]
"""A folder's files by relative name."""


def plan_with_ray(
    shards: Sequence[Shard],
    source: RankerSource,
    threads: int,
    run: TableRunConfig,
    report_rows: Callable[[int], None],
) -> Iterator[PlannedShard]:
    """Yield each shard as some actor has planned it, in whatever order.

    An actor that dies is started again, and its shard planned anew.

    Raises:
        UserError: Ray is not installed, the cluster does not answer, or a planner cannot be opened.
    """
    folders = [read_folder(folder) for folder in source.folders]
    n_bytes = sum(len(content) for folder in folders for content in folder.values())
    with _connected(run, threads, n_bytes) as ray:
        # In a list, a reference is handed on as it is: the files lie in the store once, and are
        # there for an actor that is started again.
        packed = [ray.put(folders)]
        rows = [{SHARD_COLUMN: pickle.dumps(shard)} for shard in shards]
        planned = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            ShardActor,
            fn_constructor_args=(source, packed, threads),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(run.workers, len(shards))),
            num_cpus=threads,
            num_gpus=run.ray_gpus,
        )
        for row in planned.iter_rows():
            result: PlannedShard | UserError = pickle.loads(row[RESULT_COLUMN])
            if isinstance(result, UserError):
                raise result
            report_rows(result.rows.height)
            yield result


class ShardActor:
    """Holds a ranker on some machine and plans the shards that Ray brings it."""

    def __init__(self, source: RankerSource, packed: Sequence[ObjectRef], threads: int) -> None:
        torch.set_num_threads(threads)
        keep_freed_memory()
        self._source = source
        self._packed = packed
        self._ranker: ContextRanker | None = None

    def __call__(self, batch: Mapping[str, Sequence[bytes]]) -> dict[str, list[bytes]]:
        """Plan the shards of one batch of Ray Data."""
        shards = [pickle.loads(content) for content in batch[SHARD_COLUMN]]
        return {RESULT_COLUMN: [pickle.dumps(self._plan(shard)) for shard in shards]}

    def _plan(self, shard: Shard) -> PlannedShard | UserError:
        """Return a user error as a result: of those raised, Ray keeps nothing but the text."""
        try:
            if self._ranker is None:
                self._ranker = self._open()
            return plan_shard(self._ranker, shard)
        except UserError as error:
            return error

    def _open(self) -> ContextRanker:
        import ray

        with tempfile.TemporaryDirectory() as scratch:
            folders = []
            for number, folder in enumerate(ray.get(self._packed[0])):
                folders.append(Path(scratch, str(number)))
                write_folder(folder, folders[-1])
            return self._source.open(folders)


def read_folder(folder: Path) -> Folder:
    """Return all files below a folder, contents in memory."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def write_folder(content: Folder, folder: Path) -> None:
    """Write what :func:`read_folder` read."""
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@contextmanager
def _connected(run: TableRunConfig, threads: int, n_bytes: int) -> Iterator[ModuleType]:
    """Yield Ray, connected. An instance of our own listens on the loopback only and ends after."""
    # Despite its name the one setting, on Linux too, that keeps Ray's servers on the loopback.
    # Ray reads it while it is imported; a process that imports Ray before has to set it itself.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0" if _is_local(run) else "1"
    try:
        import ray
        import ray.data
    except ImportError:
        remedy = "pip install -c constraints.txt -e '.[ray]', or set table_run.engine: local"
        raise UserError("table_run.engine", "Ray is installed", remedy) from None
    scratch = tempfile.mkdtemp(prefix="ray-")
    try:
        _connect(ray, run, threads, n_bytes, scratch)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False  # the caller shows one
        yield ray
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


def _connect(
    ray: ModuleType, run: TableRunConfig, threads: int, n_bytes: int, scratch: str
) -> None:
    quiet: dict[str, object] = {"log_to_driver": False, "logging_level": "ERROR"}
    if run.ray_address is None:
        ray.init(
            num_cpus=run.workers * threads,
            include_dashboard=False,
            object_store_memory=RESULTS_BYTES + 2 * n_bytes,
            _temp_dir=scratch,
            **quiet,
        )
        return
    try:
        if run.ray_address != "auto":  # Ray itself would wait for minutes
            host, port = run.ray_address.split(":")
            socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
        ray.init(address=run.ray_address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        remedy = "start the cluster, run on one of its machines, or correct table_run.ray_address"
        raise UserError(
            run.ray_address, "a Ray cluster answers there", remedy, str(error)[:200]
        ) from None


def _is_local(run: TableRunConfig) -> bool:
    return run.ray_address is None or run.ray_address.startswith("127.")
