"""When a call is sent again, and after what wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

TRANSIENT = frozenset({429, 502, 503, 504})
"""Statuses that say "later": asked too often, or nobody there to answer just now."""


@dataclass(frozen=True)
class Retries:
    """How often a call is sent, and how long is waited in between.

    The wait doubles, and is drawn between half and the whole of it, so that many callers do not
    come back at once. Where the service says how long to wait, at least that is waited.

    Attributes:
        attempts: sendings in all; 1 for a list that a page waits for and can do without.
        first_wait_seconds: before the second one.
        longest_wait_seconds: a service that asks for more is not asked again.
        rng: draws the waits.
    """

    attempts: int = 3
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 2.0
    rng: Random = field(default_factory=Random, repr=False, compare=False)

    def wait_after(self, attempt: int, status: int | None, retry_after: str | None) -> float | None:
        """Return the seconds to wait before the next sending; ``None`` if there is none.

        Args:
            attempt: the one that failed, from 1.
            status: of the answer; ``None`` where none came.
            retry_after: what the answer's header says, in seconds.
        """
        if attempt >= self.attempts or (status is not None and status not in TRANSIENT):
            return None
        asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
        if asked > self.longest_wait_seconds:
            return None
        doubled: float = self.first_wait_seconds * 2 ** (attempt - 1)
        wait = min(doubled, self.longest_wait_seconds)
        return max(asked, wait * self.rng.uniform(0.5, 1.0))
