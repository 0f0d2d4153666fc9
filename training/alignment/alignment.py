"""The alignment: puts the planner's best proposals in the order that suits one user's whole past.

Best of n (arXiv 2504.05522): the planner proposes, a model of users' feedback chooses among its
first n proposals. What it knows and the table's rows do not: every cluster the user has touched,
not eight; what was touched and not liked; and how recent all that is, together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.alignment.ordering import order_proposals
from training.alignment.reference_plans import NOBODY, ReferencePlans
from training.alignment.user_model import states_as_pasts
from training.baselines.clusters.logistic import LogisticModel
from training.baselines.clusters.stack import MIN_DEVIATION, standardise_scores
from training.evaluation.metrics import recall_at_k

# Shapes: B users, n proposals of each (those of a shorter plan filled up), N clusters.

DECIMALS = 9
"""Beyond them the order of a sum shows."""
MIN_STANDARD_ERRORS = 2.0
"""Of a gain that is more than chance, at 95%."""
RECALL_DEPTH = 10
"""By recall@10 plans are compared everywhere."""


@dataclass(frozen=True)
class Proposals:
    """The top of users' plans, and whose they are.

    Attributes:
        histories: history clusters, newest first, [B].
        consumed: all clusters ever touched, [B].
        clusters: novel clusters best first, int64 [B, n]; anything after a plan's end.
        scores: of the plan, float64 [B, n]; minus infinity after a plan's end.
        groups: int8 [B, n]; proposals change places only within their group, as those at one
            distance do where a mix gives out the places.
    """

    histories: Sequence[Sequence[int]]
    consumed: Sequence[Sequence[int]]
    clusters: NDArray[np.int64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int8]

    @property
    def listed(self) -> NDArray[np.bool_]:
        """Which entries hold a proposal, [B, n]."""
        return np.isfinite(self.scores)


@dataclass(frozen=True)
class Alignment:
    """A user model, how much it weighs beside the plan, and how far people's plans lead.

    Attributes:
        user_model: what users of such a past came to like.
        plan_weight: of the plan's scores.
        user_weight: of the user model's.
        reference: plans by which a mix is made one person's own.
    """

    user_model: LogisticModel
    plan_weight: float
    user_weight: float
    reference: ReferencePlans = NOBODY

    def order(self, proposals: Proposals) -> NDArray[np.int64]:
        """Return the indices of each plan's proposals, best first, int64 [B, n].

        Both scores are standardised over the proposals of a user, so they compare whatever their
        unit. Those that are equal keep the plan's order, and so does what lies after its end. The
        places of a group stay its own.
        """
        pasts = states_as_pasts(proposals.histories, proposals.consumed)
        order: NDArray[np.int64] = order_proposals(
            np.ascontiguousarray(proposals.scores),
            self.user_model.score(pasts),
            np.ascontiguousarray(proposals.clusters),
            np.ascontiguousarray(proposals.groups),
            (self.plan_weight, self.user_weight),
            MIN_DEVIATION,
            10.0**DECIMALS,
        )
        return order


@dataclass(frozen=True)
class FittedAlignment:
    """An alignment and what spoke for it.

    Attributes:
        alignment: to be used.
        loss: its mean negative log-likelihood, in nats per case that tells; 0 without any.
        gain: by how much the user model makes that smaller, beside the plan alone.
        gain_error: standard error of the gain.
        recall_gain: by how much it raises recall at :data:`RECALL_DEPTH`, over all cases.
    """

    alignment: Alignment
    loss: float
    gain: float
    gain_error: float
    recall_gain: float


def fit_alignment(
    user_model: LogisticModel,
    proposals: Proposals,
    positives: Sequence[frozenset[int]],
    penalty: float,
) -> FittedAlignment:
    """Return the alignment that makes what users came to like likeliest among the proposals.

    A conditional logit (McFadden, 1974) with two weights, none negative. A user model whose gain
    is not :data:`MIN_STANDARD_ERRORS` times its standard error, or that lowers recall, gets no
    weight: it would move plans for nothing, and cost coverage. Plans whose proposals hold
    nothing that was liked, or nothing else, are not informative; without any that are, the plan
    keeps its order.

    Args:
        user_model: fitted on what lay before.
        proposals: of evaluation cases.
        positives: what the user of each came to like, [B].
        penalty: L2 weight of the user model's weight, in cases.
    """
    listed = proposals.listed  # [B, n]
    rows = zip(proposals.clusters, positives, strict=True)
    liked = listed & np.array(
        [np.isin(row, sorted(wanted)) for row, wanted in rows], dtype=np.bool_
    ).reshape(listed.shape)
    informative = np.flatnonzero(liked.any(axis=1) & (listed & ~liked).any(axis=1))
    if not informative.size:
        return FittedAlignment(Alignment(user_model, 1.0, 0.0), 0.0, 0.0, 0.0, 0.0)
    features = np.stack(weigh_proposals(user_model, proposals))[:, informative]  # [2, C, n]
    choices = listed[informative], liked[informative]
    # The plan alone is fitted, too: the gain is what the user model adds, not what scaling does.
    both = _fit_weights(features, *choices, penalty)
    alone = np.array([_fit_weights(features[:1], *choices, penalty)[0], 0.0])
    losses = _losses_of(both, features, *choices)  # [C]
    gains = _losses_of(alone, features, *choices) - losses
    gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
    aligned, unaligned = (Alignment(user_model, *found.tolist()) for found in (both, alone))
    recall_gain = _recall(aligned, proposals, positives) - _recall(unaligned, proposals, positives)
    # Likelihood may rise where the first ten do not get better: it looks at all proposals.
    if gain > MIN_STANDARD_ERRORS * error and recall_gain >= 0:
        return FittedAlignment(aligned, float(losses.mean()), gain, error, recall_gain)
    return FittedAlignment(unaligned, float(losses.mean()) + gain, gain, error, recall_gain)


def _recall(
    alignment: Alignment, proposals: Proposals, positives: Sequence[frozenset[int]]
) -> float:
    """Return the mean recall@:data:`RECALL_DEPTH` of plans in this order."""
    order = alignment.order(proposals)
    clusters = np.take_along_axis(proposals.clusters, order, axis=1)  # [B, n]
    lengths = proposals.listed.sum(axis=1)  # [B]
    found = [
        recall_at_k(row[:length], wanted, RECALL_DEPTH)
        for row, length, wanted in zip(clusters.tolist(), lengths, positives, strict=True)
        if wanted
    ]
    return float(np.mean(found))


def _fit_weights(
    features: NDArray[np.float64],
    listed: NDArray[np.bool_],
    liked: NDArray[np.bool_],
    penalty: float,
) -> NDArray[np.float64]:
    """Return the weights, [1] or [2], of the greatest likelihood; the second is penalised."""
    # Each case counts once, however much was liked in it: heavy users would decide it else.
    wanted = liked / liked.sum(axis=1, keepdims=True)  # [C, n]
    ridge = np.array([0.0, penalty])[: len(features)]

    def loss_of(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        probabilities = np.exp(_log_probabilities(weights, features, listed))
        gradient = np.tensordot(features, probabilities - wanted, axes=2) + ridge * weights
        loss = _losses_of(weights, features, listed, liked).sum()
        return float(loss + (ridge * weights**2).sum() / 2), gradient

    from scipy.optimize import minimize  # a service, which fits nothing, starts without it

    start = np.array([1.0, 0.0])[: len(features)]
    bounds = [(0.0, None)] * len(features)
    return np.asarray(minimize(loss_of, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _losses_of(
    weights: NDArray[np.float64],
    features: NDArray[np.float64],
    listed: NDArray[np.bool_],
    liked: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the mean negative log-likelihood of what each case liked, [C]."""
    scores = np.where(liked, _log_probabilities(weights, features, listed), 0.0)
    return np.asarray(-scores.sum(axis=1) / liked.sum(axis=1))


def _log_probabilities(
    weights: NDArray[np.float64], features: NDArray[np.float64], listed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the log-softmax of each case's weighed proposals, [C, n]."""
    logits = np.where(listed, np.tensordot(weights, features, axes=1), -np.inf)
    logits -= logits.max(axis=1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def weigh_proposals(
    user_model: LogisticModel, proposals: Proposals
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what plan and user model say of each proposal, standardised, [B, n] each."""
    listed = proposals.listed
    scores = user_model.score(states_as_pasts(proposals.histories, proposals.consumed))  # [B, N]
    of_user = np.take_along_axis(scores, np.where(listed, proposals.clusters, 0), axis=1)
    return standardise_scores(proposals.scores, listed), standardise_scores(of_user, listed)
