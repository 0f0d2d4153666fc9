"""Settings of the served plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from expectations.contracts.durable import SCHEMA, schema_of
from training.clusters.distance import DISTANCES, Distance
from training.config import Config

AsLiked = Literal["as_liked"]
AS_LIKED: AsLiked = "as_liked"
"""Asks for places in the shares in which people came to like clusters of each distance."""
ByScore = Literal["by_score"]
BY_SCORE: ByScore = "by_score"
"""Asks for places by score where the settings have a mix."""
PLAN_SCHEMA = 3
"""Of the settings as a release keeps them; 1 was the same without the field, 2 knew of no rows that
go on after the best of all."""


class Mix(Config):
    """What part of the planned places goes to each distance, as weights; one of them is above 0.

    Attributes:
        adjacent: of clusters whose family has been consumed from.
        new_family: of clusters whose field has been consumed from, and their family has not.
        new_field: of clusters whose field has not been consumed from.
    """

    adjacent: float = Field(ge=0)
    new_family: float = Field(ge=0)
    new_field: float = Field(ge=0)

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if self.adjacent + self.new_family + self.new_field <= 0:
            raise ValueError("a mix gives some distance a place")
        return self

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights, nearest distance first."""
        return (self.adjacent, self.new_family, self.new_field)


class PlanRules(Config):
    """How the table's rows of one user become a plan, but for how its places are shared.

    Attributes:
        combination: ``mean`` adds up log-probabilities (a cluster must suit all contexts),
            ``mixture`` adds up probabilities (it is enough to suit some).
        recency: weight of each context, as a power of how old it is: the context
            at positions i and j of the history (0 the newest) weighs ``recency ** (i + j - 1)``.
        max_history: newest history clusters that take part; 8 give 28 rows to look up.
        best_of: first clusters of the plan that the alignment puts in the order that suits the
            user's whole past; 1 leaves the plan as the rows give it. Where a mix gives out the
            places, clusters change them only with others at the same distance.
        novelty: the least distance of a planned cluster: ``adjacent`` lets any novel cluster be
            planned, ``new_family`` those of families not consumed from, ``new_field`` those of
            fields not consumed from.
        personal_mix: whether a person has more places at a distance that their rows speak for more
            than others' do, or everybody as many.
        normalise_over: over which clusters a row becomes a distribution before rows are combined:
            all that are ``open``, or those of each ``distance`` by themselves, so that a row's say
            about far clusters does not depend on what it gives to near ones. The latter compares
            scores within a distance only, so it needs a mix.
    """

    combination: Literal["mean", "mixture"] = "mixture"
    recency: float = Field(default=0.9, gt=0, le=1)
    max_history: int = Field(default=8, ge=2, le=16)
    best_of: int = Field(default=20, ge=1)
    novelty: Distance = "adjacent"
    personal_mix: bool = True
    normalise_over: Literal["open", "distance"] = "open"


class PlanConfig(PlanRules):
    """How the table's rows of one user are combined into the served plan.

    Attributes:
        mix: how the places are shared by distance; ``None`` gives them out by score.
        mix_of_all: whether the mix is what all people's places together are, where each has their
            own; else it is what somebody gets on average who has clusters left at each distance.
        table_depth: places of a table's row that hold the best clusters of all, beyond which it
            goes on with the best of each family; ``None`` where all of them do.
    """

    mix: Mix | None = None
    mix_of_all: bool = False
    table_depth: int | None = Field(default=None, ge=1)

    def to_json(self) -> dict[str, object]:
        """Return the settings as a release keeps them; :meth:`from_json` is the inverse."""
        return {SCHEMA: PLAN_SCHEMA, **self.model_dump()}

    @classmethod
    def from_json(cls, content: Mapping[str, object], where: str) -> PlanConfig:
        """Return what :meth:`to_json` wrote, in this schema or an earlier one.

        Raises:
            ReleaseError: the schema is a later one.
            ValueError: a setting is not what it may be.
        """
        schema_of(content, PLAN_SCHEMA, where)
        return cls.model_validate(content, extra="ignore")

    def asked(self, novelty: Distance | None, mix: Mix | ByScore | None) -> PlanConfig:
        """Return these settings with what a request asks for; ``None`` asks for nothing."""
        if novelty is None and mix is None:
            return self  # as nearly every request has it; copies cost
        changes: dict[str, object] = {} if novelty is None else {"novelty": novelty}
        if mix == BY_SCORE:
            changes |= {"mix": None, "normalise_over": "open"}
        elif mix is not None:
            changes |= {"mix": mix, "mix_of_all": False}
        return self.model_copy(update=changes)

    @model_validator(mode="after")
    def _check_mix(self) -> Self:
        _require_mix(self.normalise_over, self.mix)
        return self


class PlanSettings(PlanRules):
    """How the table's rows of one user are combined into the served plan, before any is measured.

    Attributes:
        mix: how the places are shared by distance: ``as_liked`` in the shares of each distance
            among what people came to like in the validation window, weights of one's own, or
            ``None`` for places by score.
    """

    mix: Mix | AsLiked | None = AS_LIKED

    def settle(self, liked_shares: Sequence[float], table_depth: int | None) -> PlanConfig:
        """Return the settings of a served plan: a mix ``as_liked`` becomes these shares.

        Args:
            liked_shares: of each distance among what people came to like, nearest first.
            table_depth: see :class:`PlanConfig`.
        """
        settings: dict[str, object] = {**self.model_dump(), "table_depth": table_depth}
        if self.mix == AS_LIKED:
            # shares of all likes: who has nothing left far away has none of them there
            mix = dict(zip(DISTANCES, liked_shares, strict=True))
            settings |= {"mix": mix, "mix_of_all": True}
        return PlanConfig.model_validate(settings)

    @model_validator(mode="after")
    def _check_mix(self) -> Self:
        _require_mix(self.normalise_over, self.mix)
        return self


def _require_mix(normalise_over: str, mix: object) -> None:
    if normalise_over == "distance" and mix is None:
        raise ValueError("normalise_over: distance compares scores at one distance: set a mix")
