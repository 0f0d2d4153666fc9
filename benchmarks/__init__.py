"""Measurements of speed and quality, run by hand; their figures stand in the documents."""

import pipelines  # noqa: F401  settles how threads wait before a library of threads is loaded
