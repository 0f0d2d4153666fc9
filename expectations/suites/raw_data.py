"""What raw data must be: the declared tables, known items, sane times, people and something liked.

Great Expectations judges one row of exact counts a table, so that twenty million interactions
cost no more memory than one piece of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from expectations.contracts.errors import ContractError
from expectations.contracts.interaction_rules import EARLIEST, LATEST, TIME_RULE
from expectations.contracts.tables import INTERACTIONS, ITEMS
from expectations.gates.data_docs import write_page
from expectations.gates.project import note_validation
from expectations.gates.report import GateReport
from expectations.suites.row_guard import JudgedRows, judge_rows
from expectations.suites.tally import RowCount, declared_counts

MIN_USERS = 2
"""What is learned of one user from others needs another one."""

INTERACTIONS_GUARD = "raw_interactions"
N_ITEMS = "the catalogue has items"
N_INTERACTIONS = "there are interactions"
N_USERS = f"at least {MIN_USERS} users interact"
N_POSITIVE = "some interactions are positive"


def _is_out_of_order() -> pl.Expr:
    user, time, item = pl.col("user_id"), pl.col("timestamp"), pl.col("item_id")
    same_user, same_time = user == user.shift(1), time == time.shift(1)
    behind_in_time = (time < time.shift(1)) | (same_time & (item <= item.shift(1)))
    return (user < user.shift(1)) | (same_user & behind_in_time)


SORTED = RowCount(
    "interactions",
    "rows are sorted by user, time and item without repeats",
    "sort and merge them where they are made",
    _is_out_of_order(),
)
"""The one rule on the stored log that its declaration does not say."""


@dataclass(frozen=True)
class RawNames:
    """What to call the two tables in an error: the files that they came from."""

    items: str
    interactions: str


@dataclass(frozen=True)
class RawProfile:
    """Exact counts over a raw data set that has passed its suite, and what the suite said."""

    n_items: int
    n_users: int
    n_interactions: int
    n_positive: int
    report: GateReport

    def in_words(self) -> str:
        """Return the counts as one line for a reader."""
        share = self.n_positive / self.n_interactions
        return (
            f"{self.n_items:,} items, {self.n_users:,} users, "
            f"{self.n_interactions:,} interactions, {share:.1%} of them positive"
        )


def check_raw_data(
    items: pl.DataFrame,
    interactions: Iterable[pl.DataFrame],
    names: RawNames,
    docs: Path,
    notes: Path,
) -> RawProfile:
    """Return the profile of a data set, or raise.

    Args:
        items: the table ``items``, whole.
        interactions: pieces of the table ``interactions``, in its order.
        names: what to call them.
        docs: folder for the pages about both tables.
        notes: folder for what the project of guards takes in.

    Raises:
        ContractError: the suite does not pass; it names file, rule, sample rows and remedy.
    """
    of_items = _check("raw_items", item_suite(), [items], names.items, docs, notes)
    suite = interaction_suite(items["item_id"], names.items)
    of_interactions = _check(
        INTERACTIONS_GUARD, suite, interactions, names.interactions, docs, notes
    )
    return RawProfile(
        n_items=int(of_items.counts[N_ITEMS] or 0),
        n_users=int(of_interactions.counts[N_USERS] or 0),
        n_interactions=int(of_interactions.counts[N_INTERACTIONS] or 0),
        n_positive=int(of_interactions.counts[N_POSITIVE] or 0),
        report=GateReport.merge([of_items.judgement.report, of_interactions.judgement.report]),
    )


def item_suite() -> tuple[RowCount, ...]:
    """Return the rules on the catalogue."""
    item = pl.col("item_id")
    return (
        RowCount("items", N_ITEMS, "export them again", pl.lit(True), least=1, most=None),
        *declared_counts(ITEMS),
        RowCount(
            "item_id", "item ids are unique", "keep one row for each id", item.is_duplicated()
        ),
    )


def interaction_suite(known_items: pl.Series, items_name: str) -> tuple[RowCount, ...]:
    """Return the rules on the log, in the order in which a failure is reported."""
    user, item, time = pl.col("user_id"), pl.col("item_id"), pl.col("timestamp")
    is_new_user = (user != user.shift(1)).fill_null(True)
    is_unknown = ~item.is_in(known_items.drop_nulls().implode())
    is_insane = (time < EARLIEST) | (time >= LATEST)
    counts = RowCount(
        "interactions", N_INTERACTIONS, "export them again", pl.lit(True), least=1, most=None
    )
    return (
        counts,
        *declared_counts(INTERACTIONS),
        RowCount(
            "item_id",
            f"every item of an interaction stands in {items_name}",
            "add those items to the catalogue or drop their interactions",
            is_unknown,
        ),
        RowCount(
            "timestamp",
            TIME_RULE,
            "correct or drop those rows; if another form is meant, name it in "
            "dataset.files.time_format",
            is_insane,
        ),
        RowCount(
            "user_id",
            N_USERS,
            "bring the log of more people: one alone teaches nothing about others",
            is_new_user,
            least=MIN_USERS,
            most=None,
        ),
        RowCount(
            "is_positive",
            N_POSITIVE,
            "lower dataset.positive_threshold, or bring feedback that reaches it",
            pl.col("is_positive"),
            least=1,
            most=None,
        ),
        SORTED,
    )


def _check(
    guard: str,
    suite: tuple[RowCount, ...],
    pieces: Iterable[pl.DataFrame],
    where: str,
    docs: Path,
    notes: Path,
) -> JudgedRows:
    """Return the counts; the first rule that fails becomes the error."""
    judged = judge_rows(guard, suite, pieces)
    write_page(judged.judgement.validation, docs)
    note_validation(judged.judgement.validation, notes)
    for verdict in judged.judgement.report.blocked:
        raise ContractError(where, verdict.metric, verdict.look_at, judged.found(verdict.metric))
    return judged
