"""What the names in ``metrics/*.json`` mean, as patterns of words."""

from __future__ import annotations

_BASELINES = {
    "pair_counts": "counts in place of the table, combined by the same code",
    "pair_counts_alone": "the newest pair, over counts",
    "ease": "EASE over all clusters touched",
    "user_neighbours": "user-kNN: the users most alike vote for what they liked",
    "logistic": "logistic regression over all clusters touched, liked or not, and how recently",
    "cluster_transformer": "a transformer over cluster ids, without text",
    "cluster_mass": "what the sequence recommender expects, summed by cluster",
    "popularity": "how many took to a cluster",
    "words": "cosine of the words of two clusters' items, averaged over the history; no log",
}
_CONTENDERS = {
    "as_served": "the served plan: the table's rows, combined and aligned as in a request",
    "unaligned": "the same before alignment",
    "planner_alone": "the table's row of the newest context",
    "collective": "the collective signal in place of the table, combined by the same code",
    "pair_counts_aligned": "pair counts, aligned by the planner's user model",
    "stack": "all baselines, weighted by validation",
    "stack_with_planner": "all baselines and `unaligned`, weighted by validation",
    "best_baseline": "the single baseline with the best recall@10 on validation",
    **_BASELINES,
}

PARTS: dict[str, dict[str, str]] = {
    "k": {"1": "first rank", "5": "first five", "10": "first ten", "20": "first twenty"},
    "level": {r"\d+": "a level of the tree, 0 at the top; without it the serving level"},
    "activity": {
        "light": "the third of the users who consumed least",
        "middle": "the middle third",
        "heavy": "the third who consumed most",
    },
    "distance": {
        "adjacent": "clusters whose family (one level up) the user has consumed from",
        "new_family": "the field (the top level) is known, the family is not",
        "new_field": "the field is not known",
    },
    "contender": _CONTENDERS,
    "ranking": {
        "table_of_pair_counts": "the rows of a table that counts fill",
        "table": "the rows of the novel-cluster table",
        **_CONTENDERS,
    },
    "baseline": _BASELINES,
    "model": {
        "recommender": "the recommender as shipped",
        "transformer_alone": "its transformer alone",
        "neighbours_alone": "its counting model alone",
        "sequential_neighbours": "sequential kNN: five steps, forwards only",
        "markov_chain": "a first-order Markov chain",
        "item_neighbours": "item-kNN",
        "ease": "EASE over items; absent beyond 15,000 items",
        "popularity": "the most liked items",
    },
    "measure": {
        "hit_rate": "share of cases with a positive in the first k ranks",
        "ndcg": "gains 1 / log2(rank + 1), over the most that the case allows",
        "mrr": "1 / rank of the first positive, 0 beyond k",
        "recall": "positives in the first k ranks over all positives",
    },
    "popularity_class": {
        "cold": "nobody had liked it before the first test origin",
        "tail": "the least liked that together have a third of all likes",
        "middle": "the next third",
        "head": "the most liked that together have a third of all likes",
    },
    "where": {
        "anywhere": "the whole catalogue",
        "unconsumed": "all clusters that are new to the user",
        "planned": "the planned clusters, items in the recommender's own order",
        "planned_served": "the same, popularity weighed in as in a request",
        "planned_popular": "the same, the most liked items first",
        "random": "as many random new clusters, mean of 20 draws",
        "true": "the clusters of what was liked: a perfect plan",
    },
    "arm": {
        "control": "the recommender's ordinary list; the others blend it with items of clusters",
        "random": "that are novel, drawn alike",
        "popular": "that are novel and most liked by everybody",
        "pair_counts": "that a table of pair counts plans",
        "hcb": "that a hierarchical contextual bandit chooses",
        "phcb": "that its progressive form chooses",
        "neural_linear": "that a neural linear bandit chooses",
        "unaligned": "that the planner's table plans, without the alignment",
        "planner": "that the planner plans, as served",
        "placebo": "that the planner's table plans with its clusters' names shuffled",
        "oracle": "that the user would like best: the truth",
        "planner_adjacent": "the planner, adjacent clusters first",
        "planner_new_family": "the planner, clusters of new families first",
        "planner_new_field": "the planner, clusters of new fields first",
        "planner_calibrated": "the planner, by a share of exploration that follows what is liked",
    },
    "evidence": {
        "pair_counts": "how often it came next after both, with back-off",
        "co_consumption": "share of those who touched the context that touched it",
        "collaborative": "cosine of collaborative vectors",
        "text": "cosine of text vectors",
        "popularity": "how many touched it",
    },
    "split": {
        "train": "before validation",
        "validation": "the validation window",
        "test": "the test windows",
    },
}
"""Words that stand for a part in braces, and what each means."""

FILES: dict[str, dict[str, str]] = {
    "summary": {
        "planner_match_rate": "prompts to which the planner writes exactly one description",
        "planner_coverage_at_5": "clusters in the first five places of some row of the table",
        "planner_recall_at_10[_{distance}]": "of the served plan, of all cases or at one distance",
        "planner_recall_at_10_minus_pair_counts": "the same less pair counts, combined alike",
        "recommender_(ndcg|hit_rate)_at_10[_over_ease]": "of items; what it has over EASE",
    },
    "ingest": {
        "n_(items|users|interactions|positive)": "what the canonical tables hold",
        "(items|interactions)_rows_(in_file|empty|read)": "rows of a raw file: all, passed over "
        "without a letter, read",
        "(items|interactions)_lines_in_cells": "line ends within quoted cells",
        "rows_repeated": "interactions merged into one of the same user, item and time",
        "rows_of_forgotten": "interactions of people who asked to be forgotten, left out",
        "rows_from_the_end_on": "interactions left out from `split.end` on",
        "events_added": "live events added (`dataset.events`)",
        "events_of_unknown_items": "live events of items outside the catalogue, left out",
        "tags_unreadable": "tags that are no text, left out",
    },
    "clusters": {
        "n_levels": "levels of the tree",
        "n_clusters[_level_{level}]": "clusters",
        "min_items[_level_{level}]": "items of the smallest cluster",
        "traffic_balance[_level_{level}]": "training traffic of the busiest cluster over the mean",
        "traffic_overload[_level_{level}]": "the same over the mean or over the most popular item "
        "alone, whichever is more: one item cannot be split",
        "worst_traffic_overload": "the largest of these over the levels; gate `cluster_figures`",
        "top_item_over_mean_traffic[_level_{level}]": "traffic of the most popular item over a "
        "cluster's mean; above 1 no tree can be balanced",
        "mean_description_words[_level_{level}]": "words of a description",
        "unique_descriptions[_level_{level}]": "share of the descriptions that no other cluster of "
        "the level has",
        "n_duplicate_descriptions": "descriptions that another cluster has too",
        "name_coverage": "share of a cluster's traffic in items that have a word of its name, mean "
        "over the clusters; 0 without words",
        "lowest_name_coverage": "the lowest of those that are named in words",
        "(named_by_example_share|n_named_by_example)": "clusters named by two of their items",
        "(unnamed_share|n_unnamed)": "clusters named by a number",
        "next_item_stays": "share of held-out next items that stay in the cluster of the item "
        "before: coherence",
        "next_item_stays_chance": "the same for items drawn by popularity",
        "next_item_stays_n_(cases|users)": "steps and users behind it",
        "n_(survived|merged|died|split|born)_level_{level}": "with a previous tree: what became of "
        "its interests, and how many are new",
        "survived_weight_level_{level}": "share of the items' weight in interests that survived",
        "items_under_same_id_level_{level}": "share of the items' weight whose cluster kept its id",
        "items_of_survivors_under_same_id_level_{level}": "the same among interests that survived",
    },
    "collective": {
        "n_validation_transitions": "validation transitions the weights are fitted on",
        "backoff_{evidence}": "weight of a piece of evidence where a cluster has no log",
        "backoff_level": "score of such a cluster above the mean of the others, its evidence aside",
        "pair_prior": "strength of the back-off of pair counts that was chosen, in observations",
        "validation_loss": "negative log-likelihood of a validation transition, in nats",
        "weight_{evidence}": "weight of a standardised piece of evidence",
    },
    "planner_training": {
        "max_steps": "steps that were planned: `planner.max_steps`, or what the budget allowed",
        "steps_made": "steps until patience was over, or all of them",
        "best_step": "steps after which the adapter was kept",
    },
    "curation": {
        "clusters": "clusters at the serving level",
        "{split}_transitions[_mined]": "transitions kept; `mined`: found before the choice",
        "{split}_transitions_{distance}": "of the kept, those that lead to a distance",
        "(validation|test)_liked_{distance}": "of the evaluation cases, what was liked at a "
        "distance",
        "{split}_users": "users they are from",
        "{split}_targets": "different novel clusters they lead to",
        "{split}_target_(coverage|balance)": "share of the clusters that are led to; entropy of "
        "the targets over the largest possible",
        "{split}_target_largest_share": "share of the most frequent target",
        "mined_target_balance": "balance of the targets before the choice",
        "train_per_target_(min|median|max)": "training transitions of a target",
        "transitions_from_one_cluster": "transitions with a context of one cluster (K = 1)",
        "{split}_cases[_users]": "evaluation cases of the planner, and their users",
        "{split}_item_cases[_users]": "evaluation cases of the recommender, and their users",
    },
    "table": {
        "rows": "rows of the table",
        "rows_expected": "single clusters and pairs there are",
        "completeness": "rows over rows expected",
        "n_clusters": "clusters at the serving level",
        "valid_(rows|share)": "rows that name known, different clusters with falling scores",
        "certified_(rows|share)": "rows whose ranking is proven to be that of full scoring",
        "largest_error_bound": "by how much a cluster left out may exceed the last rank, in nats",
        "coverage_at_{k}": "share of clusters in the first k ranks of some row",
        "top1_largest_share": "share of rows that one cluster leads",
        "top1_entropy_bits": "entropy of the leading clusters",
        "top1_gini": "Gini index of how often a cluster leads",
        "top1_score_median": "median log-score of the first ranks",
        "top5_least_tenth_share": "share of the first five ranks that the least exposed tenth "
        "of the clusters has",
    },
    "refresh": {
        "is_refresh": "1 where a previous table was refreshed",
        "asks_for_fine_tuning": "1 where `jaccard_at_5` is below `gates.table.min_refresh_jaccard`",
        "clusters_(kept|new|gone)": "clusters whose id and description stayed; the others of the "
        "new table; the others of the previous one",
        "rows": "rows of the new table",
        "rows_same_context": "rows whose clusters are all kept: only these can be compared",
        "rows_(rescored|planned_anew)": "rows by what was done with them",
        "rows_changed_at_5": "rows of the same context with other clusters in the first five ranks",
        "jaccard_at_5[_lowest_tenth]": "mean overlap of the first five with what they were; "
        "the highest of the tenth that changed most",
    },
    "alignment": {
        "n_validation_cases": "validation cases the weights are fitted on",
        "penalty": "L2 weight of the user model that was chosen",
        "plan_weight": "weight of the plan's standardised score",
        "user_weight": "weight of the user model's; 0 where it has no say",
        "validation_loss": "negative log-likelihood of a validation case, in nats",
        "validation_gain[_error]": "what the user model adds to the likelihood, and its standard "
        "error",
        "validation_recall_gain": "what it adds to recall@10",
        "price_(adjacent|new_family|new_field)": "what is added to the probability of clusters at "
        "this distance, so that all people's places together are as the mix",
        "liked_share_(adjacent|new_family|new_field)": "this distance's share of what people came "
        "to like in the validation window; the mix of `plan.mix: as_liked`",
    },
    "planner": {
        "match_rate": "share of prompts for which unconstrained greedy decoding writes exactly one "
        "of the descriptions; gate",
        "n_matches": "prompts that it did for",
        "n_prompts": "prompts asked: all rows of the table",
        "[greedy_]self_transition_rate": "share of rows that propose one of their own members; "
        "`greedy`: of the unconstrained answers",
        "[validation_]recall_at_{k}_{contender}": "novel clusters found in the first k ranks over "
        "min(k, number of positives)",
        "recall_at_10_{contender}_{activity}": "the same for users by activity",
        "[validation_]mrr_{contender}": "1 / rank of the first positive",
        "[validation_]recall_at_{k}_{contender}_minus_{contender}": "paired difference of recall",
        "[validation_]mrr_{contender}_minus_{contender}": "paired difference of MRR",
        "[validation_]recall_at_{k}_[within_]{distance}_{contender}": "recall of what was liked at "
        "a distance; `within`: only clusters at that distance may be planned",
        "[validation_]recall_at_10_[within_]{distance}_{contender}_minus_{contender}": "paired "
        "difference",
        "[validation_]share_at_5_{distance}_{contender}": "share of the first five ranks of a "
        "plan that a distance has",
        "[validation_]share_at_5_adjacent_as_served_minus_liked": "the same minus the share of "
        "adjacent clusters among what was liked; gate",
        "[validation_]share_(open|liked)_{distance}": "its share of the clusters that a user has "
        "not consumed, and of those that were liked",
        "[validation_]mean_distance_at_10_{contender}": "of the first ten ranks; adjacent is 0, "
        "a new family 1, a new field 2",
        "coverage_at_5_[within_]{distance}_{contender}": "share of the clusters at a distance "
        "from some user that are planned, in the first five ranks, for one of those",
        "gini_[within_]{distance}_{contender}": "Gini index of how often they are",
        "[validation_]n_(cases|users|liked)_{distance}": "cases with something liked at a "
        "distance, their users, and how much it was",
        "coverage_at_{k}_{ranking}": "share of clusters in the first k ranks of some plan or row",
        "gini_{ranking}": "Gini index of how often a cluster is proposed",
        "entropy_bits_{ranking}": "entropy of the proposed clusters",
        "least_tenth_share_{ranking}": "share of the proposals that the least exposed tenth has",
        "top1_largest_share_{ranking}": "share of plans or rows that one cluster leads; gate",
        "share_of_top_10_in_pair_counts": "share of the planner's first ten that pair counts "
        "have among theirs",
        "[validation_]n_cases[_without_plan]": "cases; those for whom nothing can be planned",
        "n_cases_{activity}": "cases by activity",
        "[validation_]n_users": "users behind the cases",
        "n_clusters": "clusters at the serving level",
        "n_rows_table": "rows of the table",
        "chosen_setting_{baseline}": "the setting that did best on validation",
        "is_best_baseline_{baseline}": "1 for the single baseline that did best on validation",
        "weight_in_stack_{baseline}": "weight in the stack",
        "weight_in_stack_with_planner_(unaligned|{baseline})": "weight in the stack with planner",
    },
    "recommender": {
        "n_(items|users|cases|novel_cases|novel_users|planned_clusters)": "sizes of the "
        "evaluation; `novel`: of what restriction costs",
        "n_cases_{activity}_users": "cases by activity",
        "n_(cases|positives)_{popularity_class}_items": "cases and positives by popularity",
        "{model}_{measure}_at_{k}": "over the whole catalogue, consumed items left out",
        "{model}_recall_at_10_{activity}_users": "recall@10 by activity",
        "{model}_recall_at_10_{popularity_class}_items": "recall@10 by popularity of the item",
        "{model}_coverage_at_10": "share of the catalogue in somebody's first ten",
        "{model}_novelty_at_10": "mean -log2 of the share of people who liked the item, bits",
        "{model}_serendipity_at_10": "hits, by how much higher they stand than by popularity",
        "{model}_diversity_at_10": "share of a list's pairs from two clusters",
        "recommender_over_{model}_{measure}_at_10": "paired difference",
        "ease_penalty": "L2 weight of EASE that did best on validation",
        "novel_{where}_{measure}_at_10": "how well items in clusters new to the user are found, by "
        "where the recommender may look",
        "novel_planned_over_{where}_{measure}_at_10": "paired difference",
        "novel_{where}_reach": "share of the wanted items that lie within",
        "novel_{where}_searched_share": "share of the catalogue that is looked at",
    },
    "experiment": {
        "experiment_available": "1 where people's responses can be simulated (synthetic world)",
        "users": "participants",
        "rounds": "requests of each",
        "items": "items of the catalogue",
        "clusters": "clusters at the serving level",
        "untouched_interests_per_user": "true interests untouched before the experiment",
        "{arm}[_minus_{arm}]_novel_clusters_per_user": "clusters liked that were not consumed "
        "before",
        "{arm}_kept_novel_clusters_per_user": "those liked twice or more",
        "{arm}_users_with_novel_cluster_share": "users with at least one of them",
        "{arm}[_minus_{arm}]_latent_interests_found_per_user": "true interests, untouched before, "
        "that were liked",
        "{arm}[_minus_{arm}]_positives_per_shown": "items liked over items shown",
        "{arm}[_minus_{arm}]_uci_at_(5|10|20)": "users who consumed so many unique clusters",
        "{arm}[_minus_{arm}]_novel_share_of_shown": "items of clusters new to the user over items "
        "shown",
        "{arm}[_minus_{arm}]_positive_rate_of_novel": "items liked over items shown, of those",
        "{arm}_positive_share_of_consumed": "items liked over items consumed",
        "{arm}_positive_rate_of_(explored|ordinary)": "items liked over items shown, by the list "
        "they came from",
        "{arm}[_minus_{arm}]_(catalogue|cluster)_coverage": "share of items or clusters shown to "
        "anyone",
        "{arm}[_minus_{arm}]_item_gini": "how unequally items are shown, 0 to 1",
        "{arm}[_minus_{arm}]_cluster_entropy_bits": "how evenly consumption spreads over clusters",
        "{arm}_(shown|shown_exploratory|shown_novel|consumed|positive)": "items shown, of them "
        "from chosen clusters, of new clusters, consumed, liked",
    },
}
"""File to patterns of its names and what they mean; parentheses hold words to choose from."""
