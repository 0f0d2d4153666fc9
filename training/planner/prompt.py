"""The planner's prompts and completions as text: the only module that writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import field_validator

from expectations.contracts.errors import UserError
from training.config import Config

DESCRIPTION = "{description}"
"""Stands for a cluster's description in the wording of its line."""


class PromptWording(Config):
    """The words around descriptions; each a line."""

    opening: str = "Interests so far:"
    """The first line."""
    cluster: str = "- {description}"
    """A history cluster's line."""
    question: str = "Next new interest:"
    """The last line, after which a description is written."""

    @field_validator("opening", "cluster", "question")
    @classmethod
    def _check_line(cls, line: str) -> str:
        if not _is_one_line(line):
            raise ValueError("is one line, not empty, without blanks at its ends")
        return line

    @field_validator("cluster")
    @classmethod
    def _check_place(cls, line: str) -> str:
        if line.count(DESCRIPTION) != 1:
            raise ValueError(f"has {DESCRIPTION} once")
        return line


DEFAULT_WORDING = PromptWording()


def render_prompt(descriptions: Sequence[str], wording: PromptWording = DEFAULT_WORDING) -> str:
    """Return the question put to the planner.

    Args:
        descriptions: descriptions of the history clusters, in ascending cluster id.
        wording: the words around them.

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
    lines = (wording.cluster.replace(DESCRIPTION, description) for description in descriptions)
    return "\n".join([wording.opening, *lines, wording.question])


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
    if not _is_one_line(description):
        raise UserError(
            "cluster description",
            "is one line, not empty, without blanks at its ends",
            "run the clusters stage again",
            repr(description[:80]),
        )


def _is_one_line(text: str) -> bool:
    return len(text.splitlines()) == 1 and text == text.strip()
