"""The options of a request for recommendations, as every route takes them in its query."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Query

from inference.events.identifier import Identifier
from inference.plans.config import BY_SCORE, ByScore, Mix
from inference.serving.config import ServingConfig
from inference.serving.exploration.arms import NO_OVERRIDES, assign_arm
from inference.serving.request import SEED_BITS, ItemFilter, RecommendationRequest
from training.clusters.distance import DISTANCES, Distance

MAX_CATEGORIES = 20
"""Levels of a path; no catalogue has more."""
MAX_EXCLUDED = 200
"""Items; their ids stand in the address, and longer ones are cut off by proxies."""
MAX_CLUSTER = 2**31 - 1
"""Of ids, which are small: bounds what a request may make us compare."""
ANY, SOME = r"\d{1,9}", r"[1-9]\d{0,8}"  # weights; one of a mix is above 0
MIX_PATTERN = rf"^({BY_SCORE}|{SOME}:{ANY}:{ANY}|{ANY}:{SOME}:{ANY}|{ANY}:{ANY}:{SOME})$"
MIX = (
    "Weights of adjacent, new-family and new-field clusters among the planned, such as 1:2:2, or "
    "by_score; the release's own if absent."
)
NOVELTY = "The least distance of a planned cluster; the release's own if absent."
EXCLUDE = "Items that may not be in the list; what the person has consumed never is."
INTEREST = "Ids of interest clusters: all items are of one of them."
CATEGORY = "Categories from broad to narrow: all items' paths begin so."
SHOWN_TO = "nobody: a look from outside, which does not count as shown to the person."
SEED = "Repeats what chance decided; the answer tells its own."
ClusterId = Annotated[int, Query(ge=0, le=MAX_CLUSTER)]


@dataclass(frozen=True)
class Options:
    """What a request says beside for whom it is."""

    count: int
    exploration_share: float | None
    novelty: Distance | None
    mix: str | None
    seed: int | None
    shown_to: Literal["person", "nobody"]
    wanted: ItemFilter

    def request_for(
        self, user_id: str | None, config: ServingConfig, usual_share: float
    ) -> RecommendationRequest:
        """Return the request for one user, or for nobody known.

        ``usual_share`` is the exploration share where nobody says, an arm neither.
        """
        name = assign_arm(user_id, config.arms, config.arms_salt)
        arm = config.arms.get(name, NO_OVERRIDES)
        usual = usual_share if arm.exploration_share is None else arm.exploration_share
        return RecommendationRequest(
            user_id,
            self.count,
            usual if self.exploration_share is None else self.exploration_share,
            config.planned_clusters,
            self.novelty or arm.novelty,
            read_mix(self.mix) or arm.mix,
            seed=secrets.randbits(SEED_BITS) if self.seed is None else self.seed,
            policy=config.exploration,
            wanted=self.wanted,
            share_is_default=self.exploration_share is None,
            counts_as_shown=self.shown_to == "person",
            arm=name,
        )


def make_options(config: ServingConfig) -> Callable[..., Awaitable[Options]]:
    """Return what reads the options of a request; defaults and bounds are those of ``config``."""

    usual = f"{config.exploration_share:g}" if config.blend == "share" else "the calibrated one"
    of_share = f"Absent: what the person chose, else {usual}."

    async def read_options(
        count: int = Query(config.count, ge=1, le=config.max_count),
        exploration_share: float | None = Query(
            None, ge=0, le=1, allow_inf_nan=False, description=of_share
        ),
        novelty: Annotated[Distance | None, Query(description=NOVELTY)] = None,
        mix: Annotated[str | None, Query(pattern=MIX_PATTERN, description=MIX)] = None,
        seed: Annotated[int | None, Query(ge=0, lt=2**SEED_BITS, description=SEED)] = None,
        shown_to: Annotated[Literal["person", "nobody"], Query(description=SHOWN_TO)] = "person",
        exclude: Annotated[
            tuple[Identifier, ...], Query(max_length=MAX_EXCLUDED, description=EXCLUDE)
        ] = (),
        interest: Annotated[
            tuple[ClusterId, ...], Query(max_length=MAX_EXCLUDED, description=INTEREST)
        ] = (),
        category: Annotated[
            tuple[str, ...], Query(max_length=MAX_CATEGORIES, description=CATEGORY)
        ] = (),
    ) -> Options:
        kept = ItemFilter(frozenset(exclude), frozenset(interest), category)
        return Options(count, exploration_share, novelty, mix, seed, shown_to, kept)

    return read_options


def read_mix(text: str | None) -> Mix | ByScore | None:
    """Return the mix that a request asks for, ``None`` where it asks for none."""
    if text is None or text == BY_SCORE:
        return BY_SCORE if text else None
    weights = dict(zip(DISTANCES, text.split(":"), strict=True))
    return Mix.model_validate({name: int(weight) for name, weight in weights.items()})
