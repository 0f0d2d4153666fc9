"""Suites over tables, raw and built: what must hold of every row before it is used."""
