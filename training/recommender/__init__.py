"""The transformer sequence recommender.

It needs nothing of the pipeline; ``interactions`` are any lazy frame with the columns of
INTERACTIONS, items without clusters can all be of cluster 0::

    layout = arrange_items(item_ids, cluster_of_item, n_clusters)
    _, sequences = read_sequences(interactions, layout, until)
    recommender = fit_recommender(sequences, layout, RecommenderConfig(), seed=0)
    ranked = recommender.top_items(["newest liked", "one before"], None, {"seen"}, k=10)
    within = recommender.top_items(["newest liked", "one before"], [3, 7], {"seen"}, k=10)
"""
