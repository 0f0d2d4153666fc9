"""A model that the engine cannot read is ranked by plain passes, and the log says so."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from expectations.contracts.errors import UserError
from expectations.contracts.values import all_contexts
from inference.search.arithmetic import is_by_row
from inference.search.config import Score, TableConfig
from inference.search.engine import PlanningEngine
from inference.search.plain_ranking import PlainRanker
from inference.table.table import make_ranker
from tests.worlds.planning import DESCRIPTIONS, ONE_FAMILY, make_planner, score_one_by_one

N = len(DESCRIPTIONS)
PAIRS = [context for context in all_contexts(N) if len(context.members) == 2][::5]
SCORES: tuple[Score, ...] = ("closed", "open")


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("architecture", ["sliding", "gptj"])
def test_rows_are_those_of_plain_transformers(
    architecture: str, score: Score, caplog: pytest.LogCaptureFixture
) -> None:
    planner = make_planner(architecture=architecture)
    config = TableConfig(score=score)
    with caplog.at_level(logging.WARNING):
        ranker = make_ranker(planner, DESCRIPTIONS, ONE_FAMILY, config)
    assert isinstance(ranker, PlainRanker)
    assert "full attention" in caplog.text
    rows = ranker.rank_batch(PAIRS)
    assert rows.certified.all()
    assert not is_by_row(rows.arithmetic)
    expected = score_one_by_one(planner, PAIRS, DESCRIPTIONS, score)
    for row, context in enumerate(PAIRS):
        best = [c for c in np.argsort(-expected[row]).tolist() if c not in context.members]
        assert rows.clusters[row].tolist() == best
        assert np.abs(rows.scores[row] - expected[row, best]).max() < 2e-4
    some = ranker.score_candidates(PAIRS, [7, 1])
    assert np.abs(some - expected[:, [7, 1]]).max() < 1e-4


@pytest.mark.parametrize("score", SCORES)
def test_both_ways_of_reading_agree(score: Score) -> None:
    planner, config = make_planner(), TableConfig(score=score)
    engine = make_ranker(planner, DESCRIPTIONS, ONE_FAMILY, config)
    assert isinstance(engine, PlanningEngine)
    plain = PlainRanker(planner, DESCRIPTIONS, ONE_FAMILY, config)
    fast, slow = (ranker.rank_batch(PAIRS) for ranker in (engine, plain))
    assert fast.clusters.tolist() == slow.clusters.tolist()


def test_what_is_no_number_is_refused() -> None:
    planner = make_planner(architecture="gptj")
    with torch.no_grad():
        planner.model.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(UserError, match="finite"):
        PlainRanker(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig()).rank_batch(PAIRS[:1])
