"""Measurements on files of one's own, beside the pipeline. No stage imports it."""
