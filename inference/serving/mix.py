"""How a request says how far its planned interests are to lie."""

from __future__ import annotations

from inference.plans.config import BY_SCORE, ByScore, Mix
from training.clusters.distance import DISTANCES

ANY, SOME = r"\d{1,9}", r"[1-9]\d{0,8}"  # weights; one of a mix is above 0
MIX_PATTERN = rf"^({BY_SCORE}|{SOME}:{ANY}:{ANY}|{ANY}:{SOME}:{ANY}|{ANY}:{ANY}:{SOME})$"
MIX = (
    "Weights of adjacent, new-family and new-field clusters among the planned, such as 1:2:2, or "
    "by_score; the release's own if absent."
)
NOVELTY = "The least distance of a planned cluster; the release's own if absent."


def read_mix(text: str | None) -> Mix | ByScore | None:
    """Return the mix that a request asks for, ``None`` where it asks for none."""
    if text is None or text == BY_SCORE:
        return BY_SCORE if text else None
    weights = dict(zip(DISTANCES, text.split(":"), strict=True))
    return Mix.model_validate({name: int(weight) for name, weight in weights.items()})
