"""A built tree, used: listed for people, new items given their clusters. Builds none."""
