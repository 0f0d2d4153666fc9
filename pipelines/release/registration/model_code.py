"""What a logged model needs beside its weights: files of this project, and libraries from PyPI."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import packages_distributions, version
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def copy_code(entry: Path, folder: Path) -> list[str]:
    """Copy every file of ours that ``entry`` imports, and say which libraries they import.

    Args:
        entry: a file of :mod:`pipelines.release.logged_models`.
        folder: an empty folder; packages lie below it as they do here.

    Returns:
        Requirements for pip, exact and sorted. A build's local label (``+cpu``) is left out: no
        public index has it.
    """
    finder = ModuleFinder(path=[str(ROOT)])
    finder.run_script(str(entry))
    for module in finder.modules.values():
        file = Path(getattr(module, "__file__", None) or entry)
        if file != entry:
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    imported = {name.partition(".")[0] for name in finder.badmodules} - sys.stdlib_module_names
    distributions = packages_distributions()
    needed = {distribution for name in imported for distribution in distributions.get(name, ())}
    return sorted(f"{name}=={version(name).partition('+')[0]}" for name in needed)
