"""What became of every cluster id since a previous tree: records that travel with a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import TypeAdapter

from expectations.contracts.durable import SCHEMA, schema_of

Ending = Literal["merged", "died"]
Beginning = Literal["split", "born"]

CHANGES_SCHEMA = 2
"""1 was the same without the field."""


@dataclass(frozen=True)
class ReusedId:
    """An id that means another interest than in the previous tree: what ended, what began.

    Attributes:
        level: of the tree.
        cluster_id: the id.
        was: description of the interest that ended.
        was_traffic: its share of the traffic in the previous tree.
        ended: ``merged`` when most of it lies in one present cluster, else ``died``.
        into, into_name: id and description of that cluster.
        now: description of the interest that began.
        now_traffic: its share of the traffic.
        began: ``split`` when most of it comes out of one previous cluster, else ``born``.
        out_of, out_of_name: id and description of that cluster in the previous tree.
    """

    level: int
    cluster_id: int
    was: str
    was_traffic: float
    ended: Ending
    into: int | None
    into_name: str | None
    now: str
    now_traffic: float
    began: Beginning
    out_of: int | None
    out_of_name: str | None


@dataclass(frozen=True)
class Survivor:
    """An id that still means the same interest, under the same description.

    Attributes:
        level: of the tree.
        cluster_id: the id.
        description: of the interest.
        was_traffic: its share of the traffic in the previous tree.
        now_traffic: its share of the traffic.
        kept: share of its previous items, by weight, that are still in it.
    """

    level: int
    cluster_id: int
    description: str
    was_traffic: float
    now_traffic: float
    kept: float


@dataclass(frozen=True)
class Fates:
    """How many interests of a level survived, merged or died, split off or were born."""

    survived: int
    merged: int
    died: int
    split: int
    born: int


@dataclass(frozen=True)
class TreeChanges:
    """What became of every id; both tuples by level and id, empty without a previous tree.

    Attributes:
        previous_tree: content hash of the previous tree; ``None`` where there was none, and ids
            have nothing to do with those of any earlier tree.
        survivors: the ids that mean what they meant.
        reused_ids: the ids that mean something else.
    """

    previous_tree: str | None = None
    survivors: tuple[Survivor, ...] = ()
    reused_ids: tuple[ReusedId, ...] = ()

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that there is something to say about, ascending."""
        kept = {survivor.level for survivor in self.survivors}
        return tuple(sorted(kept | {reused.level for reused in self.reused_ids}))

    def count_fates(self, level: int) -> Fates:
        """Return how many interests of a level came to which end, and how many began how."""
        reused = [record for record in self.reused_ids if record.level == level]
        merged = sum(record.ended == "merged" for record in reused)
        split = sum(record.began == "split" for record in reused)
        return Fates(
            survived=sum(survivor.level == level for survivor in self.survivors),
            merged=merged,
            died=len(reused) - merged,
            split=split,
            born=len(reused) - split,
        )

    def to_json(self) -> dict[str, object]:
        """Return the changes as JSON content; :meth:`from_json` is its inverse."""
        return {SCHEMA: CHANGES_SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> TreeChanges:
        """Return the changes that :meth:`to_json` wrote.

        Raises:
            ReleaseError: the schema is a later one.
        """
        schema_of(content, CHANGES_SCHEMA, "what became of the clusters")
        return TypeAdapter(cls).validate_python(content)
