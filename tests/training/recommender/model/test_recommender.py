"""Answers: exact under restriction, blind to unknown items, the same after save and load."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from expectations.contracts.errors import UserError
from tests.worlds import recommender as world
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, arrange_items
from training.recommender.model.recommender import EmptyHistoryError, SequenceRecommender
from training.recommender.protocol import ItemQuery, ScoredItem

ITEMS = st.sampled_from(world.make_layout().item_ids)
QUERIES = st.builds(
    ItemQuery,
    recent_items=st.lists(ITEMS | st.just("stranger"), max_size=12),
    k=st.integers(1, 45),
    clusters=st.none() | st.lists(st.integers(0, world.N_CLUSTERS - 1), max_size=6),
    exclude=st.frozensets(ITEMS | st.just("stranger"), max_size=30),
    popularity_weight=st.sampled_from([0.0, 0.0, 0.5, 10.0]),
)
LAST_BITS = 1e-4
"""Matrix products of another shape differ in their last bits."""


def rank_by_mask(recommender: SequenceRecommender, query: ItemQuery) -> list[ScoredItem]:
    """The oracle: score everything, mask what may not come back, sort."""
    if not set(query.recent_items) & set(recommender.item_ids):
        return []
    clusters = recommender.layout.cluster_of_row
    assert recommender.likes is not None
    popularity = query.popularity_weight * np.log1p(recommender.likes)
    scored = [
        ScoredItem(item, int(cluster), float(score))
        for item, cluster, score in zip(
            recommender.item_ids,
            clusters,
            recommender.score_batch([query.recent_items])[0] + popularity,
            strict=True,
        )
        if (query.clusters is None or cluster in query.clusters) and item not in query.exclude
    ]
    return sorted(scored, key=lambda item: -item.score)[: query.k]


@given(st.lists(QUERIES, max_size=5))
def test_restricted_scoring_is_full_scoring_with_a_mask(
    fitted: SequenceRecommender, queries: list[ItemQuery]
) -> None:
    for answer, query in zip(fitted.answer(queries), queries, strict=True):
        expected = rank_by_mask(fitted, query)
        assert [item.score for item in answer] == pytest.approx(
            [item.score for item in expected], abs=LAST_BITS
        )
        scores = {item.item_id: item for item in rank_by_mask(fitted, _unlimited(query))}
        for item in answer:  # the very items, but where the last bits decide
            assert item.cluster_id == scores[item.item_id].cluster_id
            assert item.score == pytest.approx(scores[item.item_id].score, abs=LAST_BITS)
        assert len({item.item_id for item in answer}) == len(answer)


def _unlimited(query: ItemQuery) -> ItemQuery:
    return replace(query, k=1000)


def test_popularity_orders_a_cluster_for_who_asks_so(fitted: SequenceRecommender) -> None:
    likes = np.zeros(len(fitted.item_ids), dtype=np.int64)
    favourite, other = fitted.layout.rows_of(["i09b", "i05c"])
    likes[favourite], likes[other] = 1000, 10
    asked = SequenceRecommender(
        fitted.model, fitted.layout, fitted.config, fitted.neighbours, likes
    )
    plain, popular, whole = asked.answer(
        [
            ItemQuery(["i00a"], 50, [1]),
            ItemQuery(["i00a"], 50, [1], popularity_weight=100.0),
            ItemQuery(["i00a"], 2, None, popularity_weight=1000.0),
        ]
    )
    assert plain == fitted.top_items(["i00a"], [1], set(), 50)
    assert popular[0].item_id == "i09b"
    rest = [item.item_id for item in plain if item.item_id != "i09b"]
    assert [item.item_id for item in popular[1:]] == rest  # equally liked: the recommender's order
    assert [item.item_id for item in whole] == ["i09b", "i05c"]
    uncounted = SequenceRecommender(fitted.model, fitted.layout, fitted.config, fitted.neighbours)
    assert uncounted.answer([ItemQuery(["i00a"], 50, [1], popularity_weight=100.0)]) == [plain]


def test_a_plan_touches_its_own_blocks_only() -> None:
    """Poisoned vectors outside the plan would show as NaN in any score they take part in."""
    recommender = world.fit_small(config=world.SMALL.model_copy(update={"max_epochs": 1}))
    starts = recommender.layout.block_starts
    recommender._ranker.scorer.vectors[: starts[1]] = float("nan")
    recommender._ranker.scorer.vectors[starts[2] :] = float("nan")
    answer = recommender.top_items(["i00a"], [1], set(), 100)
    assert len(answer) == world.RING
    assert all(item.cluster_id == 1 and np.isfinite(item.score) for item in answer)


def test_only_the_newest_known_items_count(fitted: SequenceRecommender) -> None:
    newest = [world.item_name(0, place) for place in range(world.SMALL.max_length)]
    plain = fitted.score_batch([newest])[0]
    assert np.array_equal(fitted.score_batch([[*newest, "i09d", "i08c"]])[0], plain)
    assert np.array_equal(fitted.score_batch([["stranger", *newest]])[0], plain)
    assert not np.array_equal(fitted.score_batch([newest[::-1]])[0], plain)


def test_an_unknown_user_has_no_scores_and_no_items(fitted: SequenceRecommender) -> None:
    assert fitted.top_items([], None, set(), 5) == []
    assert fitted.top_items(["stranger"], [1], set(), 5) == []
    with pytest.raises(EmptyHistoryError, match="row 1"):
        fitted.score_batch([["i00a"], ["stranger"]])


def test_a_cluster_that_does_not_exist_is_refused(fitted: SequenceRecommender) -> None:
    with pytest.raises(ValueError, match=f"no cluster {world.N_CLUSTERS}"):
        fitted.top_items(["i00a"], [world.N_CLUSTERS], set(), 5)


def test_a_score_is_the_transformers_plus_the_neighbours(fitted: SequenceRecommender) -> None:
    history = fitted.layout.rows_of(["i02a", "i03a"]) + FIRST_ITEM
    sequences = Sequences.of([history.tolist()])
    alone = SequenceRecommender(fitted.model, fitted.layout, fitted.config)
    assert fitted.neighbours is not None
    shares = fitted.neighbours.score_sequences(sequences)
    settings = fitted.config.neighbours
    bonus = settings.weight * np.log(1 + shares * fitted.layout.n_items / settings.floor)
    assert bonus.max() > 0
    expected = alone.score_sequences(sequences) + bonus
    assert fitted.score_sequences(sequences) == pytest.approx(expected, abs=1e-5)


def test_saved_and_loaded_answers_alike(fitted: SequenceRecommender, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fitted.save(tmp_path / name)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert files == [
        "config.json",
        "items.parquet",
        "likes.safetensors",
        "neighbours.safetensors",
        "weights.safetensors",
    ]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    loaded = SequenceRecommender.load(tmp_path / "one")
    assert loaded.config == fitted.config
    assert loaded.likes is not None
    assert np.array_equal(loaded.likes, fitted.likes)
    assert np.array_equal(loaded.score_batch([["i03b"]])[0], fitted.score_batch([["i03b"]])[0])


def test_a_folder_of_mixed_or_missing_parts_is_refused(
    fitted: SequenceRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    arrange_items(["only one"], np.array([0]), world.N_CLUSTERS).save(tmp_path / "items.parquet")
    with pytest.raises(UserError, match="belong together"):
        SequenceRecommender.load(tmp_path)
    fitted.layout.save(tmp_path / "items.parquet")
    (tmp_path / "neighbours.safetensors").unlink()
    with pytest.raises(UserError, match=r"holds neighbours\.safetensors"):
        SequenceRecommender.load(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(UserError, match=r"holds config\.json"):
        SequenceRecommender.load(tmp_path)


def test_likes_are_of_the_folders_items_or_of_an_older_version_none(
    fitted: SequenceRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    file = tmp_path / "likes.safetensors"
    save_file({"likes": np.ones(3, dtype=np.int64)}, file)
    with pytest.raises(UserError, match=f"3 likes of {len(fitted.item_ids)} items"):
        SequenceRecommender.load(tmp_path)
    file.unlink()
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(content | {"schema": 2}))
    assert SequenceRecommender.load(tmp_path).likes is None


def test_a_loaded_recommender_is_ready_to_search(
    fitted: SequenceRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = SequenceRecommender.load(tmp_path)
    assert "quantised" in vars(loaded._ranker.scorer)  # made, not left to the first request


def test_a_folder_of_an_older_version_is_refused(
    fitted: SequenceRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    del content["has_neighbours"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"no has_neighbours.*train the recommender again"):
        SequenceRecommender.load(tmp_path)


def test_neighbours_of_an_older_version_are_refused(
    fitted: SequenceRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    file = tmp_path / "neighbours.safetensors"
    cells = load_file(file)
    save_file({"places": cells.pop("columns"), **cells}, file)
    with pytest.raises(UserError, match="train the recommender again"):
        SequenceRecommender.load(tmp_path)


def test_settings_of_an_older_version_are_refused_by_name(
    fitted: SequenceRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    content["config"]["neighbours"]["history_decay"] = 0.75
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"neighbours\.history_decay.*train the recommender again"):
        SequenceRecommender.load(tmp_path)
