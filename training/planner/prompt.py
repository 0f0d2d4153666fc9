"""The planner's prompts and completions as text: the only module that writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence

from expectations.contracts.errors import UserError

OPENING = "Interests so far:"
BULLET = "- "
QUESTION = "Next new interest:"


def render_prompt(descriptions: Sequence[str]) -> str:
    """Return the question put to the planner.

    Args:
        descriptions: descriptions of the history clusters, in ascending cluster id.

    Raises:
        UserError: there is none, or one is empty, padded with blanks, or spans lines.

    >>> print(render_prompt(["jazz guitar", "slow cooking"]))
    Interests so far:
    - jazz guitar
    - slow cooking
    Next new interest:
    """
    if not descriptions:
        raise UserError("prompt", "names at least one history cluster", "pass a description")
    for description in descriptions:
        check_description(description)
    return "\n".join([OPENING, *(BULLET + description for description in descriptions), QUESTION])


def render_completion(description: str) -> str:
    """Return the text that answers a prompt: a blank, then the description.

    The end token is no text; it is added where text becomes tokens.
    """
    check_description(description)
    return " " + description


def parse_completion(text: str) -> str:
    """Return the description in a completion; a text that is no answer parses to itself.

    >>> parse_completion(" jazz guitar")
    'jazz guitar'
    """
    return text.strip()


def check_description(description: str) -> None:
    """Raise :class:`UserError` unless the description fits on one line of a prompt."""
    one_line = len(description.splitlines()) == 1
    if not one_line or description != description.strip():
        raise UserError(
            "cluster description",
            "is one line, not empty, without blanks at its ends",
            "run the clusters stage again",
            repr(description[:80]),
        )
