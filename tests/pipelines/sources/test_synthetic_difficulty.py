"""The synthetic world is neither easy nor hopeless: see docs/research/synthetic-world.md.

Default size: about 1,700 cases, so the standard error of each recall is about .01; the bounds
below lie at least five of those away from what was measured over six seeds.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.sources.synthetic.config import SyntheticConfig
from tests.worlds.synthetic import make_world, observe, oracle, pair_counts, popularity, recall_of


@pytest.mark.parametrize("seed", [0, 1])
def test_difficulty_of_the_default_world(tmp_path: Path, seed: int) -> None:
    config = SyntheticConfig()
    world = make_world(tmp_path, config, seed)
    origin = config.start_time + timedelta(days=0.85 * config.days)
    adoptions, cases = observe(world, origin)
    assert len(cases) > 1000
    best = recall_of(oracle(world.truth.mechanism), cases)
    assert 0.4 <= best <= 0.8
    assert recall_of(popularity(adoptions, world.n_topics), cases) <= 0.5 * best
    assert recall_of(pair_counts(adoptions, world.n_topics), cases) <= 0.85 * best
