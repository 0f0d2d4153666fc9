"""Loops are compiled wherever they stand."""

from collections.abc import Callable

import pytest
from numba import njit

from training.item_scoring.compiled import compiled


def test_what_no_folder_can_keep_is_compiled_all_the_same() -> None:
    """A function that stands in no file is as good as one beside which nothing may be written."""
    namespace: dict[str, Callable[[int], int]] = {}
    exec("def double(number):\n    return 2 * number\n", namespace)
    with pytest.raises(RuntimeError, match="no locator"):
        njit(cache=True)(namespace["double"])
    assert compiled(namespace["double"])(21) == 42
