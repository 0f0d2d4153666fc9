"""Spells small numbers, for the names of clusters that have nothing else to be named by."""

from __future__ import annotations

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def spell_number(number: int) -> str:
    """Return the number in at most three words, without ``and``.

    >>> [spell_number(n) for n in (7, 42, 342, 1024)]
    ['seven', 'forty-two', 'three-hundred forty-two', 'one-thousand twenty-four']
    """
    if number < 20:
        return UNITS.split()[number]
    if number < 100:
        tens, rest = TENS.split()[number // 10 - 2], number % 10
        return f"{tens}-{spell_number(rest)}" if rest else tens
    name, size = ("hundred", 100) if number < 1000 else ("thousand", 1000)
    head, rest = f"{spell_number(number // size)}-{name}".replace(" ", "-"), number % size
    return f"{head} {spell_number(rest)}" if rest else head
