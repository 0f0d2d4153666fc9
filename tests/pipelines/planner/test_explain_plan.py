"""A plan is explained from the built tree: its rows, the log's evidence, what the planner adds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, USER_CLUSTER_HISTORY, Table
from expectations.contracts.values import ClusterContext, all_contexts
from pipelines.commands import app
from pipelines.io import paths
from pipelines.io.artefact_io import write_json, write_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import read_params
from pipelines.planner.explain_plan import ExplainedPlan, explain_plan
from tests.worlds.evaluation import NAMES, TIMELINE, N, build_house, next_on_circle
from training.collective.backoff import BackoffWeights
from training.collective.fit import CollectiveWeights

ABOVE = 3.0
"""Nats by which the planted row prefers its answer over every other cluster."""
BACKOFF = BackoffWeights(np.zeros(3), 0.0)
COUNTED = CollectiveWeights(np.array([1.0, 0.0, 0.0, 0.0, 0.0]), 1.0, 1.0, 10, BACKOFF)
"""Weights of a signal that counts what came next, and nothing else."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house with a planted table, three people's states and a signal of counts."""
    folder = tmp_path_factory.mktemp("built")
    build_house(folder, steps=0)
    rows = []
    for context in all_contexts(N):
        answer = next_on_circle(context)
        others = [c for c in range(N) if c not in (*context.members, answer)]
        logs = np.log(np.array([np.exp(ABOVE)] + [1.0] * len(others)))
        shares = (logs - np.log(np.exp(logs).sum())).tolist()
        rows.append(("", context.key, TIMELINE.end, [answer, *others], shares))
    write_rows(rows, folder / paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    states = [
        ("", "ann", TIMELINE.train_until, [5], [5]),
        ("", "ann", TIMELINE.end, [2, 1], [1, 2, 5]),
        ("", "one", TIMELINE.end, [4], [4]),
        ("", "shy", TIMELINE.end, [], [3]),
    ]
    write_rows(states, folder / paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    write_json(COUNTED.to_metrics(), folder / paths.metrics_of("collective"))
    return folder


def write_rows(rows: list[tuple[object, ...]], path: Path, table: Table) -> None:
    schema = pl.DataFrame(table.schema.empty_table()).schema
    write_table(pl.DataFrame(rows, schema=schema, orient="row"), path, table)


@pytest.fixture(autouse=True)
def _inside(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built)


def explained(user: str, count: int = 3) -> ExplainedPlan:
    params = read_params()
    return explain_plan(params, read_clusters(params.clusters.serving_level), user, count)


def test_the_last_state_is_explained_by_its_row_and_what_was_counted() -> None:
    plan = explained("ann")
    assert (plan.history, plan.n_rows, plan.n_missing) == ((2, 1), 1, 0)
    assert len(plan.clusters) == 3
    assert not {1, 2, 5} & {cluster.cluster_id for cluster in plan.clusters}
    first = plan.clusters[0]
    # everybody goes on to the neighbour: ten people from 1, then 2, to 3
    assert (first.cluster_id, first.led_by) == (3, ClusterContext.of(1, 2))
    assert first.planner_share == pytest.approx(np.exp(ABOVE) / (np.exp(ABOVE) + N - 3), rel=1e-5)
    assert first.after_all > 0
    assert first.factors["pair_counts"] > 1
    assert [first.factors[kind] for kind in ("text", "popularity", "collaborative")] == [1, 1, 1]
    assert first.signal_share > max(cluster.signal_share for cluster in plan.clusters[1:])
    assert first.added == pytest.approx(first.planner_share / first.signal_share)


def test_one_interest_has_its_own_row() -> None:
    plan = explained("one", count=1)
    assert (plan.n_rows, plan.clusters[0].led_by) == (1, ClusterContext.of(4))
    assert plan.clusters[0].after_each == (plan.clusters[0].after_all,)


def test_the_command_tells_it_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    app.run(["explain-plan", "ann", "--count", "2"])
    said = capsys.readouterr().out
    assert f"interests, newest first: {NAMES[2]}; {NAMES[1]}" in said
    assert f"1. {NAMES[3]} (a new field)" in said
    assert f"most by the row of: {NAMES[1]} + {NAMES[2]}" in said
    assert "nearness of words ×1," in said
    assert "\n2. " in said
    assert "\n3. " not in said
    app.run(["explain-plan", "one", "--count", "1"])
    assert "after both" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("user", "rule"), [("nobody", "one of the built histories"), ("shy", "has liked something")]
)
def test_who_has_no_plan_is_one_clear_line(user: str, rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        explained(user)
