"""What the gates said: each figure, its bound and the verdict; light enough to import anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from expectations.contracts.durable import SCHEMA, schema_of
from expectations.contracts.errors import GateError, ReleaseError

Severity = Literal["block", "promote", "warn"]

REPORT_SCHEMA = 2
"""1 was the same without the field."""


@dataclass(frozen=True)
class Verdict:
    """One bound with the figure it met.

    Attributes:
        guard: which guard asked, for example ``clusters``; its page in Data Docs has that name.
        metric: the figure, or for rules on rows, the rule; its figure is a count of rows.
        figure: ``None`` where there was no number.
        minimum: the least the figure may be.
        maximum: the most it may be.
        severity: ``block`` stops the pipeline, ``promote`` only a promotion, ``warn`` nothing.
        look_at: where to begin when the bound is broken.
        passed: whether the figure keeps the bound.
        reason: what is wrong, in words; empty if nothing is.
    """

    guard: str
    metric: str
    figure: float | None
    minimum: float | None
    maximum: float | None
    severity: Severity
    look_at: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class GateReport:
    """The verdicts of one guard, one stage or one run."""

    verdicts: tuple[Verdict, ...]

    @classmethod
    def merge(cls, reports: Iterable[GateReport]) -> GateReport:
        """Return all verdicts of ``reports``, in their order."""
        return cls(tuple(verdict for report in reports for verdict in report.verdicts))

    @property
    def blocked(self) -> tuple[Verdict, ...]:
        """The broken bounds that stop the pipeline."""
        return tuple(v for v in self.verdicts if not v.passed and v.severity == "block")

    @property
    def passed(self) -> bool:
        """No blocking bound is broken."""
        return not self.blocked

    @property
    def may_be_promoted(self) -> bool:
        """No bound is broken but those that only warn."""
        return all(verdict.passed or verdict.severity == "warn" for verdict in self.verdicts)

    @property
    def warnings(self) -> tuple[Verdict, ...]:
        """The broken bounds that only warn."""
        return tuple(v for v in self.verdicts if not v.passed and v.severity == "warn")

    def raise_if_blocked(self, more: str) -> None:
        """Raise :class:`GateError` naming every broken blocking bound, its figure, where to look.

        Args:
            more: where more is written about it.
        """
        if self.passed:
            return
        rules = "; ".join(verdict.reason for verdict in self.blocked)
        looks = "; ".join(dict.fromkeys(verdict.look_at for verdict in self.blocked))
        names = ", ".join(dict.fromkeys(verdict.guard for verdict in self.blocked))
        raise GateError(f"gate on {names}", rules, f"{looks}; {more}")

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON content; :meth:`from_json` is its inverse."""
        return {
            SCHEMA: REPORT_SCHEMA,
            "passed": self.passed,
            "may_be_promoted": self.may_be_promoted,
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object], where: str = "the gate report") -> GateReport:
        """Return the report that :meth:`to_json` wrote; ``passed`` is worked out afresh.

        Raises:
            ReleaseError: the schema is a later one, or a verdict is not whole.
        """
        schema_of(content, REPORT_SCHEMA, where)
        try:
            verdicts = TypeAdapter(tuple[Verdict, ...]).validate_python(content["verdicts"])
        except (KeyError, ValidationError) as error:
            rule, remedy = "holds the verdicts of a gate", "run its stage again"
            raise ReleaseError(where, rule, remedy, repr(error)[:80]) from None
        return cls(verdicts)
