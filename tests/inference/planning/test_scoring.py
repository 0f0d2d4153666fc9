"""One pass over the trie gives what one plain pass per description gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterPair, all_pairs
from inference.planning.scoring import score_descriptions
from tests.worlds.planning import DESCRIPTIONS, make_planner, score_one_by_one

LARGE = 50_000_000
CONTEXTS = [*all_pairs(len(DESCRIPTIONS))][::3]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt2"])
def test_scores_and_ranks_are_those_of_plain_transformers(architecture: str) -> None:
    planner = make_planner(architecture=architecture)
    expected = score_one_by_one(planner, CONTEXTS, DESCRIPTIONS)
    found = score_descriptions(planner, CONTEXTS, DESCRIPTIONS, 4, LARGE)
    assert np.abs(found - expected).max() < 1e-4
    assert (np.argsort(-found, axis=1) == np.argsort(-expected, axis=1)).all()


def test_the_world_is_no_easy_one() -> None:
    # Different contexts rank differently, or agreement would prove little.
    scores = score_descriptions(make_planner(), CONTEXTS, DESCRIPTIONS, 4, LARGE)
    assert len({tuple(np.argsort(row)) for row in scores}) > len(CONTEXTS) // 3


def test_a_trie_cut_for_memory_gives_the_same_scores() -> None:
    planner = make_planner()
    whole = score_descriptions(planner, CONTEXTS, DESCRIPTIONS, 4, LARGE)
    for logits_at_once in (1, 4 * 340 * 6):  # one description at a time; a few
        cut = score_descriptions(planner, CONTEXTS, DESCRIPTIONS, 4, logits_at_once)
        assert np.abs(cut - whole).max() < 1e-4


def test_prompts_of_a_batch_do_not_see_each_other() -> None:
    planner = make_planner()
    alone = score_descriptions(planner, [ClusterPair.of(5)], DESCRIPTIONS, 1, LARGE)
    mixed = [ClusterPair.of(2, 6), ClusterPair.of(5), ClusterPair.of(0, 1)]  # of other lengths
    together = score_descriptions(planner, mixed, DESCRIPTIONS, 3, LARGE)
    assert np.abs(together[1] - alone[0]).max() < 1e-4


def test_probabilities_of_a_closed_set_stay_below_one() -> None:
    scores = score_descriptions(make_planner(), CONTEXTS, DESCRIPTIONS, 4, LARGE)
    assert (np.exp(scores).sum(axis=1) < 1).all()


def test_a_planner_that_gives_no_numbers_is_refused() -> None:
    planner = make_planner()
    with torch.no_grad():
        planner.model.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(UserError, match="finite"):
        score_descriptions(planner, CONTEXTS[:2], DESCRIPTIONS, 4, LARGE)
