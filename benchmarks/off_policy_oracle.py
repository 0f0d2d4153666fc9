"""Golden numbers of off-policy estimates, made by Open Bandit Pipeline on a small random log.

It asks for Python below 3.11, so it lies in a folder of its own, beside our environment::

    pip install --no-deps --ignore-requires-python --target /tmp/obp obp==0.5.7 pyieoe seaborn
    PYTHONPATH=/tmp/obp python benchmarks/off_policy_oracle.py \
        tests/inference/experiment/obp_estimates.json
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from obp.ope import (
    DirectMethod,
    DoublyRobust,
    SelfNormalizedInverseProbabilityWeighting,
    SwitchDoublyRobust,
)

N_CHOICES, N_ACTIONS = 200, 5
BOUNDS = (0.5, 1.0, 2.0, 5.0)
"""Largest weights of the switch; the log's own weights reach beyond the largest."""
DIGITS = 4
"""Of every probability and reward in the file: what is rounded is what both sides read."""


def main() -> None:
    """Draw a log, let Open Bandit Pipeline judge it, and write both as JSON to the path given."""
    rng = np.random.default_rng(20210817)
    logged = _draw_policies(rng)
    judged = _draw_policies(rng)
    predicted = rng.uniform(0.05, 0.6, (N_CHOICES, N_ACTIONS)).round(DIGITS)
    actions = np.array([rng.choice(N_ACTIONS, p=row) for row in logged])
    rewards = (rng.random(N_CHOICES) < 0.2 + 0.1 * actions).astype(float)
    rows = np.arange(N_CHOICES)
    asked = {
        "reward": rewards,
        "action": actions,
        "pscore": logged[rows, actions],
        "action_dist": judged[:, :, None],
        "estimated_rewards_by_reg_model": predicted[:, :, None],
    }
    estimators = {
        "model": DirectMethod(),
        "snipw": SelfNormalizedInverseProbabilityWeighting(),
        "doubly_robust": DoublyRobust(),
        **{f"switch_at_{bound}": SwitchDoublyRobust(lambda_=bound) for bound in BOUNDS},
    }
    estimates = {name: float(e.estimate_policy_value(**asked)) for name, e in estimators.items()}
    content = {
        "made_by": f"obp {version('obp')}",
        "actions": actions.tolist(),
        "rewards": rewards.tolist(),
        "logged": logged.tolist(),
        "judged": judged.tolist(),
        "predicted": predicted.tolist(),
        "estimates": estimates,
    }
    Path(sys.argv[1]).write_text(json.dumps(content) + "\n", encoding="utf-8")
    print(json.dumps(estimates, indent=2))


def _draw_policies(rng: np.random.Generator) -> np.ndarray:
    """Return a distribution over the actions for each choice, in rounded numbers, [M, A]."""
    drawn = rng.dirichlet(np.full(N_ACTIONS, 1.0), N_CHOICES)
    rounded = (0.02 + 0.9 * drawn).round(DIGITS)
    rounded[:, -1] += 1 - rounded.sum(axis=1)  # at least .02 is left of the .1
    return rounded.round(DIGITS)


if __name__ == "__main__":
    main()
