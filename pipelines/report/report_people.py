"""The report's example users: what they liked, what is planned, what they get, in words."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from inference.features.online_features import FeatureReader, UserFeatures
from inference.release.loaded_release import LoadedRelease
from inference.serving.answers import (
    AnsweredBy,
    PlannedInterest,
    Recommendations,
    RecommendedItem,
)
from inference.serving.config import ServingConfig
from inference.serving.exploration.blend import ListName
from inference.serving.recommend import make_recommendations
from inference.serving.request import RecommendationRequest
from pipelines.report.report_text import DISTANCE_WORDS
from training.clusters.tree_view import Cluster

WIDTH = 96
"""Columns of a printed line that a terminal of a hundred still shows."""
N_PEOPLE = 3
"""People shown: more would hide the figures below them."""
ENOUGH_CLUSTERS = 4
"""Interests from which a person shows how a plan comes about; those with fewer are shown last."""
ENOUGH_ITEMS = 12
"""The same of items."""
TITLES_SHOWN = 4
"""Per list, two lines of them."""
TITLE_WIDTH = 44
"""Characters: two titles stand in a line."""


@dataclass(frozen=True)
class Example:
    """One user: what the store knows and what the service answers."""

    features: UserFeatures
    answer: Recommendations


def choose_examples(
    release: LoadedRelease, reader: FeatureReader, config: ServingConfig
) -> list[Example]:
    """Return active users who differ in their newest interest; always the same ones.

    They are asked about as the service would, from the release's probe users.
    """
    users = reader.read_users(release.release_id, release.manifest.probe_users)
    by_activity = sorted(users, key=lambda user: (_lack_of_activity(users[user]), user))
    examples: list[Example] = []
    newest: set[int] = set()
    for user in by_activity:
        history = users[user].history_clusters
        if len(examples) == N_PEOPLE:
            break
        if not history or history[0] in newest:
            continue
        request = RecommendationRequest(
            user,
            config.count,
            config.exploration_share,
            config.planned_clusters,
            seed=0,
            policy=config.exploration,
        )
        answer = make_recommendations(release, reader, request)
        if answer.answered_by in (AnsweredBy.FULL, AnsweredBy.SINGLE_CLUSTER):
            newest.add(history[0])
            examples.append(Example(users[user], answer))
    return examples


def show_example(example: Example, titles: dict[str, str]) -> list[str]:
    """Return one user's example as lines."""
    answer = example.answer
    liked = [titles.get(item, item) for item in example.features.recent_items[:TITLES_SHOWN]]
    return [
        f"User {answer.user_id}",
        *_paragraph("liked last", "; ".join(_shorten(title) for title in liked)),
        *_paragraph("interests", "; ".join(c.name for c in answer.history)),
        "  planned novel interests",
        *(
            line
            for rank, planned in enumerate(answer.planned, start=1)
            for line in _plan_lines(rank, planned)
        ),
        "  recommended (* from a planned interest)",
        *(line for item in answer.items for line in _item_lines(item)),
    ]


def _lack_of_activity(user: UserFeatures) -> tuple[int, int]:
    """Order users by how much there is to tell, up to a point: beyond, all are alike."""
    return (
        -min(len(user.history_clusters), ENOUGH_CLUSTERS),
        -min(len(user.recent_items), ENOUGH_ITEMS),
    )


def _plan_lines(rank: int, planned: PlannedInterest) -> list[str]:
    named = f"    {rank}. {planned.name}"
    far = DISTANCE_WORDS[planned.distance] if planned.distance else "pinned"
    led_by = f"{far}, from {_join(planned.led_by)}"
    return [named, *textwrap.wrap(led_by, WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 7)]


def _item_lines(item: RecommendedItem) -> list[str]:
    star = "*" if item.from_list is ListName.EXPLORATORY else " "
    titled = f"  {star} {_shorten(item.title):<{TITLE_WIDTH}}  "
    return textwrap.wrap(
        item.cluster.name,
        WIDTH,
        initial_indent=titled,
        subsequent_indent=" " * len(titled),
    )


def _paragraph(label: str, text: str) -> list[str]:
    indent = " " * 14
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"  {label:<12}", subsequent_indent=indent
    ) or [f"  {label}"]


def _join(clusters: Sequence[Cluster]) -> str:
    return " + ".join(cluster.name for cluster in clusters)


def _shorten(title: str) -> str:
    return title if len(title) <= TITLE_WIDTH else title[: TITLE_WIDTH - 1] + "…"
