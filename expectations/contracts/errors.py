"""The errors a user may meet. Each prints as one line that names place, rule, sample and remedy."""

from __future__ import annotations

SAMPLE_ROWS = 3
"""Offending rows that an error shows: enough to see a pattern, few enough for one line."""


class UserError(Exception):
    """Something the user can mend: bad input, a bad setting, a missing file.

    Args:
        where: the file, table or setting at fault.
        rule: what must hold there.
        remedy: what to do about it.
        sample: the offending value or rows, already short.
    """

    def __init__(self, where: str, rule: str, remedy: str, sample: str = "") -> None:
        self.where = where
        self.rule = rule
        self.remedy = remedy
        self.sample = sample
        found = f" (found: {sample})" if sample else ""
        super().__init__(f"{where}: {rule}{found}. Remedy: {remedy}".replace("\n", " "))

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str, str]]:
        """Let it travel whole from a worker process: its message alone would not rebuild it."""
        return type(self), (self.where, self.rule, self.remedy, self.sample)


class ContractError(UserError):
    """A table breaks its declaration in :mod:`expectations.contracts.tables`."""


class GateError(UserError):
    """A blocking gate did not pass; the figures behind it are not fit to ship."""


class ReleaseError(UserError):
    """A release is incomplete, unproven or inconsistent, and is refused."""
