"""Constrained planning: trie, exact scoring, the novel-cluster table, served plans."""
