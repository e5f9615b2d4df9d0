"""Which help articles go together: customers who asked about one also asked about the other.

What leaves here are counts of articles over articles, each of at least so many customers; nothing of any one customer.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retrieval.errors import BundleDamaged

FILE = "related.json"
NEAR = 0.5
"""Least cosine at which an article counts as what a question was about."""
LEAST_CUSTOMERS = 3
MOST = 3


@dataclass(frozen=True, slots=True)
class Related:
    """An article that goes with another: its source, its title, and how many customers asked about both."""

    source: str
    title: str
    customers: int


def relate(asked: Iterable[tuple[int, str, str]], *, least: int = LEAST_CUSTOMERS) -> dict[str, tuple[Related, ...]]:
    """Return, for each article's source, at most MOST others that at least `least` customers asked about as well.

    asked: (customer's number, source, title) of each question that was about an article. Most customers first.
    """
    by_customer: defaultdict[int, set[str]] = defaultdict(set)
    titles: dict[str, str] = {}
    for customer, source, title in asked:
        by_customer[customer].add(source)
        titles[source] = title
    both: Counter[tuple[str, str]] = Counter()
    for sources in by_customer.values():
        both.update(itertools.permutations(sorted(sources), 2))
    found: defaultdict[str, list[Related]] = defaultdict(list)
    for (one, other), customers in sorted(both.items(), key=lambda row: (-row[1], row[0])):
        if customers >= least and len(found[one]) < MOST:
            found[one].append(Related(other, titles[other], customers))
    return {source: tuple(others) for source, others in found.items() if others}


def related_json(related: Mapping[str, tuple[Related, ...]]) -> bytes:
    """The contents of related.json."""
    rows = {source: [[r.source, r.title, r.customers] for r in others] for source, others in related.items()}
    return json.dumps(rows, ensure_ascii=False, indent=1, sort_keys=True).encode()


def read_related(raw: bytes) -> dict[str, tuple[Related, ...]]:
    """The inverse of `related_json`. Raises BundleDamaged if it is none."""
    try:
        rows = json.loads(raw)
        return {
            str(source): tuple(Related(str(other), str(title), int(count)) for other, title, count in others)
            for source, others in rows.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise BundleDamaged(f"{FILE} cannot be read: {error}; run `nightdesk train` again") from error
