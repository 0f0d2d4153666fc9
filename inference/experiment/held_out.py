"""What the held-out cases would have been shown: the list of the exploring arm, against the truth.

A list of items says the same whatever the clusters behind it, so it compares two releases that
have no cluster in common.
"""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from inference.experiment.arms import System, answer_requests
from inference.experiment.config import ExperimentConfig
from inference.experiment.participants import Participant
from training.evaluation.items.cases import ItemCases
from training.evaluation.metrics import recall_at_k

LIST = ExperimentConfig(count=10, exploration_share=0.2, planned_clusters=10)
"""The list that is measured; fixed, so that figures of any two releases compare."""

CASES_AT_ONCE = 512
"""Bounds the memory of a pass; no list depends on it."""


def recall_of_lists(system: System, cases: ItemCases) -> np.ndarray:
    """Return recall@10 of each case's list, float64 ``[cases]``.

    The user's clusters are those of the items that the case knows, as the system's own tree has
    them.
    """
    recalls = []
    for start in tqdm(range(0, len(cases), CASES_AT_ONCE), desc="lists", disable=None, leave=False):
        chosen = range(start, min(start + CASES_AT_ONCE, len(cases)))
        users = [_as_participant(system, cases, case) for case in chosen]
        lists = answer_requests(system.planner(), system.recommender, users, LIST)
        for case, shown in zip(chosen, lists, strict=True):
            items = [entry.item.item_id for entry in shown]
            recalls.append(recall_at_k(items, cases.positives[case], LIST.count))
    return np.array(recalls, dtype=np.float64)


def _as_participant(system: System, cases: ItemCases, case: int) -> Participant:
    recent, consumed = cases.recent_items[case], cases.consumed_items[case]
    return Participant(
        user_id=cases.users[case],
        recent_items=tuple(recent),
        excluded_items=frozenset(consumed).union(recent),
        history_clusters=tuple(dict.fromkeys(_clusters_of(system, recent))),
        consumed_clusters=frozenset(_clusters_of(system, consumed)),
    )


def _clusters_of(system: System, items: list[str]) -> list[int]:
    known = system.cluster_of_item
    return [known[item] for item in items if item in known]
