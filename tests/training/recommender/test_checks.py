"""What a recommender cannot mean is refused in one line, going in and coming out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from expectations.contracts.errors import UserError
from training.recommender.checks import require_catalogue
from training.recommender.config import RecommenderConfig
from training.recommender.fitting.direct import fit, histories_of, recommend_items
from training.recommender.model.recommender import SequenceRecommender
from training.recommender.protocol import ScoredItem

TINY = RecommenderConfig(dimension=8, n_heads=1, max_epochs=1)
WALKS = [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]
NAN = float("nan")


@pytest.fixture(scope="module")
def fitted() -> SequenceRecommender:
    return fit(WALKS, {"a": 0, "b": 1, "c": 1}, TINY)


UNFIT: dict[str, tuple[Any, Any, str]] = {
    "numbers": ([[1, 2]], None, "histories, user 0: item ids are text"),
    "NaN among ids": ([["a", NAN]], None, "item ids are text"),
    "None among ids": ([["a", "b"], ["a", None]], None, "histories, user 1: item ids are text"),
    "numpy's numbers": ([np.array([1, 2])], None, "item ids are text"),
    "an empty id": ([["a", ""]], None, "no item id is empty"),
    "blanks for an id": ([["a", "  "]], None, "no item id is empty"),
    "one text": ("abc", None, "a list of item ids for each user"),
    "texts for histories": (["abc", "bcd"], None, "a list of item ids"),
    "a dict of histories": ({"u": ["a", "b"]}, None, "a list of item ids for each user"),
    "a frame": (pl.DataFrame({"user_id": ["u"]}), None, "histories_of"),
    "pandas' frame": (pd.DataFrame({"user_id": ["u"]}), None, "histories_of"),
    "nothing": (None, None, "a list of item ids for each user"),
    "numbers for histories": ([1, 2], None, "a list of item ids"),
    "nobody": ([], None, "two items"),
    "empty histories alone": ([[], []], None, "two items"),
    "an item without a cluster": (WALKS, {"a": 0, "b": 0}, "every item has a cluster"),
    "a cluster below 0": (WALKS, {"a": -1, "b": 0, "c": 0}, "whole numbers from 0 up"),
    "NaN for a cluster": (WALKS, {"a": NAN, "b": 0, "c": 0}, "whole numbers from 0 up"),
    "half a cluster": (WALKS, {"a": 0.5, "b": 0, "c": 0}, "whole numbers from 0 up"),
    "text for a cluster": (WALKS, {"a": "0", "b": 0, "c": 0}, "whole numbers from 0 up"),
    "a truth for a cluster": (WALKS, {"a": True, "b": 0, "c": 0}, "whole numbers from 0 up"),
    "clusters that are ids": (WALKS, {"a": 10**12, "b": 0, "c": 0}, "below 1,000,000"),
    "a list of clusters": (WALKS, [0, 0, 1], "a cluster for each item id"),
    "a number for an item": (WALKS, {"a": 0, "b": 0, "c": 0, 7: 0}, "item ids are text"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_cannot_be_fitted_is_refused(kind: str) -> None:
    histories, clusters, line = UNFIT[kind]
    refused(lambda: fit(histories, clusters, TINY), line)


UNASKED: dict[str, tuple[dict[str, Any], str]] = {
    "an empty history": ({"history": []}, "one item or more"),
    "a text for a history": ({"history": "abc"}, "item ids, such as a list"),
    "NaN in a history": ({"history": ["a", NAN]}, "item ids are text"),
    "a number in a history": ({"history": [1]}, "item ids are text"),
    "nothing for a history": ({"history": None}, "item ids, such as a list"),
    "fewer than no items": ({"k": -1}, "k: a number of items"),
    "half an item": ({"k": 2.5}, "k: a number of items"),
    "NaN items": ({"k": NAN}, "k: a number of items"),
    "a text of items": ({"k": "10"}, "k: a number of items"),
    "a truth of items": ({"k": True}, "k: a number of items"),
    "an unknown cluster": ({"clusters": [2]}, "from 0 up, below 2"),
    "a cluster below 0": ({"clusters": [-1]}, "from 0 up, below 2"),
    "half a cluster": ({"clusters": [0.5]}, "from 0 up, below 2"),
    "a text for clusters": ({"clusters": "01"}, "a list of clusters"),
    "a number for clusters": ({"clusters": 1}, "a list of clusters"),
    "a text to exclude": ({"exclude": "a"}, "item ids, such as a list"),
    "a number to exclude": ({"exclude": {1}}, "item ids are text"),
}


@pytest.mark.parametrize("kind", UNASKED)
def test_what_cannot_be_asked_is_refused(kind: str, fitted: SequenceRecommender) -> None:
    change, line = UNASKED[kind]
    asked: dict[str, Any] = {"history": ["a"], **change}
    refused(lambda: recommend_items(fitted, **asked), line)


def test_what_can_be_asked_is_answered(fitted: SequenceRecommender) -> None:
    assert recommend_items(fitted, ("a",), k=0) == []
    assert recommend_items(fitted, ["stranger"]) == []
    assert recommend_items(fitted, ["a"], clusters=[]) == []
    assert {i.item_id for i in recommend_items(fitted, ["a"], k=np.int64(5), exclude=["b"])} == {
        "c"
    }
    assert {i.item_id for i in recommend_items(fitted, ["a"], clusters=np.array([1]))} == {"b", "c"}


FRAMES: dict[str, tuple[Any, str]] = {
    "no column of users": (pl.DataFrame({"item_id": ["a"], "timestamp": [1]}), "'user_id'"),
    "no column of times": (pl.DataFrame({"item_id": ["a"], "user_id": [1]}), "'timestamp'"),
    "an item that is missing": (
        pl.DataFrame({"user_id": [1, 1], "item_id": ["a", None], "timestamp": [1, 2]}),
        "every row has a item_id (found: row 1)",
    ),
    "a time that is NaN": (
        pl.DataFrame({"user_id": [1, 1], "item_id": ["a", "b"], "timestamp": [1.0, NAN]}),
        "every row has a timestamp (found: row 1)",
    ),
    "items that are floats": (
        pl.DataFrame({"user_id": [1], "item_id": [1.0], "timestamp": [1]}),
        "item_id is text or whole numbers",
    ),
    "users that are floats": (
        pl.DataFrame({"user_id": [1.0], "item_id": ["a"], "timestamp": [1]}),
        "user_id is text or whole numbers",
    ),
    "a frame of pandas": (pd.DataFrame({"user_id": [1]}), "pl.from_pandas"),
    "a list": ([["a"]], "a frame of Polars"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_without_a_cell_is_refused(kind: str) -> None:
    frame, line = FRAMES[kind]
    refused(lambda: histories_of(frame), line)


class Own:
    """A recommender of a team's own, which answers what it is told to."""

    def __init__(
        self, answer: list[ScoredItem], item_ids: tuple[Any, ...] = ("a", "b", "c")
    ) -> None:
        self.item_ids = item_ids
        self.answer_with = answer

    def top_items(
        self,
        recent_items: Sequence[str],
        clusters: Sequence[int] | None,
        exclude: AbstractSet[str],
        k: int,
    ) -> list[ScoredItem]:
        return self.answer_with


B, C = ScoredItem("b", 1, 2.0), ScoredItem("c", 1, 1.0)
ANSWERS: dict[str, tuple[list[ScoredItem], str]] = {
    "NaN for a score": ([ScoredItem("b", 1, math.nan)], "finite scores"),
    "infinity for a score": ([ScoredItem("b", 1, math.inf)], "finite scores"),
    "an item twice": ([B, B], "every item once"),
    "an item of the history": ([ScoredItem("a", 0, 1.0)], "no excluded item"),
    "an unknown item": ([ScoredItem("z", 1, 1.0)], "items of the catalogue"),
    "another cluster": ([ScoredItem("b", 0, 1.0)], "items of the clusters asked for"),
    "the worst first": ([C, B], "the best first"),
    "too many": ([B, C, ScoredItem("b", 1, 0.5)], "at most 2 items"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_was_not_asked_for_is_refused(kind: str) -> None:
    answer, line = ANSWERS[kind]
    refused(lambda: recommend_items(Own(answer), ["a"], k=2, clusters=[1]), line)
    assert recommend_items(Own([B, C]), ["a"], k=2, clusters=[1]) == [B, C]


@pytest.mark.parametrize(
    ("items", "line"),
    [
        ((), "there are items"),
        (("a", "a"), "every item stands there once (found: a)"),
        (("a", 1), "item ids are text"),
        (("a", None), "item ids are text"),
        (("a", ""), "no item id is empty"),
    ],
)
def test_a_catalogue_that_is_none_is_refused(items: tuple[Any, ...], line: str) -> None:
    refused(lambda: require_catalogue(Own([], items)), line)


@pytest.mark.parametrize("thing", [None, object(), "als", lambda items: items, Own])
def test_what_is_no_recommender_is_refused(thing: Any) -> None:
    refused(lambda: recommend_items(thing, ["a"]), "item_ids and top_items")


def refused(act: Callable[[], object], line: str) -> None:
    with pytest.raises(UserError) as caught:
        act()
    assert line in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
