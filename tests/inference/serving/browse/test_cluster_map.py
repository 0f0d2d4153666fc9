"""The layout of the map: what lies in what, nothing over another, alike near alike."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.serving.browse.circle_packing import MOST_PACKED, enclose, pack_circles
from inference.serving.browse.cluster_map import SIZE, LevelCircles, lay_out_tree

ROUNDED = 0.2  # positions and radii are told to a tenth


def a_tree(*sizes: int, seed: int = 0) -> tuple[list[NDArray[np.float64]], list[NDArray[np.int64]]]:
    """Centres and parents of levels of these sizes; every cluster has a child."""
    rng = np.random.default_rng(seed)
    centres, parents = [], [np.empty(0, dtype=np.int64)]
    for level, size in enumerate(sizes):
        rows = rng.normal(size=(size, 8))
        centres.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        if level:
            above = sizes[level - 1]
            more = rng.integers(0, above, size - above)
            parents.append(np.concatenate([np.arange(above), more]))
    return centres, parents


def apart(circles: LevelCircles) -> NDArray[np.float64]:
    """Room between any two circles [n, n]; below 0 they overlap."""
    points = np.column_stack([circles.x, circles.y])
    between = np.linalg.norm(points[:, None] - points[None], axis=2)
    room: NDArray[np.float64] = between - circles.radius[:, None] - circles.radius[None]
    np.fill_diagonal(room, np.inf)
    return room


@pytest.mark.parametrize("sizes", [(4, 16, 64), (2, 6), (7,), (1,), (1, 1, 2), (3, 40, 300)])
def test_circles_lie_within_their_parents_and_none_over_another(sizes: tuple[int, ...]) -> None:
    centres, parents = a_tree(*sizes)
    layout = lay_out_tree(centres, parents)
    levels = layout.levels
    assert max(layout.width, layout.height) == SIZE
    assert [len(level.x) for level in levels] == list(sizes)
    for depth, level in enumerate(levels):
        assert apart(level).min(initial=np.inf) > -ROUNDED
        assert min((level.x - level.radius).min(), (level.y - level.radius).min()) >= -ROUNDED
        assert (level.x + level.radius).max() <= layout.width + ROUNDED
        assert (level.y + level.radius).max() <= layout.height + ROUNDED
        if depth:
            above, held_by = levels[depth - 1], parents[depth]
            off = np.hypot(level.x - above.x[held_by], level.y - above.y[held_by])
            assert (off + level.radius <= above.radius[held_by] + ROUNDED).all()


def test_clusters_of_the_narrowest_level_are_of_one_size() -> None:
    assert len(set(lay_out_tree(*a_tree(4, 16, 64)).levels[-1].radius.tolist())) == 1


def test_the_same_tree_gives_the_same_map_and_another_another() -> None:
    first, again, other = (lay_out_tree(*a_tree(4, 16, 64, seed=seed)).levels for seed in (0, 0, 1))
    assert all(np.array_equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[-1].x, other[-1].x)


def test_alike_lies_near_alike() -> None:
    """Six pairs of twins among strangers: nearly every nearest neighbour is the twin."""
    twins = np.repeat(np.eye(6), 2, axis=0)
    positions = pack_circles(np.ones(12), twins)
    between = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    touch = between[np.arange(0, 12, 2), np.arange(1, 12, 2)]
    assert touch == pytest.approx(2.0, abs=0.01)


def test_a_few_take_no_more_room_than_they_must() -> None:
    """The best radii around 3 to 7 circles of one size are known (Graham 1968)."""
    best = {3: 1 + 2 / np.sqrt(3), 4: 1 + np.sqrt(2), 5: 1 + 1 / np.sin(np.pi / 5), 6: 3.0, 7: 3.0}
    for n_circles, radius in best.items():
        positions = pack_circles(np.ones(n_circles), np.eye(n_circles))
        assert enclose(positions, np.ones(n_circles))[1] == pytest.approx(radius, abs=0.02)


def test_circles_beyond_those_that_are_packed_do_not_overlap_either() -> None:
    n_circles = MOST_PACKED + 40
    positions = pack_circles(np.ones(n_circles), np.eye(n_circles))
    between = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    assert between[np.triu_indices(n_circles, 1)].min() > 1.7


def test_the_circle_around_others_is_hardly_larger_than_need_be() -> None:
    corners = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    centre, radius = enclose(corners, np.full(4, 0.5))
    assert centre == pytest.approx([0.0, 0.0], abs=0.02)
    assert np.sqrt(2) + 0.5 <= radius + 1e-9
    assert radius == pytest.approx(np.sqrt(2) + 0.5, abs=0.03)
