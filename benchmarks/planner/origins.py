"""Rolling origins of the planner's benchmark: at each one all is made anew from before it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

from benchmarks.planner.runs import Settings
from expectations.contracts.errors import UserError

OPTION = "--origins"


@dataclass(frozen=True)
class RollingWindow:
    """A test window with the validation window right before it; nothing later is known of.

    ``end`` is ``None`` where the test window is the last: it ends with the data.
    """

    validation_start: datetime
    test_start: datetime
    end: datetime | None


def roll_windows(times: Sequence[datetime], shares: Sequence[float]) -> list[RollingWindow]:
    """Return a window for each share of the interactions, by time.

    A test window begins at its share and ends where the next one begins, the last one with the
    data. The validation window before it holds as many interactions.

    Args:
        times: of all interactions, ascending.
        shares: ascending, between 0 and 1.

    Raises:
        UserError: the shares do not rise between 0 and 1, leave nothing before a validation
            window, or two borders fall into one moment.
    """
    borders = [0.0, *shares, 1.0]
    if any(later <= earlier for earlier, later in itertools.pairwise(borders)):
        shown = " ".join(f"{share:g}" for share in shares)
        raise UserError(OPTION, "shares rise between 0 and 1", "correct them", shown)
    return [_cut_window(times, origin, end) for origin, end in itertools.pairwise([*shares, 1.0])]


def settings_at(settings: Settings, window: RollingWindow) -> Settings:
    """Return the settings with the borders of one window.

    Raises:
        UserError: the settings name borders of their own.
    """
    for name in ("validation_start", "test_start", "end"):
        if settings["split"].get(name) is not None:
            rule = f"the borders come from the origins, or from split.{name}"
            raise UserError(OPTION, rule, "leave one of them out", settings["split"][name])
    own = deepcopy(settings)
    own["split"] |= {
        "validation_start": window.validation_start.isoformat(),
        "test_start": window.test_start.isoformat(),
        "end": None if window.end is None else window.end.isoformat(),
    }
    return own


def _cut_window(times: Sequence[datetime], origin: float, end: float) -> RollingWindow:
    validation = origin - (end - origin)
    if validation <= 0:
        rule = "something lies before a validation window, which is as wide as its test window"
        raise UserError(OPTION, rule, "begin later, or with more origins", f"{origin:g}")
    validation_start, test_start, until = (
        times[min(round(share * len(times)), len(times) - 1)] for share in (validation, origin, end)
    )
    borders = [times[0], validation_start, test_start, until]
    if any(later <= earlier for earlier, later in itertools.pairwise(borders)):
        shown = " ".join(border.isoformat() for border in borders)
        raise UserError(OPTION, "borders are of different moments", "put them further apart", shown)
    return RollingWindow(validation_start, test_start, None if end == 1 else until)
