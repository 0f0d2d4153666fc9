"""What a base model can take in: its prompts must fit, whatever model it is."""

from __future__ import annotations

from expectations.contracts.errors import UserError
from expectations.contracts.values import HISTORY_SIZE
from training.planner.model_io import Planner
from training.planner.validation import PlannerTokens


def check_room(planner: Planner, tokens: PlannerTokens) -> None:
    """Raise :class:`UserError` unless the longest prompt and completion fit the base model.

    Beyond its last position a model with learned ones fails, and others write nonsense. Where
    attention slides over a window of tokens, a longer text would be read differently in training,
    where descriptions are scored side by side, than when it is written.
    """
    by_length = sorted(tokens.descriptions, key=lambda text: len(planner.encode_completion(text)))
    longest = len(planner.encode_prompt(by_length[-HISTORY_SIZE:])) + tokens.longest
    room = _room_of(planner)
    if room is not None and longest > room:
        raise UserError(
            "planner.base_model",
            f"reads {longest} tokens, the longest prompt with its answer",
            "choose a model that reads more, or lower clusters.description.words",
            f"{room} tokens",
        )


def _room_of(planner: Planner) -> int | None:
    config = planner.model.config.get_text_config()
    limits = [getattr(config, "max_position_embeddings", None)]
    if "sliding_attention" in (getattr(config, "layer_types", None) or ["sliding_attention"]):
        limits.append(getattr(config, "sliding_window", None))
    return min((int(limit) for limit in limits if limit is not None), default=None)
