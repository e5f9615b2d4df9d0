"""What tuning minimises."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

NEVER = -1e4


def proxy_logits(vectors: Tensor, proxies: Tensor, scale: float) -> Tensor:
    """Return (B, C): scaled cosines to each intent's proxy."""
    return scale * vectors @ functional.normalize(proxies, dim=1).T


def supervised_contrast(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Khosla et al. 2020, "Supervised Contrastive Learning", equation 2; rows without a companion do not count."""
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    likeness = (vectors @ vectors.T / temperature).masked_fill(itself, NEVER)
    chance = likeness - torch.logsumexp(likeness, 1, keepdim=True)
    same = (labels[:, None] == labels[None]) & ~itself
    together = same.any(1)
    if not together.any():
        return vectors.sum() * 0
    return -((chance * same).sum(1)[together] / same.sum(1)[together]).mean()


def disagreement(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean of the two Kullback-Leibler divergences: Liang et al. 2021, "R-Drop", equation 2."""
    p, q = one.log_softmax(1), other.log_softmax(1)
    there, back = (functional.kl_div(a, b, log_target=True, reduction="batchmean") for a, b in ((p, q), (q, p)))
    return (there + back) / 2


def mixed(vectors: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return vectors (B, D) of unit length and targets (B, C), each mixed with another row's in a share of its own.

    Guo et al. 2019, "Augmenting Data with Mixup for Sentence Classification", on sentence vectors. The share is drawn
    from Beta(alpha, alpha), the larger part stays with the row.
    """
    share = torch.distributions.Beta(alpha, alpha).sample((len(vectors), 1)).to(vectors.device)
    share, other = torch.maximum(share, 1 - share), torch.randperm(len(vectors)).to(vectors.device)
    both = share * vectors + (1 - share) * vectors[other]
    return functional.normalize(both, dim=1), share * targets + (1 - share) * targets[other]


def answer_ranking(
    questions: Tensor,
    answers: Tensor,
    sources: Tensor,
    scale: float,
    negatives: Tensor | None = None,
    not_for: Tensor | None = None,
) -> Tensor:
    """Each question's own answer against the batch's others, and each answer's question: Henderson et al. 2017.

    questions (B, D) and answers (B, D): row i answers question i. sources (B,): an answer from the same source as a
    question's own is no counterexample. negatives (K, D): wrong answers, laid beside the batch's for every question but
    those where not_for, bool (B, K), says that it is their own answer.
    """
    own = torch.arange(len(questions), device=questions.device)
    also = (sources[:, None] == sources[None]) & (own[:, None] != own[None])
    likeness = (scale * questions @ answers.T).masked_fill(also, NEVER)
    back = functional.cross_entropy(likeness.T, own)
    if negatives is not None and len(negatives):
        wrong = scale * questions @ negatives.T
        likeness = torch.cat([likeness, wrong if not_for is None else wrong.masked_fill(not_for, NEVER)], dim=1)
    return (functional.cross_entropy(likeness, own) + back) / 2
