"""The planner's losses: pure functions of log-probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

# Shapes: B prompts, T tokens, N clusters, W choices after each prompt.


def completion_loss(token_log_probabilities: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over examples of the negative log-likelihood of the whole completion.

    ``L = -1/B sum_b sum_t m_bt log p(y_bt | prompt_b, y_b<t)``: the sum over a completion's tokens,
    which is the (negated) score the novel-cluster table ranks by, not their mean.

    Args:
        token_log_probabilities: of each completion's own tokens, [B, T].
        mask: 1 on the completion's tokens, its end token included, 0 on padding, [B, T].

    >>> logs = torch.tensor([[0.5, 0.25, 0.9], [0.125, 0.9, 0.9]]).log()
    >>> mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> round(completion_loss(logs, mask).item(), 6)  # (ln 8 + ln 8) / 2
    2.079442
    """
    return -(token_log_probabilities * mask).sum(dim=1).mean()


def valid_continuation_loss(logs: Tensor, allowed: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over examples of how little stays among what may be written.

    ``L = -1/B sum_b sum_t m_bt log sum_{v in A_bt} p(v | prompt_b, y_b<t)``, where ``A_bt`` are the
    tokens that continue any description from where ``y_b`` stands. What a completion's
    log-likelihood has beyond this is the choice between descriptions.

    Args:
        logs: log-probabilities of every token along each completion, [B, T, V].
        allowed: tokens that may follow there, int64 [B, T, W]; negative where there are fewer.
        mask: 1 on the completion's tokens, 0 on padding, [B, T].

    >>> logs = torch.tensor([[[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]]]).log()
    >>> allowed = torch.tensor([[[0, 2], [1, -1]]])
    >>> round(valid_continuation_loss(logs, allowed, torch.ones(1, 2)).item(), 6)  # 2 ln (4 / 3)
    0.575364
    """
    found = logs.gather(2, allowed.clamp(min=0))  # [B, T, W]
    found = found.masked_fill(allowed < 0, float("-inf"))
    found = torch.where(mask[:, :, None] > 0, found, 0.0)  # no gradient of minus infinity
    return -(torch.logsumexp(found, dim=-1) * mask).sum(dim=1).mean()


def novel_description_loss(scores: Tensor, is_novel: Tensor) -> Tensor:
    """Return the mean over prompts of how little is left for all novel descriptions together.

    ``L = -1/B sum_b log sum_{c not in b} exp s_bc``. A loss along one completion does not see what
    goes astray beside it: a first word that some description has may take all the probability, and
    be followed by what no description has. Nor does a loss that compares novel descriptions see a
    planner that repeats its prompt's.

    Args:
        scores: log-score of every cluster after each prompt, [B, N].
        is_novel: whether it is no cluster of the prompt, bool [B, N].

    >>> scores = torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]).log()
    >>> is_novel = torch.tensor([[True, True, False], [True, True, False]])
    >>> round(novel_description_loss(scores, is_novel).item(), 6)
    0.490415
    """
    return -torch.logsumexp(scores.masked_fill(~is_novel, float("-inf")), dim=-1).mean()


def listwise_loss(
    scores: Tensor, targets: Tensor, is_candidate: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy of each choice among the clusters its user had not consumed.

    ``L = -1/(BW) sum_bw log( exp s_b,y_bw / sum_{c in C_bw} exp s_b,c )``, the top-one list-wise
    loss of Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach" (ICML
    2007), over the candidates C_bw. What a user could not choose does not count against a choice.

    Args:
        scores: log-score of every cluster after each prompt, [B, N].
        targets: novel clusters chosen by W people who share the prompt, int64 [B, W]; always
            candidates.
        is_candidate: bool [B, W, N].
        weights: of a choice by its novel cluster, [N]; all alike if ``None``.

    >>> scores = torch.tensor([[0.5, 0.25, 0.25]]).log()
    >>> free = torch.tensor([[[True, True, False]]])
    >>> round(listwise_loss(scores, torch.tensor([[1]]), free).item(), 6)  # -ln(1/3)
    1.098612
    """
    allowed = scores[:, None].masked_fill(~is_candidate, float("-inf"))  # [B, W, N]
    chosen = scores.gather(1, targets)  # [B, W]
    losses = torch.logsumexp(allowed, dim=-1) - chosen  # [B, W]
    return losses.mean() if weights is None else (losses * weights[targets]).mean()


def collective_loss(scores: Tensor, expected: Tensor) -> Tensor:
    """Return the mean over prompts of KL(expected || scores), in nats.

    ``L = 1/B sum_b sum_c q_bc log( q_bc / p_bc )``, where ``p_b`` is the softmax of the scores over
    the clusters that ``q_b`` gives any chance: a context's own members have none.

    Args:
        scores: log-score of every cluster after each prompt, [B, N].
        expected: what everybody's choices let expect, a distribution a row, [B, N].

    >>> scores = torch.tensor([[0.25, 0.5, 0.25]]).log()
    >>> round(collective_loss(scores, torch.tensor([[0.5, 0.0, 0.5]])).item(), 6)
    0.0
    >>> round(collective_loss(scores, torch.tensor([[1.0, 0.0, 0.0]])).item(), 6)  # ln 1
    0.0
    >>> round(collective_loss(scores, torch.tensor([[0.5, 0.5, 0.0]])).item(), 6)
    0.058892
    """
    _, gaps = _compare_logs(scores, expected)
    return (expected * gaps).sum(dim=-1).mean()


def _compare_logs(scores: Tensor, expected: Tensor) -> tuple[Tensor, Tensor]:
    """Return what scores come to among what is possible, as logarithms, and ``log q - log p``.

    Both [B, N]; of what is not possible minus infinity and 0.
    """
    possible = expected > 0  # [B, N]
    written = torch.log_softmax(scores.masked_fill(~possible, float("-inf")), dim=-1)  # [B, N]
    logs = torch.log(expected.clamp(min=torch.finfo(expected.dtype).tiny))
    return written, torch.where(possible, logs - written.masked_fill(~possible, 0.0), 0.0)


def distance_balanced_loss(
    scores: Tensor, expected: Tensor, distances: Tensor, balance: float
) -> Tensor:
    """Return :func:`collective_loss` with the distances of clusters weighed more alike, in nats.

    By the chain rule a divergence is that of the shares of the distances, and, weighed by them,
    those within each distance. Little is expected far from a context, so little would be learned
    there. ``L = KL(Q || P) + sum_d w_d KL(q_d || p_d)``, where ``Q_d`` is the share of a distance
    and ``w_d`` is proportional to ``Q_d ** (1 - balance)``: 0 leaves the divergence as it is, 1
    weighs all distances alike that have anything to expect.

    Args:
        scores: log-score of every cluster after each prompt, [B, N].
        expected: a distribution a row, [B, N].
        distances: code of each cluster's distance from the prompt's, [B, N]; negative for these.
        balance: 0 to 1.

    >>> logs = torch.tensor([[0.25, 0.5, 0.25]]).log()
    >>> expected = torch.tensor([[0.5, 0.25, 0.25]])
    >>> far = torch.tensor([[0, 0, 1]])
    >>> plain = collective_loss(logs, expected)
    >>> round((distance_balanced_loss(logs, expected, far, 0.0) - plain).abs().item(), 6)
    0.0
    >>> round(distance_balanced_loss(logs, expected, far, 1.0).item(), 6)  # ln 2 / 6
    0.115525
    """
    written, gaps = _compare_logs(scores, expected)
    codes = torch.arange(int(distances.max()) + 1, device=distances.device)
    lies_at = (distances[:, None] == codes[:, None]) & (expected > 0)[:, None]  # [B, distances, N]
    shares = (expected[:, None] * lies_at).sum(dim=-1)  # [B, distances]
    is_there = shares > 0
    nothing = torch.finfo(written.dtype).min
    log_shares = torch.where(is_there, shares, 1.0).log()
    log_written = torch.logsumexp(
        torch.where(lies_at, written[:, None], nothing), dim=-1
    )  # [B, distances]
    between = torch.where(is_there, log_shares - log_written, 0.0)
    of_distances = ((expected * gaps)[:, None] * lies_at).sum(dim=-1)  # [B, distances]
    within = of_distances / torch.where(is_there, shares, 1.0) - between
    weights = torch.where(is_there, log_shares.mul(1 - balance).exp(), 0.0)
    weights = weights / weights.sum(dim=1, keepdim=True)
    return (shares * between + weights * torch.where(is_there, within, 0.0)).sum(dim=1).mean()
