"""Baselines that rank items: popularity, neighbours, a Markov chain, EASE."""
