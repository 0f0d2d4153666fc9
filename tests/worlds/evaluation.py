"""A house in a folder, ready for the stages table and evaluate, whose right answers are known.

Eight clusters stand in a circle. Everybody likes four neighbours in turn: s, s + 1, s + 2 and,
in the window under evaluation, s + 3. Contexts know the answer; popularity cannot, since every
cluster is liked equally often.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml
from torch.nn.functional import cross_entropy

from expectations.contracts.tables import CASES, CLUSTERS, INTERACTIONS, ITEM_CLUSTERS, ITEMS
from expectations.contracts.values import ClusterContext, all_contexts
from pipelines.io import paths
from pipelines.io.artefact_io import write_json, write_table
from tests.worlds.alignment import keep_order, leave_alignment
from tests.worlds.collective import make_signal
from tests.worlds.planning import make_planner
from tests.worlds.recommender import SMALL
from training.collective.signal import save_signal
from training.curation.timeline import Timeline
from training.planner.base.adapter_io import add_adapter, save_adapter
from training.planner.base.base_model import save_base
from training.planner.base.decode import pad_left
from training.planner.base.model_io import Planner
from training.planner.config import LoraSettings
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, arrange_items
from training.recommender.fitting.fit import fit_recommender
from training.recommender.model.recommender import SequenceRecommender

NAMES = (
    "alpine walks",
    "bread ovens",
    "chess clubs",
    "dance halls",
    "early maps",
    "folk tales",
    "garden ponds",
    "harbour boats",
)
N = len(NAMES)
DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
TIMELINE = Timeline((START + 10 * DAY,), (START + 20 * DAY,), START + 30 * DAY)
PARAMS = {
    "runtime": {"threads": 1},
    "clusters": {"levels": [N]},
    "table": {"batch_rows": 16},
    "evaluation": {"resamples": 200},
}


def next_on_circle(context: ClusterContext) -> int:
    """The planted answer: the neighbour of the context's leading end."""
    first, last = context.members[0], context.members[-1]
    lead = first if (first, last) in {(0, N - 1), (0, N - 2), (1, N - 1)} else last
    following = (lead + 1) % N
    return following if following not in context.members else (following + 1) % N


def teach(planner: Planner, targets: Sequence[int], steps: int) -> None:
    """Train on all contexts until greedy decoding writes each target's description."""
    prompts = [
        planner.encode_prompt([NAMES[m] for m in context.members]) for context in all_contexts(N)
    ]
    rows = [p + planner.encode_completion(NAMES[t]) for p, t in zip(prompts, targets, strict=True)]
    tokens, mask = pad_left(rows, planner.pad_token_id)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    lengths = torch.tensor([len(planner.encode_completion(NAMES[t])) for t in targets])
    is_answer = torch.arange(tokens.shape[1]) >= tokens.shape[1] - lengths[:, None]
    labels = tokens.masked_fill(~is_answer, -100)[:, 1:]
    optimizer = torch.optim.AdamW(planner.model.parameters(), lr=3e-3)
    planner.model.train()
    for _ in range(steps):
        logits = planner.model(tokens, attention_mask=mask, position_ids=positions).logits
        loss = cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    planner.model.eval()


def build_house(folder: Path, steps: int = 120, collapsed: bool = False) -> None:
    """Write params.yaml and every artefact that the two stages read below ``folder``.

    ``steps`` 0 leaves the planner untaught; ``collapsed`` teaches it one answer for everything.
    """
    torch.set_num_threads(1)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    write_json(TIMELINE.to_json(), folder / paths.TIMELINE)
    write_table(_clusters(), folder / paths.CLUSTERS, CLUSTERS)
    write_table(_item_clusters(), folder / paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    write_table(_items(), folder / paths.ITEMS, ITEMS)
    write_table(_interactions(), folder / paths.INTERACTIONS, INTERACTIONS)
    write_table(_cases(), folder / paths.CASES, CASES)
    for place in (paths.RECOMMENDER, paths.RECOMMENDER_BEFORE_VALIDATION):
        (folder / place).mkdir(parents=True)
        fit_circle_recommender().save(folder / place)
    planner = make_planner(NAMES, width=48)
    contexts = list(all_contexts(N))
    targets = [
        (0 if 0 not in context.members else 1) if collapsed else next_on_circle(context)
        for context in contexts
    ]
    teach(planner, targets, steps)
    save_base(planner.model, planner.tokenizer, folder / paths.BASE_MODEL)
    with_adapter = add_adapter(planner.model, LoraSettings(rank=2), seed=0)  # adds nothing yet
    for adapter in (paths.PLANNER_ADAPTER, paths.ADAPTER_BEFORE_VALIDATION):
        prompt = planner.describe_prompts()
        save_adapter(with_adapter, prompt, folder / paths.BASE_MODEL, folder / adapter)
    (folder / paths.SIGNAL_BEFORE_TEST).parent.mkdir()
    for signal in (paths.SIGNAL_BEFORE_VALIDATION, paths.SIGNAL_BEFORE_TEST):
        save_signal(make_signal(0, N), folder / signal)
    for alignment in (paths.ALIGNMENT_BEFORE_VALIDATION, paths.ALIGNMENT):
        leave_alignment(keep_order(N), folder / alignment)


@lru_cache
def fit_circle_recommender(step: int = 1) -> SequenceRecommender:
    """Fit on walks round the circle, one item a cluster, forwards or backwards (``step`` -1)."""
    layout = arrange_items([f"item{cluster}" for cluster in range(N)], np.arange(N), N)
    walks = [
        [FIRST_ITEM + (start + step * place) % N for place in range(4)] for start in range(N)
    ] * 20
    config = SMALL.model_copy(update={"max_epochs": 15})
    return fit_recommender(Sequences.of(walks * 20), layout, config, seed=0)


def _clusters() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "level": [0] * N,
            "cluster_id": list(range(N)),
            "parent_id": [None] * N,
            "description": NAMES,
            "n_items": [1] * N,
            "traffic": [1 / N] * N,
            "distinction": [None] * N,
        },
        schema_overrides={
            "parent_id": pl.Int64,
            "traffic": pl.Float32,
            "distinction": pl.String,
        },
    )


def _item_clusters() -> pl.DataFrame:
    items = [f"item{cluster}" for cluster in range(N)]
    return pl.DataFrame({"item_id": items, "level": [0] * N, "cluster_id": list(range(N))})


def _items() -> pl.DataFrame:
    """Items whose words are those of their cluster's name; no two clusters share one."""
    return pl.DataFrame(
        {
            "item_id": [f"item{cluster}" for cluster in range(N)],
            "title": list(NAMES),
            "text": list(NAMES),
            "category_path": pl.Series([None] * N, dtype=pl.List(pl.String)),
        }
    )


def _walks() -> pl.DataFrame:
    """One row per user and step; 80 users each before validation, in it, and in the test."""
    rows = []
    for period, split in enumerate(("train", "validation", "test")):
        for number in range(80):
            start = number % N
            for step in range(4):
                # the first three steps lie before the period's window, the last inside it
                at = START + (10 * period - 4 + step if period else step) * DAY
                at += 2 * DAY if period and step == 3 else timedelta(minutes=number)
                rows.append((split, f"{split}{number:02}", (start + step) % N, step, at))
    schema = ["split", "user_id", "cluster_id", "step", "timestamp"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _interactions() -> pl.DataFrame:
    return _walks().select(
        "user_id",
        pl.format("item{}", "cluster_id").alias("item_id"),
        pl.col("timestamp").cast(pl.Datetime("us", "UTC")),
        pl.lit(None, dtype=pl.Float32).alias("feedback"),
        pl.lit(True).alias("is_positive"),
    )


def _cases() -> pl.DataFrame:
    walks = _walks().filter(pl.col("split") != "train").sort("user_id", "step")
    before = pl.col("step") < 3
    origins = {"validation": TIMELINE.train_until, "test": TIMELINE.fit_until}
    return (
        walks.group_by("split", "user_id", maintain_order=True)
        .agg(
            history_clusters=pl.col("cluster_id").filter(before).reverse(),
            consumed_clusters=pl.col("cluster_id").filter(before),
            positives=pl.col("cluster_id").filter(~before),
        )
        .with_columns(origin=pl.col("split").replace_strict(origins).cast(pl.Datetime("us", "UTC")))
    )


def random_rankings(n_cases: int, n_clusters: int, seed: int) -> list[list[int]]:
    """Return rankings drawn at random, the floor of every metric."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(n_clusters).tolist() for _ in range(n_cases)]
