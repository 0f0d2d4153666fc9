"""Value types that cross rooms: contexts of clusters and their keys, reserved ids, release ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import combinations

from expectations.contracts.durable import SCHEMA, schema_of

HISTORY_SIZE = 2
"""K of the design: how many history clusters stand in one prompt and one table key."""

BUILD_RELEASE = "build"
"""Release id in offline tables: the release being built, before its content has a hash."""

PADDING_INDEX = 0
"""Index of padding in every embedding of items; real items start at 1."""

NO_CLUSTER = -1
"""Fills arrays of cluster ids after the end of a row."""

LIVE_EVENTS_SOURCE = "live_events"
"""Name of the Feast push source that the event path writes to, and nobody else."""

KEY_SEPARATOR = "_"

SEEN_SCHEMA = 2
"""Of :class:`DataSeen` as a release keeps it; 1 was the same without the field."""

HISTORIES_KEPT = 64
"""Lengths of histories whose contexts' positions are remembered."""

CONTEXTS_KEPT = 50_000
"""Contexts that are not made anew: all of 200 clusters, in both orders."""

MAX_DESCRIPTION = 80
"""Characters of a cluster description; prompts carry three of them, and people read them."""


@dataclass(frozen=True, order=True)
class ClusterContext:
    """What one prompt shows: one history cluster or :data:`HISTORY_SIZE` of them, ascending.

    Build it with :meth:`of`, which sorts; the order of consumption carries no meaning here.
    """

    members: tuple[int, ...]

    def __post_init__(self) -> None:
        size = len(self.members)
        if not 1 <= size <= HISTORY_SIZE:
            raise ValueError(f"a context has 1 to {HISTORY_SIZE} members, not {size}")
        if any(a >= b for a, b in zip(self.members, self.members[1:], strict=False)):
            raise ValueError(f"members must be distinct and ascending: {self.members}")
        if self.members[0] < 0:
            raise ValueError(f"cluster ids are not negative: {self.members}")

    def __hash__(self) -> int:
        return hash(self.members)  # half the time of the generated one: it is a key everywhere

    @classmethod
    def of(cls, *members: int) -> ClusterContext:
        """Return the context of these cluster ids, in canonical order."""
        return cls(tuple(sorted(int(member) for member in members)))

    @classmethod
    def parse(cls, key: str) -> ClusterContext:
        """Return the context that :attr:`key` names; raises ``ValueError`` on any other text."""
        context = cls(tuple(int(part) for part in key.split(KEY_SEPARATOR)))
        if context.key != key:
            raise ValueError(f"not a canonical context key: {key!r}")
        return context

    @property
    def key(self) -> str:
        """The one string that stands for this context in every table and store."""
        return KEY_SEPARATOR.join(map(str, self.members))


def all_contexts(n_clusters: int) -> Iterator[ClusterContext]:
    """Yield every single cluster, then every unordered pair, ascending: the table's row order."""
    for size in range(1, HISTORY_SIZE + 1):
        for members in combinations(range(n_clusters), size):
            yield ClusterContext(members)


def contexts_of_history(history_clusters: list[int]) -> list[ClusterContext]:
    """Return the contexts to look up for a user, those of the newest clusters first.

    ``history_clusters`` are distinct, newest first. One cluster gives its single row; none
    gives no row.
    """
    if len(history_clusters) < HISTORY_SIZE:
        return [ClusterContext.of(cluster) for cluster in history_clusters]
    return [
        _context_of(*(history_clusters[position] for position in positions))
        for positions in _positions_by_recency(len(history_clusters))
    ]


@lru_cache(HISTORIES_KEPT)
def _positions_by_recency(n_clusters: int) -> tuple[tuple[int, ...], ...]:
    """Return which positions of a history make a context, newest first."""
    ranked = combinations(range(n_clusters), HISTORY_SIZE)
    return tuple(sorted(ranked, key=lambda positions: (max(positions), positions)))


@lru_cache(CONTEXTS_KEPT)
def _context_of(*members: int) -> ClusterContext:
    """Return a context that may have been made before: making one checks it."""
    return ClusterContext.of(*members)


def release_id_of(content_hashes: Mapping[str, str]) -> str:
    """Return the id of a release: the SHA-256 over the sorted names and hashes of its parts."""
    canonical = json.dumps(dict(sorted(content_hashes.items())), separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class DataSeen:
    """What a release's histories know already, so that live events are added to them once.

    Attributes:
        end: every interaction of the data lies strictly before this time (UTC).
        events_until_us: events recorded in the event log up to here are part of the data, in
            microseconds since 1970; 0 where the log was no input.
        positive_threshold: feedback from which an interaction counts as positive; ``None`` where
            every interaction does.
    """

    end: datetime
    events_until_us: int
    positive_threshold: float | None

    def __post_init__(self) -> None:
        if self.end.utcoffset() != timedelta(0):
            raise ValueError(f"the end of the data is a time in UTC, not {self.end.isoformat()}")

    def is_positive(self, feedback: float | None) -> bool:
        """Return whether an interaction is positive; without feedback it counts by itself."""
        threshold = self.positive_threshold
        return threshold is None or feedback is None or feedback >= threshold

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values; :meth:`from_json` is the inverse."""
        return {SCHEMA: SEEN_SCHEMA, **asdict(self), "end": self.end.isoformat()}

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> DataSeen:
        """Return what :meth:`to_json` wrote.

        Raises:
            KeyError: a value is missing.
            ValueError: a value cannot be read.
            ReleaseError: the schema is a later one.
        """
        schema_of(content, SEEN_SCHEMA, "what the data holds")
        threshold = content["positive_threshold"]
        return cls(
            end=datetime.fromisoformat(str(content["end"])),
            events_until_us=int(str(content["events_until_us"])),
            positive_threshold=None if threshold is None else float(str(threshold)),
        )
