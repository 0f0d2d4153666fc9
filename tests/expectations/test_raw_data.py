"""The raw-data suite: sound data pass, every rule has data that trip it, pieces do not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import ContractError
from expectations.contracts.tables import ALL_TABLES, INTERACTIONS, Table
from expectations.suites.raw_data import RawNames, RawProfile, check_raw_data
from expectations.suites.tally import RowCount, Tally, declared_counts

NAMES = RawNames("items.csv", "log.csv")
GUARDS = ("raw_items", "raw_interactions")
START = datetime(2024, 1, 1, tzinfo=UTC)

ITEMS_FRAME = pl.DataFrame(
    {"item_id": ["a", "b", "c"], "title": ["A", "B", "C"], "text": ["", "x", "y"]}
).with_columns(category_path=pl.lit(None, pl.List(pl.String)))

LOG = pl.DataFrame(
    {
        "user_id": ["u", "u", "u", "v", "v", "w"],
        "item_id": ["a", "b", "a", "c", "a", "b"],
        "timestamp": [START + timedelta(hours=hour) for hour in (0, 1, 2, 0, 5, 3)],
        "feedback": pl.Series([5, 1, None, 4, 3, 2], dtype=pl.Float32),
        "is_positive": [True, False, True, True, False, False],
    }
).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data_docs")


def test_sound_data_pass_with_their_profile(docs: Path) -> None:
    profile = check_raw_data(ITEMS_FRAME, [LOG], NAMES, docs, docs.parent / "notes")
    assert profile == RawProfile(3, 3, 6, n_positive=3, report=profile.report)
    assert profile.report.passed
    assert {verdict.guard for verdict in profile.report.verdicts} == {*GUARDS}
    assert {path.stem for path in docs.glob("*.html")} == {"index", *GUARDS}
    assert profile.in_words() == "3 items, 3 users, 6 interactions, 50.0% of them positive"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, LOG.height), max_size=4))
def test_the_profile_does_not_depend_on_the_pieces(docs: Path, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), LOG.height]
    pieces = [LOG.slice(a, b - a) for a, b in pairwise(edges)]
    assert check_raw_data(ITEMS_FRAME, pieces, NAMES, docs, docs.parent / "notes").n_users == 3


def put(row: int, column: str, value: object) -> pl.DataFrame:
    """The log with one cell changed."""
    cell = pl.lit(value, dtype=LOG.schema[column])
    return LOG.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(cell).otherwise(column).alias(column)
    )


@pytest.mark.parametrize(
    ("log", "rule", "sample"),
    [
        (LOG.clear(), "there are interactions", "0"),
        (put(2, "user_id", None), "every row has a user_id", "user_id None"),
        (put(2, "timestamp", None), "every row has a timestamp", "timestamp None"),
        (put(1, "item_id", "zz"), "stands in items.csv", "item_id zz"),
        (put(0, "timestamp", datetime(1970, 1, 20, tzinfo=UTC)), "times lie between", "1970-01-20"),
        (put(2, "timestamp", datetime(2261, 1, 1, tzinfo=UTC)), "times lie between", "2261-01-01"),
        (put(0, "feedback", float("nan")), "feedback is never NaN", "feedback nan"),
        (LOG.head(3), "at least 2 users", "1"),
        (LOG.with_columns(is_positive=False), "some interactions are positive", "0"),
        (LOG.drop("is_positive"), "every row has a is_positive", "no such column"),
        (LOG.reverse(), "sorted by user, time and item", "user_id v"),
        (pl.concat([LOG.head(1), LOG]), "without repeats", "user_id u"),
    ],
)
def test_a_fault_in_the_log_is_named(docs: Path, log: pl.DataFrame, rule: str, sample: str) -> None:
    for pieces in ([log], [log.slice(row, 1) for row in range(log.height)]):
        with pytest.raises(ContractError) as caught:
            check_raw_data(ITEMS_FRAME, pieces, NAMES, docs, docs.parent / "notes")
        assert rule in caught.value.rule
        assert sample in caught.value.sample
        assert caught.value.where == "log.csv"
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("items", "rule", "sample"),
    [
        (ITEMS_FRAME.clear(), "the catalogue has items", "0"),
        (pl.concat([ITEMS_FRAME, ITEMS_FRAME.head(1)]), "item ids are unique", "2 rows"),
        (ITEMS_FRAME.with_columns(item_id=pl.lit(None, pl.String)), "every row has a item_id", "3"),
    ],
)
def test_a_fault_in_the_catalogue_is_named(
    docs: Path, items: pl.DataFrame, rule: str, sample: str
) -> None:
    with pytest.raises(ContractError) as caught:
        check_raw_data(items, [LOG], NAMES, docs, docs.parent / "notes")
    assert rule in caught.value.rule
    assert sample in caught.value.sample
    assert caught.value.where == "items.csv"


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_every_declared_rule_becomes_a_count(table: Table) -> None:
    counts = declared_counts(table)
    required = [column.name for column in table.columns if not column.nullable]
    bounded = [c for c in table.columns for bound in (c.minimum, c.maximum) if bound is not None]
    assert [c.subject for c in counts if "every row has" in c.sentence] == required
    assert sum("at least" in c.sentence or "at most" in c.sentence for c in counts) == len(bounded)
    assert len({counted.sentence for counted in counts}) == len(counts)


def test_a_tally_sees_the_row_before_across_pieces() -> None:
    rises = RowCount("n", "n falls", "", pl.col("n") > pl.col("n").shift(1))
    tally = Tally([rises])
    for piece in ([1, 3], [2], [], [4, 5]):
        tally.add(pl.DataFrame({"n": piece}, schema={"n": pl.Int64}))
    assert tally.counts == {"n falls": 3}
    assert tally.samples_of("n falls") == ["n 3", "n 4", "n 5"]


def test_the_log_of_the_suite_follows_its_declaration() -> None:
    assert LOG.columns == INTERACTIONS.schema.names
