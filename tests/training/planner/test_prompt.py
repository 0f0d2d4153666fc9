"""Prompts list descriptions, completions round-trip, and what cannot stand in one is refused."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from training.planner import prompt
from training.planner.prompt import (
    PromptWording,
    check_description,
    parse_completion,
    render_completion,
    render_prompt,
)


def is_description(text: str) -> bool:
    try:
        check_description(text)
    except UserError:
        return False
    return True


descriptions = st.text(min_size=1, max_size=30).filter(is_description)


@settings(deadline=None)
@given(st.lists(descriptions, min_size=1, max_size=8))
def test_a_prompt_holds_each_description_on_a_line_of_its_own(texts: list[str]) -> None:
    assert render_prompt(texts).split("\n")[1:-1] == [f"- {text}" for text in texts]


@settings(deadline=None)
@given(descriptions)
def test_a_completion_parses_to_its_description(text: str) -> None:
    assert parse_completion(render_completion(text)) == text


@pytest.mark.parametrize("bad", ["", " ", "two\nlines", " padded", "padded ", "odd\u2028break"])
def test_a_description_that_breaks_the_form_is_refused(bad: str) -> None:
    with pytest.raises(UserError, match="one line"):
        render_prompt(["fine", bad])
    with pytest.raises(UserError, match="one line"):
        render_completion(bad)


def test_a_prompt_is_worded_as_asked_and_its_descriptions_are_left_alone() -> None:
    wording = PromptWording(opening="Ann likes", cluster="* {description}!", question="And now:")
    asked = render_prompt(["jazz {guitar}", "{description}"], wording)
    assert asked.split("\n") == ["Ann likes", "* jazz {guitar}!", "* {description}!", "And now:"]


@pytest.mark.parametrize("part", ["opening", "cluster", "question"])
@pytest.mark.parametrize("bad", ["", "two\n{description}", " {description}", "{description} "])
def test_a_wording_that_breaks_the_form_is_refused(part: str, bad: str) -> None:
    with pytest.raises(ValidationError, match="one line"):
        PromptWording(**{part: bad})


@pytest.mark.parametrize("bad", ["- ", "- {name}", "{description} and {description}"])
def test_a_clusters_line_names_its_description_once(bad: str) -> None:
    with pytest.raises(ValidationError, match="description"):
        PromptWording(cluster=bad.strip())


def test_a_prompt_without_history_is_refused() -> None:
    with pytest.raises(UserError, match="at least one"):
        render_prompt([])


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(prompt).failed == 0
