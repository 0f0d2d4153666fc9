"""Takes artefacts out of DVC's cache and remote, and puts them into the remote."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.contracts.errors import UserError

if TYPE_CHECKING:
    from dvc.repo import Repo  # takes a second to import

SETTINGS = Path(".dvc") / "config"
NOT_THERE = ("new", "missing")
"""What DVC calls an artefact that the remote lacks: the cache has it, or not even that."""

ADD_REMOTE = "`dvc remote add -d NAME FOLDER_OR_URL`"


def push_artefacts() -> str | None:
    """Copy every artefact of ``dvc.lock`` to the default remote and return the remote's name.

    Returns ``None``, and does nothing, where no remote is set.

    Raises:
        UserError: the remote does not take them, or the cache has lost one.
    """
    with quiet(), open_tree() as tree:
        remote = tree.config["core"].get("remote")
        if remote is None:
            return None
        where, rule = f"dvc remote {remote}", "holds every artefact after a push"
        try:
            tree.push()
            states = tree.status(cloud=True)
        except dvc_failures() as error:
            remedy = "see `dvc remote list`, then publish again"
            raise UserError(where, rule, remedy, first_line(error)) from None
        # DVC passes over what its cache has lost, and says so only in its log.
        absent = sorted(path for path, state in states.items() if state in NOT_THERE)
        if absent:
            remedy = "run `dvc commit`, then publish again"
            raise UserError(where, rule, remedy, f"{len(absent)} missing, {absent[0]} first")
        return str(remote)


def materialise(folder: Path) -> None:
    """Lay out in ``folder`` the artefacts that the ``dvc.lock`` in it names.

    They come from the cache of the working tree, and what is not there from its remote. The
    folder becomes a DVC workspace of its own, so that nothing else is touched.

    Raises:
        UserError: neither cache nor remote has them all.
    """
    from dvc.exceptions import CheckoutError
    from dvc.repo import Repo

    remote = make_workspace(folder)
    with quiet(), Repo(str(folder)) as workspace:
        try:
            workspace.checkout()
        except CheckoutError:
            try:
                workspace.pull()
            except dvc_failures() as error:
                raise _missing(error, remote, folder) from None


def make_workspace(folder: Path) -> str | None:
    """Let ``folder`` be a DVC workspace with cache and remotes of the working tree.

    Returns:
        The name of the default remote, ``None`` if none is set.
    """
    from dvc.repo import Repo

    settings = folder / SETTINGS
    settings.parent.mkdir()
    settings.write_text("[core]\n    no_scm = true\n    analytics = false\n", encoding="utf-8")
    with quiet(), open_tree() as tree, Repo(str(folder)) as workspace:
        remote: str | None = tree.config["core"].get("remote")
        with workspace.config.edit() as shared:
            shared["cache"]["dir"] = tree.cache.local_cache_dir
            shared["remote"] = tree.config["remote"]
            if remote:
                shared["core"]["remote"] = remote
    return remote


def open_tree() -> Repo:
    """Open the working tree.

    Raises:
        UserError: it is none of DVC's.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        return Repo(".")
    except NotDvcRepoError:
        rule, remedy = "the folder exists", "run from the top of the repository"
        raise UserError(".dvc", rule, remedy) from None


def dvc_failures() -> tuple[type[Exception], ...]:
    """Return what DVC raises, and what the client of S3, where it is installed, raises past it."""
    from dvc.exceptions import DvcException

    failures: tuple[type[Exception], ...] = (DvcException, OSError)
    if find_spec("botocore"):
        failures = (*failures, import_module("botocore.exceptions").BotoCoreError)
    return failures


def _missing(error: Exception, remote: str | None, folder: Path) -> UserError:
    where = f"dvc cache and remote {remote}" if remote else "dvc cache (no remote is set)"
    remedy = f"point {ADD_REMOTE} to where the release was pushed, or build it with `dvc repro`"
    missing = getattr(error, "target_infos", None)
    sample = f"{len(missing)} missing, {_within(folder, missing[0])} first" if missing else ""
    rule = "holds every artefact of the release"
    return UserError(where, rule, remedy, sample or first_line(error))


def _within(folder: Path, file: str) -> str:
    return Path(file).resolve().relative_to(folder.resolve()).as_posix()


def first_line(error: BaseException) -> str:
    """Return the beginning of what an error says, or its type if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep DVC's warnings about missing files to itself: they are reported in one line."""
    logs = [logging.getLogger(name) for name in ("dvc", "dvc_data", "dvc_objects")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)
