"""Removes from DVC's cache and remote what neither the tree nor any given build needs."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from expectations.contracts.errors import UserError
from pipelines.release.dvc_storage import dvc_failures, first_line, open_tree, quiet

GC_LOG = "dvc.repo.gc"
FROM_REMOTE = "remote"


@dataclass(frozen=True)
class Garbage:
    """How many objects go, or would: from the cache, and from the remote if that was asked for."""

    cache: int
    remote: int


def remove_garbage(kept: Sequence[Path], cloud: bool, dry_run: bool) -> Garbage:
    """Let DVC remove every object that is named by no ``dvc.lock`` of the tree and ``kept``.

    Args:
        kept: DVC workspaces, as :func:`~pipelines.release.dvc_storage.make_workspace` makes them.
        cloud: from the default remote too.
        dry_run: count only.

    Raises:
        UserError: what a workspace needs cannot be told, since the listing of one of its folders is
            in neither cache nor remote; or the remote does not answer; nothing is removed then.
    """
    with quiet(), open_tree() as tree, _counted() as counts:
        if cloud and tree.config["core"].get("remote") is None:
            rule, remedy = "a default remote is set", "leave out --cloud"
            raise UserError("dvc remote", rule, remedy)
        try:
            # DVC asks, where it sees a terminal, whether to go on without a listing: never.
            with redirect_stdout(io.StringIO()):
                tree.gc(
                    workspace=True, repos=[str(path) for path in kept], cloud=cloud, dry=dry_run
                )
        except dvc_failures() as error:
            rule = "knows every object of what is kept"
            remedy = (
                "see `dvc remote list`; retire with --artefacts a release whose artefacts are lost"
            )
            causes = [error, *filter(None, [error.__cause__])]
            sample = "; ".join(map(first_line, causes))
            raise UserError("dvc cache and remote", rule, remedy, sample) from None
    return Garbage(counts.cache, counts.remote)


class _Counts(logging.Handler):
    """Reads off DVC's log how much it removed: it returns nothing."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.cache = 0
        self.remote = 0

    def emit(self, record: logging.LogRecord) -> None:
        number = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if not isinstance(number, int):
            return
        if FROM_REMOTE in str(record.msg):
            self.remote += number
        else:
            self.cache += number


@contextmanager
def _counted() -> Iterator[_Counts]:
    log, counts = logging.getLogger(GC_LOG), _Counts()
    before = log.level, log.propagate
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(counts)
    try:
        yield counts
    finally:
        log.removeHandler(counts)
        log.setLevel(before[0])
        log.propagate = before[1]
