"""Each strategy keeps what it promises, reproducibly."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curation.cases import select_cases
from training.curation.config import CurationConfig
from training.curation.data_card import count_targets, measure_balance
from training.curation.selection import cap_counts, flatten_counts, select_transitions

SIZES = (400, 100, 20, 3)


def labels(sizes: tuple[int, ...] = SIZES, n_validation: int = 50) -> pl.DataFrame:
    """That many training labels of each target, and some for validation."""
    targets = [target for target, size in enumerate(sizes) for _ in range(size)]
    train = pl.DataFrame({"target_cluster": targets}).with_columns(split=pl.lit("train"))
    judged = pl.DataFrame({"target_cluster": [0] * n_validation})
    both = pl.concat([train, judged.with_columns(split=pl.lit("validation"))])
    number = pl.int_range(pl.len())
    return both.with_columns(
        user_id=pl.format("u{}", number), event_timestamp=pl.from_epoch(number)
    )


def kept_sizes(config: CurationConfig, seed: int = 0) -> list[int]:
    """How many training labels of each target are kept."""
    kept = select_transitions(labels(), config, np.random.default_rng(seed))
    counts: list[int] = count_targets(labels(), kept, len(SIZES))["n_kept"].to_list()
    return counts


def test_all_keeps_all_up_to_its_cap() -> None:
    assert kept_sizes(CurationConfig(strategy="all")) == list(SIZES)
    assert sum(kept_sizes(CurationConfig(strategy="all", max_train_transitions=100))) == 100


def test_per_target_caps_each_target() -> None:
    assert kept_sizes(CurationConfig(strategy="per_target", per_target=10)) == [10, 10, 10, 3]


def test_temperature_flattens_what_the_cap_lets_through() -> None:
    def balance(temperature: float) -> float:
        config = CurationConfig(temperature=temperature, max_train_transitions=100)
        sizes = kept_sizes(config)
        assert sum(sizes) == 100
        return measure_balance(np.array(sizes))

    assert balance(1.0) < balance(2.0) < balance(50.0)


def test_temperature_keeps_everything_below_the_cap() -> None:
    assert kept_sizes(CurationConfig(temperature=3.0)) == list(SIZES)
    assert kept_sizes(CurationConfig(temperature=3.0, max_train_transitions=None)) == list(SIZES)


@pytest.mark.parametrize("strategy", ["all", "per_target", "temperature"])
def test_the_same_seed_keeps_the_same_rows_and_no_row_twice(strategy: str) -> None:
    config = CurationConfig.model_validate(
        {"strategy": strategy, "max_train_transitions": 60, "max_validation_transitions": 7}
    )
    first = select_transitions(labels(), config, np.random.default_rng(1))
    shuffled = labels().sample(fraction=1.0, shuffle=True, seed=9)
    again = select_transitions(shuffled, config, np.random.default_rng(1))
    other = select_transitions(labels(), config, np.random.default_rng(2))
    assert first.equals(again.select(first.columns))
    assert not first.equals(other)
    assert first["user_id"].n_unique() == first.height
    assert first.filter(pl.col("split") == "validation").height == 7


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=30),
    st.integers(1, 2000),
    st.floats(1, 100),
)
def test_flattened_shares_add_up_and_stay_within_what_there_is(
    sizes: list[int], total: int, temperature: float
) -> None:
    counts = np.array(sizes)
    shares = flatten_counts(counts, total, temperature)
    assert shares.sum() == min(total, counts.sum())
    assert np.all(shares <= counts)
    assert np.all(shares >= 0)
    order = np.argsort(counts, kind="stable")
    assert np.all(np.diff(shares[order]) >= -1)  # more of a class never means fewer kept


def test_capping_keeps_proportions_only_where_it_must() -> None:
    assert cap_counts(np.array([100, 5, 1]), 10, 100).tolist() == [10, 5, 1]
    assert cap_counts(np.array([100, 100]), 10, 6).tolist() == [3, 3]


def test_cases_are_capped_per_origin() -> None:
    cases = pl.DataFrame({"origin": [2] * 30 + [1] * 4, "user_id": [f"u{n}" for n in range(34)]})
    kept = select_cases(cases, 10, np.random.default_rng(0))
    assert kept.group_by("origin").len().sort("origin")["len"].to_list() == [4, 10]
    assert kept.equals(kept.sort("origin", "user_id"))
