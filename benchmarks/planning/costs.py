"""What a context costs the engine and transformers' beam search, and who lists what is true.

Seconds are CPU seconds of this process. Contexts are neighbours from the middle of the table.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.planning.models import TrainedWorld
from benchmarks.planning.plain_planning import PlainPlanning, best
from benchmarks.planning.processor_time import LayerClock, cpu_seconds, matrix_peak, timed
from expectations.contracts.values import NO_CLUSTER, ClusterContext, all_contexts
from inference.search.config import TableConfig
from inference.search.engine import PlanningEngine
from inference.table.table import batches_of_contexts
from training.planner.base.model_io import Planner

COUNT = 10
"""Ranks of a list where contenders are compared: the depth of all of them."""
FIRST_PLACES = TableConfig(whole_up_to=1, depth=COUNT, per_family=0)
BEAMS = 10
WIDEN_UP_TO = 256
REPEATS = 5


@dataclass(frozen=True)
class EngineCost:
    """What the engine takes for a context, and what it finds.

    Attributes:
        seconds: a context, median of several runs.
        tokens: read a context, prompts and paths.
        lists_exact: contexts whose first clusters are the oracle's, in order.
        certified: share of the rows.
        places: of a row, mean.
        cache_bytes: at most.
    """

    seconds: float
    tokens: float
    lists_exact: int
    certified: float
    places: float
    cache_bytes: int


@dataclass(frozen=True)
class BeamCost:
    """What ``generate`` takes for a context, and what it finds.

    Attributes:
        seconds: a context with ten beams, median.
        recall: of the oracle's first clusters by ten beams, mean.
        widened_seconds: a context with as many beams as it took to be exact, median of those that
            became so; NaN if none did.
        became_exact: contexts that did.
    """

    seconds: float
    recall: float
    widened_seconds: float
    became_exact: int


@dataclass(frozen=True)
class LayerUse:
    """How the linear layers are used: operations a second, there and at best; a context's cost."""

    rate: float
    peak: float
    share_of_time: float
    tokens: float
    operations: float
    seconds: float


def compare(world: TrainedWorld, n_contexts: int) -> tuple[EngineCost, BeamCost]:
    """Return what both take, held against plain passes over every description.

    ``generate`` and the oracle take ``n_contexts`` of the contexts, which the engine plans as
    the table does: a whole micro-batch at once.
    """
    at_once = max(n_contexts, TableConfig().batch_rows)
    contexts = consecutive_contexts(len(world.descriptions), at_once)
    plain = PlainPlanning(world.planner, world.descriptions)
    truth = [plain.score(context) for context in contexts[:n_contexts]]
    return measure_engine(world, contexts, FIRST_PLACES, truth), measure_beams(
        plain, contexts[:n_contexts], truth
    )


def measure_engine(
    world: TrainedWorld,
    contexts: Sequence[ClusterContext],
    config: TableConfig,
    truth: Sequence[NDArray[np.float64]] = (),
) -> EngineCost:
    """Return what these contexts take together.

    Args:
        world: the planner.
        contexts: one micro-batch.
        config: how rows are ranked.
        truth: the oracle's scores of every cluster, for the first contexts.
    """
    engine = PlanningEngine(world.planner, world.descriptions, world.families, config)
    engine.rank_batch(contexts)
    seconds = [cpu_seconds(partial(engine.rank_batch, contexts)) for _ in range(REPEATS)]
    with LayerClock(world.planner.model) as clock:
        rows = engine.rank_batch(contexts)
    n_clusters = len(world.descriptions)
    exact = 0
    for row, scores, context in zip(rows.clusters.tolist(), truth, contexts, strict=False):
        ranked = best(scores, n_clusters, config.score_step)
        exact += (
            row == [cluster for cluster in ranked if cluster not in context.members][: len(row)]
        )
    return EngineCost(
        seconds=statistics.median(seconds) / len(contexts),
        tokens=clock.tokens / len(contexts),
        lists_exact=exact,
        certified=float(rows.certified.mean()),
        places=float((rows.clusters != NO_CLUSTER).sum(axis=1).mean()),
        cache_bytes=engine.peak_cache_bytes,
    )


def measure_beams(
    plain: PlainPlanning, contexts: Sequence[ClusterContext], truth: Sequence[NDArray[np.float64]]
) -> BeamCost:
    """Return what ``generate`` takes, a context a call, beams doubled until the list is true."""
    step = TableConfig().score_step
    hits, costs, widened = [], [], []
    for context, scores in zip(contexts, truth, strict=True):
        wanted = best(scores, COUNT, step)
        beams = BEAMS
        while beams <= min(WIDEN_UP_TO, len(scores)):
            seconds, listed = timed(partial(plain.generate, context, beams, COUNT))
            if beams == BEAMS:
                hits.append(len(set(listed) & set(wanted)) / COUNT)
                costs.append(seconds)
            if _in_table_order(listed, scores, step) == wanted:
                widened.append(seconds)
                break
            beams *= 2
    return BeamCost(
        seconds=statistics.median(costs),
        recall=float(np.mean(hits)),
        widened_seconds=statistics.median(widened) if widened else float("nan"),
        became_exact=len(widened),
    )


def measure_layers(planner: Planner, world: TrainedWorld, n_batches: int) -> LayerUse:
    """Return the share of the measured matrix peak that the linear layers reach."""
    config = TableConfig()
    engine = PlanningEngine(planner, world.descriptions, world.families, config)
    contexts = list(batches_of_contexts(len(world.descriptions), config.batch_rows))[2:]
    engine.rank_batch(contexts[0])
    peak = matrix_peak()
    with LayerClock(planner.model) as clock:
        spent = sum(cpu_seconds(partial(engine.rank_batch, c)) for c in contexts[:n_batches])
    n_contexts = sum(map(len, contexts[:n_batches]))
    return LayerUse(
        rate=clock.operations / clock.seconds,
        peak=peak,
        share_of_time=clock.seconds / spent,
        tokens=clock.tokens / n_contexts,
        operations=clock.operations / n_contexts,
        seconds=spent / n_contexts,
    )


def large_model(planner: Planner) -> Planner:
    """Return an untrained model of 12 layers of 768 with the planner's tokenizer."""
    sizes = LlamaConfig(
        vocab_size=planner.model.config.vocab_size,
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=12,
        pad_token_id=planner.pad_token_id,
        eos_token_id=planner.end_token_id,
        initializer_range=0.1,
    )
    return replace(planner, model=LlamaForCausalLM(sizes).eval())


def consecutive_contexts(n_clusters: int, count: int) -> list[ClusterContext]:
    """Return neighbouring contexts from the middle of the table, as they are planned."""
    contexts = [context for context in all_contexts(n_clusters) if len(context.members) > 1]
    start = min(len(contexts) // 3, len(contexts) - count)
    return contexts[start : start + count]


def _in_table_order(listed: Sequence[int], scores: NDArray[np.float64], step: float) -> list[int]:
    """Return the list with clusters whose scores are equal to the step in ascending id."""
    return sorted(listed, key=lambda cluster: (-np.rint(scores[cluster] / step), cluster))
