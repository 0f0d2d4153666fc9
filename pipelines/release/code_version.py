"""Which code built something: the commit of the working tree, and whether it was edited since."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

UNKNOWN = "unknown"
CODE = (
    *("expectations", "feature_repo", "inference", "pipelines", "training"),
    *("dvc.yaml", "pyproject.toml", "constraints.txt"),
)
"""What a build runs, as git's pathspecs. Settings, data and results have their own hashes."""


@dataclass(frozen=True)
class CodeVersion:
    """A commit, and whether tracked or new files of code differ from it; unknown outside of git."""

    commit: str
    is_dirty: bool

    def tags(self) -> dict[str, str]:
        """Return the version as tags of runs and registered models."""
        return {"git_commit": self.commit, "git_dirty": str(self.is_dirty).lower()}


def read_code_version() -> CodeVersion:
    """Return the version of the code in the working directory, the top of its repository."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return CodeVersion(UNKNOWN, is_dirty=True)
    changed = _git("status", "--porcelain", "--untracked-files=all", "--", *CODE)
    return CodeVersion(commit.strip(), is_dirty=changed is None or bool(changed))


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
