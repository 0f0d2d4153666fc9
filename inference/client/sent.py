"""What is sent: options of a list, events, choices; as JSON and as a query."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import uuid4

Json = dict[str, object]
Query = tuple[tuple[str, str], ...]
ChoiceWord = Literal["hide", "pin", "less", "chosen", "none"]


@dataclass(frozen=True)
class ListOptions:
    """What a list is to be like; what is left out, the service or the person has set.

    Attributes:
        count: items.
        exploration_share: share of them from planned interests, 0 to 1.
        novelty: the least distance of a planned interest.
        mix: weights of adjacent, new-family and new-field interests, such as ``1:2:2``, or
            ``by_score``.
        seed: repeats what chance decided.
        shown_to: ``nobody`` for a look from outside, which does not count as shown to the person.
        exclude: items that may not be in the list.
        interests: clusters that all items are of.
        category: what all items' categories begin with, from broad to narrow.
    """

    count: int | None = None
    exploration_share: float | None = None
    novelty: Literal["adjacent", "new_family", "new_field"] | None = None
    mix: str | None = None
    seed: int | None = None
    shown_to: Literal["person", "nobody"] | None = None
    exclude: tuple[str, ...] = ()
    interests: tuple[int, ...] = ()
    category: tuple[str, ...] = ()

    def query(self) -> Query:
        """Return them as a query; lists repeat their name."""
        single = {
            "count": self.count,
            "exploration_share": self.exploration_share,
            "novelty": self.novelty,
            "mix": self.mix,
            "seed": self.seed,
            "shown_to": self.shown_to,
        }
        several = {
            "exclude": self.exclude,
            "interest": self.interests,
            "category": self.category,
        }
        named = [(name, str(value)) for name, value in single.items() if value is not None]
        named += [(name, str(value)) for name, values in several.items() for value in values]
        return tuple(named)


AS_SET = ListOptions()
"""As the service and the person have set it."""


@dataclass(frozen=True)
class UserEvent:
    """A user acted on an item.

    Its id is made with it, so that it counts once however often it is sent: keep the event and
    send it again where no answer came.

    Raises:
        ValueError: the time has no zone.
    """

    user_id: str
    item_id: str
    time: datetime
    feedback: float | None = None
    event_id: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise ValueError(f"the time of an event has a zone, {self.time} has none")

    def json(self) -> Json:
        """Return the body that the service takes."""
        sent: Json = {
            "event_id": self.event_id,
            "user_id": self.user_id,
            "item_id": self.item_id,
            "timestamp": self.time.isoformat(),
        }
        return sent if self.feedback is None else sent | {"feedback": self.feedback}


@dataclass(frozen=True)
class InterestChoice:
    """What is to become of one interest; ``none`` takes an earlier choice back."""

    cluster_id: int
    choice: ChoiceWord

    def json(self) -> Json:
        """Return the part of a body that the service takes."""
        return {"cluster_id": self.cluster_id, "choice": self.choice}
