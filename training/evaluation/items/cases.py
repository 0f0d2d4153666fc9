"""Item-level evaluation cases: by item id, as curation leaves them, and as embedding indices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from expectations.contracts.values import PADDING_INDEX
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import ItemLayout

# Shapes: C cases.


@dataclass(frozen=True)
class HeldOut:
    """What was known of users, and what they turned to; row ``c`` of each is one case.

    Attributes:
        histories: liked before, oldest first, one item or more.
        excluded: what must not be ranked, as a rule everything consumed before.
        positives: what the user turned to, at least one; ``PADDING_INDEX`` for an item that the
            catalogue does not hold, which no recommender can find.
    """

    histories: Sequences
    excluded: Sequences
    positives: Sequences

    def __len__(self) -> int:
        return len(self.histories)


@dataclass(frozen=True)
class ItemCases:
    """Held-out cases of a split by time, one per user and origin; entry ``c`` of each is one case.

    Attributes:
        users: who.
        recent_items: positive items before the origin, newest first.
        consumed_items: all items before the origin; never ranked.
        positives: unseen items liked in the window, at least one.
    """

    users: tuple[str, ...]
    recent_items: tuple[list[str], ...]
    consumed_items: tuple[list[str], ...]
    positives: tuple[frozenset[str], ...]

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, split: str) -> ItemCases:
        """Return the cases of one split of ITEM_CASES."""
        chosen = frame.filter(pl.col("split") == split)
        return cls(
            users=tuple(chosen["user_id"].to_list()),
            recent_items=tuple(chosen["recent_items"].to_list()),
            consumed_items=tuple(chosen["consumed_items"].to_list()),
            positives=tuple(frozenset(items) for items in chosen["positives"].to_list()),
        )

    def __len__(self) -> int:
        return len(self.users)

    def hold_out(self, layout: ItemLayout) -> HeldOut:
        """Return the cases as embedding indices of a catalogue."""
        known = layout.index_of
        positives = [
            sorted(known.get(item, PADDING_INDEX) for item in items) for items in self.positives
        ]
        return HeldOut(
            histories=Sequences.of([_indices(items, known)[::-1] for items in self.recent_items]),
            excluded=Sequences.of([_indices(items, known) for items in self.consumed_items]),
            positives=Sequences.of(positives),
        )

    @property
    def n_consumed(self) -> np.ndarray:
        """Items consumed before, int64 ``[C]``: how active the user was."""
        return np.array([len(items) for items in self.consumed_items], dtype=np.int64)


def _indices(items: Iterable[str], known: dict[str, int]) -> list[int]:
    return [known[item] for item in items if item in known]
