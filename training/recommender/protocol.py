"""What the serving path asks of a recommender: one method, so that a team can plug in its own."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable


class ScoredItem(NamedTuple):
    """One recommended item: its id, its cluster at the serving level, and its score.

    Scores order the items of one user; they do not compare across users.
    """

    item_id: str
    cluster_id: int
    score: float


@dataclass(frozen=True)
class ItemQuery:
    """One question to a recommender: the best ``k`` items for a user, within some clusters.

    Attributes:
        recent_items: item ids of the user's positive interactions, newest first; ids that the
            recommender does not know are passed over.
        clusters: serving clusters to stay within; ``None`` for the whole catalogue.
        exclude: item ids that must not come back, as a rule everything already consumed.
        k: how many items at most.
        popularity_weight: of the logarithm of an item's likes, which is added to its score: for
            clusters of which the user knows nothing. A recommender that has no likes, or one that
            is asked through :meth:`Recommender.top_items`, orders items as it always does.
    """

    recent_items: Sequence[str]
    k: int
    clusters: Sequence[int] | None = None
    exclude: AbstractSet[str] = field(default_factory=frozenset)
    popularity_weight: float = 0.0


@runtime_checkable
class Recommender(Protocol):
    """A recommender of items; ours is the default, a team's own takes its place.

    A user for whom nothing is known (no recent item in the catalogue) gets no items: the caller
    decides what to show instead.
    """

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue: what a release checks before it is served with this recommender."""
        ...

    def top_items(
        self,
        recent_items: Sequence[str],
        clusters: Sequence[int] | None,
        exclude: AbstractSet[str],
        k: int,
    ) -> list[ScoredItem]:
        """Return the best ``k`` items within ``clusters``, best first.

        The arguments are those of :class:`ItemQuery`. Fewer than ``k`` items come back where
        the clusters hold fewer, and none where ``recent_items`` holds nothing known.
        """
        ...


@runtime_checkable
class BatchRecommender(Recommender, Protocol):
    """A recommender that answers many queries in one pass; ours does."""

    def answer(self, queries: Sequence[ItemQuery]) -> list[list[ScoredItem]]:
        """Return what :meth:`Recommender.top_items` would for each query, in order."""
        ...
