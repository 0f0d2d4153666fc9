"""Finds items by words of their titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from inference.release.loaded_release import LoadedRelease


def find_titles(release: LoadedRelease, words: Sequence[str], count: int) -> list[str]:
    """Return the ids of items whose titles have all of the words, most liked first.

    Upper and lower case are alike. It reads title by title until there are enough: a few
    milliseconds for ten thousand.

    Args:
        release: whose items.
        words: parts of a title, in any order.
        count: the most that are returned.
    """
    wanted = [word.casefold() for word in words]
    return list(islice(_matching(release, wanted), count))


def _matching(release: LoadedRelease, wanted: Sequence[str]) -> Iterator[str]:
    liked = release.likes
    rest = (item for item in release.titles if item not in liked)
    for item in chain(liked, rest):
        title = release.titles[item].casefold()
        if release.clusters.has_item(item) and all(word in title for word in wanted):
            yield item
