"""Plans shards on this machine: in this process, or in several with their threads fixed."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

import torch

from expectations.contracts.errors import UserError
from inference.search.memory import keep_freed_memory
from inference.search.ranking import ContextRanker
from inference.table.shards import PlannedShard, Shard, plan_shard
from inference.table.sources import RankerSource

SHARDS_AHEAD = 2
"""Per worker: one being planned, one waiting; more would only hold memory."""


def plan_in_process(
    shards: Sequence[Shard],
    source: RankerSource,
    threads: int,
    report_rows: Callable[[int], None],
) -> Iterator[PlannedShard]:
    """Yield each shard as it is planned, one after the other, here."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    ranker = source.open(source.folders)
    for shard in shards:
        yield plan_shard(ranker, shard, report_rows)


def plan_in_processes(
    shards: Sequence[Shard],
    source: RankerSource,
    workers: int,
    threads: int,
    report_rows: Callable[[int], None],
) -> Iterator[PlannedShard]:
    """Yield each shard as some worker has planned it, in whatever order.

    Workers are new interpreters, so that nothing of this one (threads above all) is in them.

    Raises:
        UserError: a worker died; what it worked on is lost, the rest has been yielded.
    """
    waiting = iter(shards)
    with ProcessPoolExecutor(
        max_workers=min(workers, len(shards)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(source, threads),
    ) as pool:
        running: dict[Future[PlannedShard], Shard] = {}
        try:
            while True:
                ahead = SHARDS_AHEAD * workers - len(running)
                for shard in islice(waiting, ahead):
                    running[pool.submit(_plan_in_worker, shard)] = shard
                if not running:
                    return
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    shard = running.pop(future)
                    planned = future.result()
                    report_rows(shard.n_rows)
                    yield planned
        except BrokenProcessPool:
            rule = "every worker lives until the table is planned"
            remedy = (
                "look whether memory ran out (fewer table_run.workers), then run again to go on"
            )
            raise UserError("table_run.workers", rule, remedy) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Worker:
    """What one worker process holds; a pool hands nothing on from its initializer to its tasks."""

    source: RankerSource | None = None
    ranker: ContextRanker | None = None


def _start_worker(source: RankerSource, threads: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    keep_freed_memory()
    _Worker.source = source


def _plan_in_worker(shard: Shard) -> PlannedShard:
    if _Worker.source is None:
        raise RuntimeError("the worker has not been started")
    if _Worker.ranker is None:  # here, since a pool hides what its initializer raises
        _Worker.ranker = _Worker.source.open(_Worker.source.folders)
    return plan_shard(_Worker.ranker, shard)


def _end_with_parent() -> None:
    """End this process once its parent is gone: a pool's workers would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
