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


def answer_ranking(questions: Tensor, answers: Tensor, sources: Tensor, scale: float) -> Tensor:
    """Each question's own answer against the batch's others, and each answer's question: Henderson et al. 2017.

    questions (B, D) and answers (B, D): row i answers question i. sources (B,): an answer from the same source as a
    question's own is no counterexample.
    """
    own = torch.arange(len(questions), device=questions.device)
    also = (sources[:, None] == sources[None]) & (own[:, None] != own[None])
    likeness = (scale * questions @ answers.T).masked_fill(also, NEVER)
    return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2
