"""Who is in which arm: always the same, in the shares asked for, dealt anew by another salt."""

from __future__ import annotations

import hashlib
from itertools import product
from math import sqrt

import pytest
from pydantic import ValidationError

from inference.serving.config import ServingConfig
from inference.serving.exploration.arms import DEFAULT_ARM, ServedArm, assign_arm

ARMS = {
    "bold": ServedArm(share=0.3, exploration_share=0.5),
    "far": ServedArm(share=0.1, novelty="new_field"),
}
SHARES = {"bold": 0.3, "far": 0.1, DEFAULT_ARM: 0.6}
USERS = [f"user-{number}" for number in range(20_000)]
DEVIATIONS = 5
"""Of a binomial count; one in a million draws lies farther away."""


def count(arms: list[str], name: str) -> int:
    return sum(arm == name for arm in arms)


def is_about(found: int, probability: float) -> bool:
    """Whether a count of all users is what this probability gives."""
    n = len(USERS)
    return abs(found - n * probability) < DEVIATIONS * sqrt(n * probability * (1 - probability))


def test_a_person_stands_where_the_hash_of_salt_and_id_says() -> None:
    """SHA-256 of "spring", a zero byte and "ann", its first eight bytes as a share of 2 ** 64."""
    digest = hashlib.sha256(b"spring\x00ann").hexdigest()
    place = int(digest[:16], 16) / 16**16
    for share in (place * 0.999, place * 1.001):
        expected = "bold" if place < share else DEFAULT_ARM
        assert assign_arm("ann", {"bold": ServedArm(share=share)}, "spring") == expected
    assert {assign_arm("ann", ARMS, "spring") for _ in range(3)} == {
        "bold" if place < 0.3 else "far" if place < 0.4 else DEFAULT_ARM
    }


def test_arms_have_their_shares_and_another_salt_deals_independently() -> None:
    spring, autumn = ([assign_arm(u, ARMS, salt) for u in USERS] for salt in ("spring", "autumn"))
    for name, share in SHARES.items():
        assert is_about(count(spring, name), share)
        assert is_about(count(autumn, name), share)
    both = list(zip(spring, autumn, strict=True))
    for first, second in product(SHARES, SHARES):
        found = sum(pair == (first, second) for pair in both)
        assert is_about(found, SHARES[first] * SHARES[second])


def test_a_longer_arm_keeps_who_was_in_it() -> None:
    """So that an arm can be made larger while it runs: nobody changes from it to another."""
    longer = {"bold": ServedArm(share=0.5)}
    arms = {"bold": ServedArm(share=0.3)}
    moved = [(assign_arm(u, arms, "s"), assign_arm(u, longer, "s")) for u in USERS[:2_000]]
    assert set(moved) == {
        ("bold", "bold"),
        (DEFAULT_ARM, "bold"),
        (DEFAULT_ARM, DEFAULT_ARM),
    }


def test_without_arms_or_a_name_everybody_is_in_the_default() -> None:
    assert assign_arm("ann", {}, "spring") == DEFAULT_ARM
    assert assign_arm(None, {"all": ServedArm(share=1)}, "spring") == DEFAULT_ARM
    assert assign_arm("ann", {"all": ServedArm(share=1)}, "spring") == "all"


@pytest.mark.parametrize(
    ("arms", "wrong"),
    [
        ({"a": {"share": 0.6}, "b": {"share": 0.5}}, "add up to 1 at most"),
        ({"default": {"share": 0.5}}, "in no other"),
        ({"a": {"share": 0}}, "greater than 0"),
        ({"A b": {"share": 0.1}}, "pattern"),
        ({"a": {"share": 0.1, "exploration": 0.1}}, "Extra inputs"),
        ({"a": {"share": 0.1, "novelty": "new_planet"}}, "adjacent"),
    ],
)
def test_arms_that_cannot_be_are_refused(arms: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        ServingConfig.model_validate({"arms": arms})
    tenths = {name: {"share": 0.1} for name in "abcdefghij"}  # their sum is above 1 in binary
    assert len(ServingConfig.model_validate({"arms": tenths}).arms) == 10
