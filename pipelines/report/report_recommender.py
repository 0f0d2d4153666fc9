"""The report's sections on the recommender: beside its baselines, and restricted to clusters."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.report.report_text import Figures, show_columns, show_interval, show_number
from training.evaluation.items.buckets import ITEM_BUCKETS

MODELS: Mapping[str, str] = {
    "recommender": "recommender",
    "transformer_alone": "its transformer alone",
    "neighbours_alone": "its neighbours alone",
    "sequential_neighbours": "sequential neighbours",
    "markov_chain": "first-order Markov chain",
    "item_neighbours": "item neighbours",
    "ease": "EASE",
    "popularity": "popularity",
}
LIST_KINDS: Mapping[str, str] = {
    "coverage": "coverage",
    "novelty": "novelty, bits",
    "diversity": "diversity",
}
RESTRICTIONS: Mapping[str, str] = {
    "anywhere": "anywhere",
    "unconsumed": "all new clusters",
    "planned": "planned clusters",
    "planned_served": "same, as served",
    "planned_popular": "same, by popularity",
    "random": "random clusters",
    "true": "the true clusters",
}


def show_recommender(figures: Figures) -> list[str]:
    """Return the recommender's lists beside its baselines': how right, and what they are like."""
    names = [name for name in MODELS if f"{name}_ndcg_at_10" in figures]
    if not names:
        return []
    right = [
        [MODELS[name], *(show_interval(figures, f"{name}_{m}_at_10") for m in ("ndcg", "hit_rate"))]
        for name in names
    ]
    kinds = [
        [MODELS[name], *(show_number(figures, f"{name}_{kind}_at_10") for kind in LIST_KINDS)]
        for name in names
    ]
    buckets = [
        [
            MODELS[name],
            *(
                show_number(figures, f"{name}_recall_at_10_{bucket}_items")
                for bucket in ITEM_BUCKETS
            ),
        ]
        for name in names
    ]
    return [
        *show_columns(["", "NDCG@10", "hit rate@10"], right),
        "",
        *show_columns(["first ten ranks", *LIST_KINDS.values()], kinds),
        "",
        *show_columns(["recall@10, by how popular the item was", *ITEM_BUCKETS], buckets),
    ]


def show_restriction(figures: Figures) -> list[str]:
    """Return what the recommender finds of novel clusters' items, by where it may look."""
    rows = [
        [
            words,
            *(
                show_interval(figures, f"novel_{where}_{m}")
                for m in ("hit_rate_at_10", "ndcg_at_10")
            ),
            *(show_number(figures, f"novel_{where}_{m}") for m in ("reach", "searched_share")),
        ]
        for where, words in RESTRICTIONS.items()
        if f"novel_{where}_hit_rate_at_10" in figures
    ]
    if not rows:
        return []
    gains = [
        [
            f"planned over {words}",
            show_interval(figures, f"novel_planned_over_{where}_hit_rate_at_10"),
        ]
        for where, words in RESTRICTIONS.items()
        if where != "planned" and f"novel_planned_over_{where}_hit_rate_at_10" in figures
    ]
    return [
        f"what {figures['n_novel_users']:,} people came to like in clusters that were new to them "
        f"({figures['n_novel_cases']:,} cases),",
        f"by where the recommender may look; {figures['n_planned_clusters']} planned clusters",
        "",
        *show_columns(["", "hit rate@10", "NDCG@10", "within reach", "of the catalogue"], rows),
        "",
        *show_columns(["difference in hit rate@10", ""], gains),
    ]
