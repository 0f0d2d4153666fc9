"""A log made by the model itself is told from it by nothing once the habits are calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from training.log_model.calibration import MOVED_BY, calibrate
from training.log_model.model import Habits, LogModel, fit_log_model, sample_log
from training.log_model.statistics import Log, describe_log

N_TOPICS, ITEMS_PER_TOPIC, N_USERS = 12, 15, 300
TOPIC_OF_ITEM = np.repeat(np.arange(N_TOPICS), ITEMS_PER_TOPIC)
TRUE = Habits(opening=0.25, staying=0.3, focus=1.0, popularity=1.0)


def make_model(habits: Habits) -> LogModel:
    """Two types of users, each with half of the topics for interests."""
    types = np.arange(N_USERS) % 2
    interests = np.zeros((2, N_TOPICS))
    interests[0, ::2] = interests[1, 1::2] = 0.8
    consumption = np.tile(100 / np.arange(1, ITEMS_PER_TOPIC + 1), N_TOPICS)
    return LogModel(TOPIC_OF_ITEM, consumption, types, interests, np.full(N_USERS, 20), habits)


def test_figures_of_a_log_made_by_hand() -> None:
    log = Log(np.array([0, 0, 0, 0, 1]), np.array([0, 1, 15, 2, 30]), 3, 4 * 15)
    figures = describe_log(log, TOPIC_OF_ITEM[: 4 * 15])
    assert figures["events_per_user"] == 2.5  # the third user has none
    assert figures["repeat_share"] == pytest.approx(1 / 3)
    assert figures["novel_share"] == pytest.approx(1 / 3)
    assert figures["cluster_entropy_bits"] == pytest.approx(0.811278 / 2, abs=1e-6)  # 3:1, and 1
    assert figures["item_gini"] == pytest.approx(1 - 5 / 60)  # five items of sixty, alike
    assert figures["clusters_per_user"] == 1.5
    assert figures["top_items_share"] == 1.0  # the five items are among the six of a tenth


def test_calibrated_habits_bring_the_figures_of_the_log() -> None:
    log = sample_log(make_model(TRUE), np.random.default_rng(0))
    wanted = describe_log(log, TOPIC_OF_ITEM)
    start = make_model(Habits(opening=0.6, staying=0.0, focus=0.0, popularity=0.2))
    calibrated = calibrate(start, log, TOPIC_OF_ITEM, seed=1)
    found = describe_log(sample_log(calibrated, np.random.default_rng(2)), TOPIC_OF_ITEM)
    for name in {figure for figure, _, _ in MOVED_BY.values()}:
        # 6,000 events: shares and the index vary by less than .01, entropy by .03
        assert found[name] == pytest.approx(wanted[name], abs=0.05), name
    assert calibrated.habits.opening == pytest.approx(TRUE.opening, abs=0.06)


def test_topics_and_types_that_a_log_shows_are_found() -> None:
    log = sample_log(make_model(TRUE), np.random.default_rng(0))
    model = fit_log_model(log, np.random.default_rng(0))
    same_type = model.type_of_user[:, None] == model.type_of_user
    alike = np.arange(N_USERS)[:, None] % 2 == np.arange(N_USERS) % 2
    # who shares a type of the model shares the true one: there are more of the model's
    assert (alike & same_type).sum() > 0.9 * same_type.sum()
    assert model.events_of_user.tolist() == [20] * N_USERS
