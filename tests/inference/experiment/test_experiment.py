"""Both arms in a world where the right novel cluster is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from inference.experiment.arms import Exploration, answer_requests
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.outcomes import COMPARED, follow_rounds, summarise
from inference.experiment.participants import assemble_participants
from inference.experiment.policies import ClusterPolicy
from inference.experiment.simulate import Arm, run_arm
from inference.experiment.user_outcomes import PER_USER, RATIOS, tabulate_ratios, tabulate_users
from inference.serving.exploration.config import ExplorationPolicy
from tests.worlds.experiment import (
    CLUSTER_OF_ITEM,
    LIKED,
    N_CLUSTERS,
    WANTED,
    make_environment,
    make_participants,
    make_system,
)

N_USERS = 40
CONFIG = ExperimentConfig(rounds=4, planned_clusters=1, tiring=0.0)
Logs = dict[ArmName, pl.DataFrame]
CONTROL, PLANNER = ArmName.CONTROL, ArmName.PLANNER
RESTING = ExplorationPolicy(cluster_decay=0, item_decay=0, rest_after=2)
ALWAYS_THE_BEST = ExplorationPolicy(cluster_decay=0, item_decay=0, rest_after=10**9)


def run_both(
    first: int = WANTED,
    config: ExperimentConfig = CONFIG,
    seed: int = 0,
    exploration: ExplorationPolicy = ALWAYS_THE_BEST,
) -> Logs:
    people, environment, system = (
        make_participants(N_USERS),
        make_environment(N_USERS),
        make_system(first),
    )
    policies: dict[ArmName, ClusterPolicy | None] = {CONTROL: None, PLANNER: system.planner()}
    return {
        name: run_arm(
            Arm(name, policy, system.recommender, CLUSTER_OF_ITEM),
            people,
            environment,
            config,
            exploration,
            seed,
        )
        for name, policy in policies.items()
    }


@pytest.fixture(scope="module")
def logs() -> Logs:
    return run_both()


def summarise_logs(logs: Logs) -> dict[str, float]:
    rng = np.random.default_rng(0)
    return summarise(logs, make_environment(N_USERS), N_CLUSTERS, rng)


def test_only_exploration_finds_the_wanted_interest(logs: Logs) -> None:
    figures = summarise_logs(logs)
    assert set(logs[CONTROL]["cluster"]) == set(LIKED)
    assert figures["control_novel_clusters_per_user"] == 0
    assert figures["control_latent_interests_found_per_user"] == 0
    # 8 chances of at least .9 * .9**9 each: a user misses them all once in 150
    assert figures["planner_novel_clusters_per_user"] > 0.9
    assert figures["planner_latent_interests_found_per_user"] > 0.9
    assert figures["planner_minus_control_novel_clusters_per_user_low"] > 0.8
    assert figures["planner_minus_control_cluster_coverage"] > 0


def test_planning_what_leaves_users_cold_costs_and_finds_nothing() -> None:
    figures = summarise_logs(run_both(first=4))
    assert figures["planner_novel_clusters_per_user"] == 0
    assert figures["planner_minus_control_positives_per_shown_high"] < 0


def test_a_liked_novel_cluster_becomes_ordinary(logs: Logs) -> None:
    """What was found is in the user's history from then on: the ordinary list takes it up."""
    explored = logs[PLANNER]
    taken_up = explored.filter(pl.col("cluster") == WANTED, ~pl.col("is_exploratory"))
    assert taken_up.height > 0
    assert taken_up["round"].min() > 0


def test_arms_that_show_the_same_get_the_same() -> None:
    same = run_both(config=ExperimentConfig(rounds=3, exploration_share=0.0))
    assert same[CONTROL].equals(same[PLANNER])
    assert not same[CONTROL].equals(
        run_both(config=ExperimentConfig(rounds=3, exploration_share=0.0), seed=1)[CONTROL]
    )


def test_items_are_shown_to_a_user_once_and_in_full_lists(logs: Logs) -> None:
    for log in logs.values():
        assert not log.select("user", "item").is_duplicated().any()
        assert (log.group_by("user", "round").len()["len"] == CONFIG.count).all()
    share = logs[PLANNER]["is_exploratory"].mean()
    assert share == pytest.approx(CONFIG.exploration_share)  # of ten items two, wherever they begin


def test_a_cluster_that_was_shown_and_not_taken_rests() -> None:
    """Cluster 4 leaves everybody cold: shown twice, it gives way to the one that is wanted."""
    stubborn = run_both(first=4)[PLANNER]
    assert set(stubborn.filter("is_exploratory")["cluster"]) == {4}
    explored = run_both(first=4, exploration=RESTING)[PLANNER].filter("is_exploratory")
    by_round = explored.group_by("round").agg(pl.col("cluster").unique()).sort("round")["cluster"]
    assert [set(clusters) for clusters in by_round][:3] == [{4}, {4}, {WANTED}]


def test_arms_share_their_luck_and_tell_their_chances() -> None:
    drawn = ExplorationPolicy(cluster_decay=1, item_decay=1)
    wide = ExperimentConfig(rounds=3, planned_clusters=3, tiring=0.0)
    one, two = (run_both(config=wide, exploration=drawn)[PLANNER] for _ in range(2))
    assert one.equals(two)
    explored = one.filter("is_exploratory")
    # of three clusters alike, then of the best five items alike, then of the two clusters left
    assert set(explored["probability"].round(4)) == {round(1 / 15, 4), round(1 / 10, 4)}
    assert one.filter(~pl.col("is_exploratory"))["probability"].is_null().all()
    assert set(explored.filter(pl.col("round") == 0)["cluster"]) == {
        2,
        3,
        4,
    }  # all that are planned


def test_with_a_share_of_zero_every_arm_shows_the_plain_recommenders_list() -> None:
    people, system = make_participants(5), make_system()
    nothing = CONFIG.model_copy(update={"exploration_share": 0.0})
    plain = [
        system.recommender.top_items(user.recent_items, None, user.excluded_items, CONFIG.count)
        for user in people
    ]
    for policy in (None, system.planner()):
        for exploration in (None, Exploration(ExplorationPolicy(), 0)):
            lists = answer_requests(policy, system.recommender, people, nothing, exploration)
            assert [[entry.item for entry in answer] for answer in lists] == plain


def test_control_ignores_the_table() -> None:
    people = make_participants(3)
    one, two = (
        answer_requests(None, make_system(first).recommender, people, CONFIG) for first in (2, 3)
    )
    assert one == two


def test_figures_of_a_log_made_by_hand() -> None:
    environment = make_environment(2)
    rows = [
        # user, cluster, is_exploratory, is_novel, is_consumed, is_positive
        (0, 2, True, True, True, True),
        (0, 2, False, True, True, True),
        (0, 3, True, True, True, False),
        (0, 0, False, False, False, False),
        (1, 4, True, True, True, True),
        (1, 0, False, False, True, True),
    ]
    columns = ["user", "cluster", "is_exploratory", "is_novel", "is_consumed", "is_positive"]
    log = pl.DataFrame(rows, schema=columns, orient="row").with_columns(topic="cluster")
    figures = dict(zip(PER_USER, tabulate_users(log, environment).T.tolist(), strict=True))
    assert figures == {
        "novel_clusters_per_user": [1, 1],
        "users_with_novel_cluster_share": [1, 1],
        "kept_novel_clusters_per_user": [1, 0],
        "latent_interests_found_per_user": [1, 0],
        "positives_per_shown": [0.5, 1.0],
        "uci_at_5": [0, 0],
        "uci_at_10": [0, 0],
        "uci_at_20": [0, 0],
    }
    counts = tabulate_ratios(log, 2).sum(axis=0).reshape(-1, 2).tolist()
    assert dict(zip(RATIOS, counts, strict=True)) == {
        "novel_share_of_shown": [6, 4],
        "positive_rate_of_novel": [4, 3],
        "positive_share_of_consumed": [5, 4],
        "positive_rate_of_explored": [3, 2],
        "positive_rate_of_ordinary": [3, 2],
    }


def test_every_rate_stands_beside_its_interval_and_counts_add_up(logs: Logs) -> None:
    figures = summarise_logs(logs)
    for name in [key for key in figures if f"{key}_low" in figures]:
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"], name
    for prefix in (CONTROL, PLANNER):
        assert f"{prefix}_catalogue_coverage_low" in figures
        assert all(f"{prefix}_{name}_low" in figures for name in (*PER_USER, *RATIOS))
    assert all(f"planner_minus_control_{name}_low" in figures for name in COMPARED)
    assert figures["users"] == N_USERS
    assert figures["control_shown"] == N_USERS * CONFIG.rounds * CONFIG.count
    curve = follow_rounds(logs, N_USERS)
    assert curve["round"].to_list() == [1, 2, 3, 4]
    last = curve["planner_novel_clusters_per_user"][-1]
    assert last == pytest.approx(figures["planner_novel_clusters_per_user"], abs=1e-6)


def test_a_participant_moves_on() -> None:
    start = make_participants(1)[0]
    after = start.after(
        ["c2-01", "c3-01", "c0-05"], [("c3-01", False), ("c0-05", True)], CLUSTER_OF_ITEM
    )
    assert after.history_clusters == (0, 1)
    assert after.recent_items == ("c0-05", "c1-00", "c0-00")
    assert after.consumed_clusters == {0, 1, 3}
    assert after.excluded_items == {"c1-00", "c0-00", "c2-01", "c3-01", "c0-05"}
    assert start == make_participants(1)[0]


def test_participants_start_from_their_newest_state() -> None:
    clusters = pl.DataFrame(
        {
            "user_id": ["b", "a", "a"],
            "event_timestamp": [1, 2, 1],
            "history_clusters": [[3], [1, 0], [0]],
            "consumed_clusters": [[3], [0, 1, 4], [0]],
        }
    )
    items = pl.DataFrame(
        {
            "user_id": ["a", "a", "b"],
            "event_timestamp": [1, 5, 5],
            "recent_items": [["x"], ["y", "x"], ["z"]],
            "consumed_items": [["x"], ["y", "w", "x"], ["z"]],
        }
    )
    first, second = assemble_participants(clusters, items)
    assert (first.user_id, second.user_id) == ("a", "b")
    assert first.history_clusters == (1, 0)
    assert first.recent_items == ("y", "x")
    assert first.consumed_clusters == {0, 1, 4}
