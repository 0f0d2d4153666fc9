"""How fast a history fades is what validation clearly speaks for, and else what stands first."""

import numpy as np
import pytest

from tests.worlds import recommender as world
from training.recommender.config import NeighbourConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM
from training.recommender.data.neighbours import SequentialNeighbours, fit_neighbours
from training.recommender.fitting.direct import fit
from training.recommender.fitting.validation import MIN_CASES, ValidationCases, choose_history_decay

N_ITEMS = 40
OF_A_KIND = N_ITEMS // 2
FAST, SLOW = 0.1, 1.0


@pytest.fixture(scope="module")
def neighbours() -> SequentialNeighbours:
    """Counted on people who like items of one of two kinds only."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, 300)
    liked = [rng.permutation(OF_A_KIND)[:8] + kind * OF_A_KIND + FIRST_ITEM for kind in kinds]
    config = NeighbourConfig(history_decays=(FAST, SLOW))
    return fit_neighbours(Sequences.of([row.tolist() for row in liked]), N_ITEMS, config)


def cases_of(n: int, is_lasting: bool) -> ValidationCases:
    """Return people who liked six items of one kind, then one of the other, and what follows."""
    rng = np.random.default_rng(1)
    histories, positives = [], []
    for _ in range(n):
        old, new = rng.permutation(2) * OF_A_KIND + FIRST_ITEM
        of_old = (rng.permutation(OF_A_KIND)[:7] + old).tolist()
        of_new = (rng.permutation(OF_A_KIND)[:2] + new).tolist()
        histories.append([*of_old[:6], of_new[0]])
        positives.append([of_old[6] if is_lasting else of_new[1]])
    return ValidationCases(Sequences.of(histories), Sequences.of(positives))


@pytest.mark.parametrize(
    ("n", "is_lasting", "chosen"),
    [
        (MIN_CASES, True, SLOW),
        (MIN_CASES, False, FAST),
        (MIN_CASES - 1, True, FAST),
        (0, True, FAST),
    ],
)
def test_another_decay_than_the_first_is_taken_where_many_cases_speak_for_it(
    neighbours: SequentialNeighbours, n: int, is_lasting: bool, chosen: float
) -> None:
    found = choose_history_decay(neighbours, cases_of(n, is_lasting))
    assert found.config == neighbours.config.model_copy(update={"history_decays": (chosen,)})
    assert found.weights is neighbours.weights


def test_chance_does_not_move_it(neighbours: SequentialNeighbours) -> None:
    """More people follow what is new, those who follow what lasts are served better: a tie."""
    parts = cases_of(MIN_CASES, is_lasting=True), cases_of(MIN_CASES * 3 // 2, is_lasting=False)
    rows = [(p.histories[n], p.positives[n]) for p in parts for n in range(len(p.histories))]
    both = ValidationCases(*(Sequences.of(column) for column in zip(*rows, strict=True)))
    for order in ((FAST, SLOW), (SLOW, FAST)):
        config = neighbours.config.model_copy(update={"history_decays": order})
        found = choose_history_decay(SequentialNeighbours(neighbours.weights, config), both)
        assert found.config.history_decays == (order[0],)


def test_a_refit_fades_as_validation_chose() -> None:
    """People turn to the other kind once, at the last item but one, and then come back."""
    cases = cases_of(2 * MIN_CASES, is_lasting=True)
    histories = [
        [str(item) for item in (*cases.histories[n], *cases.positives[n])]
        for n in range(len(cases.histories))
    ]
    update = {"max_epochs": 1, "neighbours": NeighbourConfig(history_decays=(FAST, SLOW))}
    fitted = fit(histories, config=world.SMALL.model_copy(update=update))
    assert fitted.neighbours is not None
    assert fitted.config.neighbours == fitted.neighbours.config
    assert fitted.config.neighbours.history_decays == (SLOW,)
