"""Puts circles side by side, none over another, those that are alike near each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_PACKED = 160
"""Circles whose places are chosen one by one, which takes their number cubed; more of them lie on
a spiral."""
TOUCHING = 1.001
"""Circles nearer than this part of their radii lie over each other: what floats cannot tell."""
MOST_ON_A_RING = 6
"""Circles that a ring around nothing may hold in less room than a cluster of them; seven of one
size fit better around one of them."""
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
"""Between neighbours of a spiral that fills a disc evenly (Vogel 1979)."""
STEPS = 200
"""Towards the smallest circle around others, or the smallest ring; the error falls with them."""

Floats = NDArray[np.float64]

# Shapes: n circles, d coordinates of a centre.


def pack_circles(radii: Floats, centres: NDArray[np.floating]) -> Floats:
    """Return a position for each circle, float64 [n, 2]; the same input gives the same bits.

    One after the other is laid where it touches two that lie already and covers none: of all such
    places the one nearest to those it is like, and to the middle. A few stand in a ring where
    that takes less room.

    Args:
        radii: of the circles, [n].
        centres: what they stand for, by whose cosine they are alike, [n, d].
    """
    n_circles = len(radii)
    if n_circles > MOST_PACKED:
        return _spiral(radii)
    likeness = _likeness(centres)
    order = _order(radii, likeness)
    packed = _pack(radii, likeness, order)
    if not 3 <= n_circles <= MOST_ON_A_RING:
        return packed
    ring = _ring(radii, order)
    if _overlap(ring, radii):  # large ones reach over the small one between them
        return packed
    return min((ring, packed), key=lambda positions: round(enclose(positions, radii)[1], 3))


def _pack(radii: Floats, likeness: Floats, order: NDArray[np.int64]) -> Floats:
    n_circles = len(radii)
    positions = np.zeros((n_circles, 2))
    for place, circle in enumerate(order[1:], 1):
        laid = order[:place]
        if place == 1:
            spots = np.array([[radii[order[0]] + radii[circle], 0.0]])
        else:
            spots = _free_spots(positions[laid], radii[laid], float(radii[circle]))
        middle = np.average(positions[laid], axis=0, weights=radii[laid] ** 2)
        away = np.linalg.norm(spots - middle, axis=1)
        apart = np.linalg.norm(spots[:, None] - positions[laid][None], axis=2)  # [spots, laid]
        liking = likeness[circle, laid]
        cost = away + apart @ (liking / max(float(liking.sum()), 1e-9))
        positions[circle] = spots[int(np.argmin(np.round(cost, 6)))]
    return positions


def enclose(positions: Floats, radii: Floats) -> tuple[Floats, float]:
    """Return centre and radius of a small circle around others.

    Each step goes from the centre towards the circle that reaches furthest, less far each time
    (Badoiu & Clarkson 2003).
    """
    centre = positions.mean(axis=0)
    for step in range(STEPS):
        reach = np.linalg.norm(positions - centre, axis=1) + radii
        centre = centre + (positions[int(np.argmax(reach))] - centre) / (step + 2)
    return centre, float((np.linalg.norm(positions - centre, axis=1) + radii).max())


def _likeness(centres: NDArray[np.floating]) -> Floats:
    """Return how alike any two are, from 0 for the least alike, float64 [n, n]."""
    cosines = centres.astype(np.float64) @ centres.astype(np.float64).T
    return np.asarray(np.round(cosines - cosines.min(), 6))


def _order(radii: Floats, likeness: Floats) -> NDArray[np.int64]:
    """Return the order of laying: from the largest on, each the most alike of those laid."""
    rest = np.ones(len(radii), dtype=bool)
    order = [int(np.argmax(radii))]
    rest[order[0]] = False
    while rest.any():
        nearness = np.where(rest, likeness[:, order].max(axis=1), -np.inf)
        order.append(int(np.argmax(nearness)))
        rest[order[-1]] = False
    return np.array(order)


def _ring(radii: Floats, order: NDArray[np.int64]) -> Floats:
    """Return positions on the smallest ring where neighbours touch, in this order, [n, 2]."""
    ordered = radii[order]
    pairs = ordered + np.roll(ordered, -1)  # from each centre to the next
    inner, outer = float(pairs.max()) / 2, float(pairs.sum())
    for _ in range(STEPS):
        reach = (inner + outer) / 2
        turns = 2 * np.arcsin(np.minimum(pairs / (2 * reach), 1.0))
        inner, outer = (reach, outer) if turns.sum() > 2 * np.pi else (inner, reach)
    turns = 2 * np.arcsin(np.minimum(pairs / (2 * outer), 1.0))
    angles = np.cumsum(turns) - turns[0] / 2  # the first and the second stand side by side
    positions = np.empty((len(radii), 2))
    positions[order] = outer * np.column_stack([np.cos(angles), np.sin(angles)])
    return positions


def _overlap(positions: Floats, radii: Floats) -> bool:
    first, second = np.triu_indices(len(radii), 1)
    apart = np.linalg.norm(positions[first] - positions[second], axis=1)
    return bool((apart * TOUCHING < radii[first] + radii[second]).any())


def _free_spots(positions: Floats, radii: Floats, radius: float) -> Floats:
    """Return where a circle touches two of others and covers none, float64 [spots, 2]."""
    first, second = np.triu_indices(len(positions), 1)
    from_first, from_second = radii[first] + radius, radii[second] + radius
    between = positions[second] - positions[first]
    distance = np.linalg.norm(between, axis=1)
    reaches = distance < from_first + from_second
    first, between, distance = first[reaches], between[reaches], distance[reaches]
    from_first, from_second = from_first[reaches], from_second[reaches]
    along = (distance**2 + from_first**2 - from_second**2) / (2 * distance)
    aside = np.sqrt(np.maximum(from_first**2 - along**2, 0))
    unit = between / distance[:, None]
    turned = np.column_stack([-unit[:, 1], unit[:, 0]])
    foot = positions[first] + along[:, None] * unit
    spots = np.vstack([foot + aside[:, None] * turned, foot - aside[:, None] * turned])
    apart = np.linalg.norm(spots[:, None] - positions[None], axis=2)  # [spots, laid]
    is_free = (apart * TOUCHING >= radii + radius).all(axis=1)
    return np.asarray(spots[is_free])


def _spiral(radii: Floats) -> Floats:
    turns = np.arange(len(radii))
    steps = 2 * float(radii.max()) * np.sqrt(turns)
    return np.column_stack(
        [steps * np.cos(turns * GOLDEN_ANGLE), steps * np.sin(turns * GOLDEN_ANGLE)]
    )
