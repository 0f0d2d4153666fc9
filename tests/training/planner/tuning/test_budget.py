"""A budget settles the number of steps beforehand; with that number the training is the same."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from tests.worlds.planner import planned_rule_world
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base.model_io import load_base
from training.planner.config import PlannerConfig
from training.planner.data.transitions import read_transitions
from training.planner.tuning import budget
from training.planner.tuning.budget import count_steps, settle_steps
from training.planner.tuning.finetune import FineTuned, fine_tune, trained_weights
from training.processes import join_process_group

CONFIG = PlannerConfig(batch_size=4, evaluate_every=4, refit=False, validation_rows=8)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which each look takes a second: four steps do, and an evaluation does."""
    seconds = count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
    monkeypatch.setattr(budget, "time", clock)


@settings(deadline=None)
@given(
    st.floats(0, 5000), st.floats(0.01, 20), st.floats(0, 200), st.integers(1, 50), st.booleans()
)
def test_one_step_more_would_take_too_long(
    seconds: float, step: float, evaluation: float, every: int, refits: bool
) -> None:
    config = PlannerConfig(evaluate_every=every, refit=refits)
    share = config.refit_share if refits else 0

    def takes(steps: int) -> float:
        return steps * step * (1 + share) + -(-steps // every) * evaluation

    steps = count_steps(seconds, step, evaluation, config)
    assert steps >= 0
    if steps:
        assert takes(steps) <= seconds * (1 + 1e-9) + 1e-9
    assert takes(steps + 1) > seconds * (1 - 1e-9) - 1e-9


def train(folder: Path, config: PlannerConfig) -> FineTuned:
    torch.set_num_threads(1)
    world = planned_rule_world(n_clusters=4, copies=1)
    base = load_base(save_tiny_base(folder, "llama", world.descriptions))
    splits = (read_transitions(world.transitions, split) for split in ("train", "validation"))
    return fine_tune(base, world.descriptions, *splits, config, seed=0)


@pytest.mark.usefixtures("ticking")
def test_the_same_number_of_steps_without_a_budget_gives_the_same_weights(tmp_path: Path) -> None:
    within = CONFIG.model_copy(update={"budget_minutes": 0.2, "patience": 9})
    tuned = train(tmp_path, within)
    # 12 seconds, of which 5 are measured with; 4 steps and an evaluation take 2
    assert tuned.to_metrics() == {"max_steps": 12, "steps_made": 12, "best_step": tuned.best_step}
    again = train(tmp_path, CONFIG.model_copy(update={"max_steps": 12, "patience": 9}))
    assert again.curve == tuned.curve
    for ours, theirs in zip(
        trained_weights(again.model), trained_weights(tuned.model), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.usefixtures("ticking")
def test_a_budget_without_room_for_a_step_is_one_clear_line() -> None:
    group = join_process_group("cpu", "device")
    config = CONFIG.model_copy(update={"budget_minutes": 0.1})
    with pytest.raises(UserError, match=r"budget_minutes: has room for a step.*found: 0\.1"):
        settle_steps(config, lambda: None, lambda: None, group)


def test_without_a_budget_nothing_is_measured() -> None:
    def fail() -> None:
        raise AssertionError

    group = join_process_group("cpu", "device")
    assert settle_steps(CONFIG, fail, fail, group) == CONFIG
