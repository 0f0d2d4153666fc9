"""Says which words of a name are its theme, and which at its end only tell it from its like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.clusters.cluster_name import ClusterName
from training.clusters.naming.phrases import DECADE, Phrase, Term

OWN_SHARE = 0.5  # of a term's items anywhere are in the cluster: the term is about it


def split_phrase(ordered: Phrase, theme: Phrase, positions: np.ndarray) -> ClusterName:
    """Return the name that a phrase makes.

    A term stands apart where it was added to a theme that other clusters have too, or is broader
    than a theme that is the cluster's own (*bonsai care*, and then *garden yard*), unless titles
    go on with it (*permanent markers fine point*).

    Args:
        ordered: the terms as they are written.
        theme: those that would name the cluster if it were alone, the most telling first.
        positions: where each stands in the title of each item of the cluster, 0 where it does not,
            ``[n_items, n_terms]``.
    """
    has_own = bool(theme) and theme[0].held >= OWN_SHARE
    n_kept = len(ordered)
    while n_kept > 1 and _is_apart(ordered[n_kept - 1], theme, has_own):
        if _goes_on(positions[:, : n_kept - 1], positions[:, n_kept - 1]):
            break
        n_kept -= 1
    text = write_phrase(ordered)
    telling = {term for term in theme if not DECADE.match(term.surface)}
    if n_kept == len(ordered) or not telling.intersection(ordered[:n_kept]):
        return ClusterName(text)
    return ClusterName(text, write_phrase(ordered[n_kept:]))


def write_phrase(terms: Sequence[Term]) -> str:
    """Return the terms as one text."""
    return " ".join(term.surface for term in terms)


def _is_apart(term: Term, theme: Phrase, has_own: bool) -> bool:
    return term not in theme or (has_own and term.held < OWN_SHARE)


def _goes_on(before: np.ndarray, last: np.ndarray) -> bool:
    """Say whether most titles with a term have a term of those before it ahead of it."""
    ahead = ((before > 0) & (before < last[:, None])).any(axis=1)
    return bool(2 * ahead.sum() > max((last > 0).sum(), 1))
