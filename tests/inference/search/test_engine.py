"""The engine ranks as the oracle does, which reads every description in a plain pass of its own."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, TaskType, get_peft_model

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext, all_contexts
from inference.search.arithmetic import is_by_row
from inference.search.config import Score, TableConfig
from inference.search.description_tree import NO_NODE, build_description_tree
from inference.search.engine import GUARD_TOLERANCE, PlanningEngine, UnreadableModelError
from inference.search.reader import TOKENS_TOGETHER
from tests.worlds.planning import (
    DESCRIPTIONS,
    ONE_FAMILY,
    make_planner,
    score_one_by_one,
    unsettle,
)
from tests.worlds.tiny_bases import KINDS, BaseKind, save_base_of, train_sentence_pieces
from training.planner.base.model_io import Planner, load_base
from training.planner.prompt import render_prompt

N = len(DESCRIPTIONS)
PAIRS = [context for context in all_contexts(N) if len(context.members) == 2][::3]
SINGLES = [ClusterContext.of(cluster) for cluster in range(0, N, 2)]
SHALLOW = {"whole_up_to": 2, "depth": 3, "per_family": 0}
SCORES: tuple[Score, ...] = ("closed", "open")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def check_rows(
    planner: Planner,
    contexts: list[ClusterContext],
    config: TableConfig,
    depth: int,
    descriptions: tuple[str, ...] = DESCRIPTIONS,
) -> None:
    """Compare clusters and scores of every row with the oracle's."""
    expected = score_one_by_one(planner, contexts, descriptions, config.score)
    families = [0] * len(descriptions)
    rows = PlanningEngine(planner, descriptions, families, config).rank_batch(contexts)
    assert rows.certified.all()
    assert rows.clusters.shape[1] == depth
    for row, context in enumerate(contexts):
        best = [c for c in np.argsort(-expected[row]).tolist() if c not in context.members][:depth]
        assert rows.clusters[row].tolist() == best
        assert np.abs(rows.scores[row] - expected[row, best]).max() < 2e-4


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt2", "capped", "gemma2"])
def test_whole_rows_are_those_of_plain_transformers(architecture: str, score: Score) -> None:
    planner = make_planner(architecture=architecture)
    for contexts in (PAIRS, SINGLES):
        depth = N - len(contexts[0].members)
        check_rows(planner, contexts, TableConfig(score=score), depth)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.architecture)
def test_rows_of_any_kind_of_base_are_those_of_plain_transformers(
    kind: BaseKind, tmp_path: Path
) -> None:
    model, tokenizer = load_base(save_base_of(kind, tmp_path, DESCRIPTIONS[:3]))
    check_rows(Planner(model.eval(), tokenizer), PAIRS, TableConfig(), N - 2)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(4))
def test_a_search_finds_the_same_first_ranks(score: Score, seed: int) -> None:
    planner = make_planner(seed=seed)
    config = TableConfig(score=score, **SHALLOW)
    check_rows(planner, PAIRS, config, 3)
    check_rows(planner, SINGLES, config, 3)


def test_the_world_is_no_easy_one() -> None:
    # Different contexts rank differently, or agreement would prove little.
    rows = PlanningEngine(make_planner(), DESCRIPTIONS, ONE_FAMILY, TableConfig()).rank_batch(PAIRS)
    assert len({tuple(row) for row in rows.clusters.tolist()}) > len(PAIRS) // 2


@pytest.mark.parametrize("score", SCORES)
def test_a_bfloat16_search_with_float32_scores_ranks_the_same(score: Score) -> None:
    config = TableConfig(score=score, search_dtype="bfloat16", search_margin=3.0, **SHALLOW)
    check_rows(make_planner(), PAIRS, config, 3)


def test_a_margin_below_the_error_of_bfloat16_is_told_or_made_good() -> None:
    told = TableConfig(
        score="open", search_dtype="bfloat16", search_margin=1e-4, nodes_per_row=20, **SHALLOW
    )
    rows = PlanningEngine(make_planner(), DESCRIPTIONS, ONE_FAMILY, told).rank_batch(PAIRS)
    assert not rows.certified.any()
    made_good = told.model_copy(update={"nodes_per_row": 1000})  # room to read everything
    check_rows(make_planner(), PAIRS, made_good, 3)


def test_a_row_that_may_not_read_enough_says_by_how_much_it_may_err() -> None:
    planner = make_planner()
    scores = score_one_by_one(planner, PAIRS, DESCRIPTIONS, "open")
    config = TableConfig(score="open", nodes_per_row=12, **SHALLOW)
    rows = PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, config).rank_batch(PAIRS)
    assert not rows.certified.all()
    for row, context in enumerate(PAIRS):
        found = [c for c in rows.clusters[row].tolist() if c >= 0]
        left_out = [c for c in range(N) if c not in found and c not in context.members]
        if len(found) < 3:
            assert np.isinf(rows.error_bounds[row])
        else:
            worst = scores[row, left_out].max() - scores[row, found[-1]]
            assert worst <= rows.error_bounds[row] + 2e-4


@lru_cache
def planner_and_truth(seed: int, score: Score) -> tuple[Planner, np.ndarray, np.ndarray]:
    """A planner and what the oracle says of pairs and of single clusters."""
    planner = make_planner(seed=seed)
    pairs, singles = (
        score_one_by_one(planner, contexts, DESCRIPTIONS, score) for contexts in (PAIRS, SINGLES)
    )
    return planner, pairs, singles


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3),
    st.sampled_from(SCORES),
    st.lists(st.integers(0, 3), min_size=N, max_size=N),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 40),
    st.booleans(),
)
def test_a_row_holds_the_best_of_all_and_of_every_family_or_says_how_far_it_errs(
    seed: int,
    score: Score,
    families: list[int],
    depth: int,
    per_family: int,
    nodes_per_row: int,
    is_fast: bool,
) -> None:
    planner, *truths = planner_and_truth(seed, score)
    config = TableConfig(
        score=score,
        whole_up_to=2,
        depth=depth,
        per_family=per_family,
        nodes_per_row=nodes_per_row,
        search_dtype="bfloat16" if is_fast else "float32",
        search_margin=3.0,
    )
    engine = PlanningEngine(planner, DESCRIPTIONS, families, config)
    for contexts, truth in zip((PAIRS, SINGLES), truths, strict=True):
        rows = engine.rank_batch(contexts)
        assert nodes_per_row < 40 or rows.certified.all()  # then everything may be read
        for row, context in enumerate(contexts):
            novel = [c for c in np.argsort(-truth[row]).tolist() if c not in context.members]
            quotas = [(novel, depth)]
            quotas += [([c for c in novel if families[c] == f], per_family) for f in set(families)]
            wanted = {cluster for ranked, count in quotas for cluster in ranked[:count]}
            found = [c for c in rows.clusters[row].tolist() if c >= 0]
            if rows.certified[row]:
                assert found == [cluster for cluster in novel if cluster in wanted]
                assert np.abs(rows.scores[row, : len(found)] - truth[row, found]).max() < 2e-4
                continue
            for ranked, count in quotas:
                there = [cluster for cluster in ranked if cluster in found]
                left = [cluster for cluster in ranked if cluster not in found]
                if len(there) < min(count, len(ranked)):
                    assert np.isinf(rows.error_bounds[row])
                elif left and count:
                    excess = truth[row, left[0]] - truth[row, there[count - 1]]
                    assert excess <= rows.error_bounds[row] + 2e-4


def test_a_smaller_cache_changes_no_cluster_and_is_kept() -> None:
    planner = make_planner(width=512, layers=4)
    large = PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig())
    small = PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig(cache_megabytes=1))
    expected, found = large.rank_batch(PAIRS), small.rank_batch(PAIRS)
    assert found.clusters.tolist() == expected.clusters.tolist()
    assert np.abs(found.scores - expected.scores).max() < 2e-4
    assert large.peak_cache_bytes > 2**20 >= small.peak_cache_bytes > 0


def test_candidates_score_as_in_a_whole_row() -> None:
    for score in SCORES:
        planner = make_planner()
        expected = score_one_by_one(planner, PAIRS, DESCRIPTIONS, score)
        engine = PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig(score=score))
        found = engine.score_candidates(PAIRS, [7, 1])
        assert np.abs(found - expected[:, [7, 1]]).max() < 1e-4


@pytest.mark.parametrize(("score", "changes"), [("closed", True), ("open", False)])
def test_a_changed_description_changes_the_others_scores_or_not(
    score: Score, changes: bool
) -> None:
    planner = make_planner()
    other = ("jazz saxophone", *DESCRIPTIONS[1:])
    contexts = [context for context in PAIRS if 0 not in context.members]
    engines = [
        PlanningEngine(planner, texts, ONE_FAMILY, TableConfig(score=score))
        for texts in (DESCRIPTIONS, other)
    ]
    before, after = (e.score_candidates(contexts, range(1, N)) for e in engines)
    assert (np.abs(before - after).max() > 1e-3) == changes


def test_closed_scores_are_a_distribution_over_the_descriptions() -> None:
    engine = PlanningEngine(make_planner(), DESCRIPTIONS, ONE_FAMILY, TableConfig())
    scores = engine.score_candidates(PAIRS, range(N))
    assert np.allclose(np.exp(scores).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("target", ["q_proj", "lm_head"])
def test_an_adapter_need_not_be_merged(target: str) -> None:
    base = make_planner()
    lora = LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, target_modules=[target])
    model = get_peft_model(copy.deepcopy(base.model), lora).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5, generator=torch.Generator().manual_seed(1))
    check_rows(Planner(model, base.tokenizer), PAIRS[:6], TableConfig(), N - 2)


def test_a_tokenizer_may_fall_back_to_bytes() -> None:
    descriptions = (*DESCRIPTIONS[:-2], "café culture ☕", "café culture ☘")
    tokenizer = train_sentence_pieces([render_prompt(DESCRIPTIONS)])
    planner = make_planner(descriptions, tokenizer=tokenizer)
    cup, clover = (planner.encode_completion(text) for text in descriptions[-2:])
    spelled = tokenizer.convert_ids_to_tokens(cup)
    assert any(token.startswith("<0x") for token in spelled)
    assert cup[:-3] == clover[:-3]  # they part within a letter
    for score in SCORES:
        check_rows(planner, PAIRS, TableConfig(score=score), N - 2, descriptions)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt2"])
def test_what_is_read_beside_a_row_moves_it_as_far_as_the_engine_says(
    architecture: str, score: Score
) -> None:
    planner = make_planner(architecture=architecture)
    engine = PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig(score=score))
    bound = 0 if is_by_row(engine.arithmetic) else GUARD_TOLERANCE
    together = engine.score_candidates(PAIRS, range(N))
    reverse = engine.score_candidates(PAIRS[::-1], range(N))[::-1]
    assert np.abs(together - reverse).max() <= bound
    some = engine.score_candidates(PAIRS, [7, 1])
    assert np.abs(some - together[:, [7, 1]]).max() <= bound
    for row, context in enumerate(PAIRS[:6]):
        alone = engine.score_candidates([context], range(N))[0]
        assert np.abs(alone - together[row]).max() <= bound
    if score == "open":  # other descriptions in the tree change nothing either
        other = ("jazz piano", *DESCRIPTIONS[1:-1], "river kayaks", "late trains, night buses")
        changed = PlanningEngine(planner, other, [0] * len(other), TableConfig(score=score))
        contexts = [context for context in PAIRS if not {0, N - 1} & set(context.members)]
        kept = [PAIRS.index(context) for context in contexts]
        found = changed.score_candidates(contexts, range(1, N - 1))
        # the same numbers are added up, in double precision, in another order
        assert np.abs(found - together[kept][:, 1 : N - 1]).max() <= bound + 1e-12


@pytest.mark.parametrize("score", SCORES)
def test_no_size_of_batch_moves_a_row_further_than_the_engine_says(score: Score) -> None:
    planner = make_planner()
    config = TableConfig(score=score, score_step=1e-7, **SHALLOW)
    engine = PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, config)
    together = engine.rank_batch(PAIRS)
    bound = 0 if is_by_row(together.arithmetic) else GUARD_TOLERANCE
    for size in (1, 5):
        parts = [engine.rank_batch(PAIRS[at : at + size]) for at in range(0, len(PAIRS), size)]
        assert {part.arithmetic for part in parts} == {together.arithmetic}
        assert np.array_equal(np.concatenate([p.clusters for p in parts]), together.clusters)
        scores = np.concatenate([p.scores for p in parts])
        assert np.abs(scores - together.scores).max() <= bound


def test_bits_that_depend_on_the_batch_are_found_out() -> None:
    config = TableConfig(score="open")
    engine = PlanningEngine(unsettle(make_planner()), DESCRIPTIONS, ONE_FAMILY, config)
    together = engine.score_candidates(PAIRS, range(N))
    alone = engine.score_candidates(PAIRS[:1], range(N))
    assert 0 < np.abs(alone[0] - together[0]).max() < GUARD_TOLERANCE
    assert not is_by_row(engine.arithmetic)
    # then the bits rest on how batches are cut as well
    other = config.model_copy(update={"batch_rows": 7})
    assert PlanningEngine(unsettle(make_planner()), DESCRIPTIONS, ONE_FAMILY, other).arithmetic != (
        engine.arithmetic
    )


def test_the_same_arithmetic_has_the_same_name_whatever_the_planner() -> None:
    names = []
    for texts, threads in ((DESCRIPTIONS, 1), (DESCRIPTIONS[::-1], 1), (DESCRIPTIONS, 2)):
        torch.set_num_threads(threads)
        engine = PlanningEngine(make_planner(texts), texts, ONE_FAMILY, TableConfig())
        names.append(engine.arithmetic)
    assert names[0] == names[1]
    assert names[0] != names[2]


def test_the_last_layer_answers_where_something_is_asked() -> None:
    planner = make_planner()
    engine = PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig())
    layers = planner.model.model.layers
    read: dict[int, list[int]] = {0: [], len(layers) - 1: []}
    for number, counts in read.items():
        layers[number].mlp.register_forward_pre_hook(
            lambda _, inputs, counts=counts: counts.append(inputs[0].shape[1])
        )
    engine.rank_batch(PAIRS)
    # of a prompt after its last token, and of the tree at its choices; passes are filled up
    tree = build_description_tree([planner.encode_completion(d) for d in DESCRIPTIONS], "closed")
    n_choices = int((tree.next_tokens == NO_NODE).sum())
    assert n_choices < tree.n_nodes
    asked = [len(PAIRS), n_choices * len(PAIRS)]
    assert read[len(layers) - 1] == [-(-n // TOKENS_TOGETHER) * TOKENS_TOGETHER for n in asked]
    assert sum(read[0]) > 2 * sum(read[len(layers) - 1])


def test_a_planner_that_gives_no_numbers_is_refused() -> None:
    planner = make_planner()
    with torch.no_grad():
        planner.model.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(UserError, match="finite"):
        PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig()).rank_batch(PAIRS[:2])


@pytest.mark.parametrize("architecture", ["sliding", "gptj"])
def test_a_model_that_forgets_or_has_attention_of_its_own_is_unreadable(architecture: str) -> None:
    planner = make_planner(architecture=architecture)
    with pytest.raises(UnreadableModelError, match="full attention"):
        PlanningEngine(planner, DESCRIPTIONS, ONE_FAMILY, TableConfig())
