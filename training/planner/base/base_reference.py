"""Names a base model: where it lies, and a fingerprint that an adapter is bound to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from expectations.contracts.durable import SCHEMA, schema_of
from expectations.contracts.errors import UserError

REFERENCE_FILE = "reference.json"
BASE_SCHEMA = 2
"""Of references and of records; 1 was the same without the field."""
CHUNK_BYTES = 1 << 20
"""Read at one time; no hash depends on it."""
IDENTITY_FILES = ("*.safetensors", "config.json", "tokenizer.json")


@dataclass(frozen=True)
class BaseReference:
    """A base model that lies elsewhere.

    Args:
        base_model: a Hugging Face id or a local folder.
        revision: the commit of a Hugging Face id; ``None`` for a folder.
        fingerprint: what its weights, configuration and tokenizer hash to.
    """

    base_model: str
    revision: str | None
    fingerprint: str


def read_reference(folder: Path) -> BaseReference | None:
    """Return where the base model of ``folder`` lies, or ``None`` if it lies right there.

    Raises:
        UserError: the reference is of a later schema, or not whole.
    """
    file = folder / REFERENCE_FILE
    if not file.is_file():
        return None
    content = _read_json(file)
    try:
        return TypeAdapter(BaseReference).validate_python(content)
    except ValidationError as error:
        rule, found = "says where the base model lies", str(error.errors()[0]["loc"])
        raise UserError(str(file), rule, "run the base_model stage again", found) from None


def write_reference(reference: BaseReference, folder: Path) -> None:
    """Write the reference into ``folder``, where the embedded model's weights would be."""
    _write_json(asdict(reference), folder / REFERENCE_FILE)


def refer_to_base(base_model: str) -> BaseReference:
    """Return the reference to a local folder (hashed) or a Hugging Face id (its commit).

    Raises:
        UserError: the folder has no safetensors weights, or the id cannot be resolved.
    """
    folder = Path(base_model)
    if folder.is_dir():
        return BaseReference(base_model, None, fingerprint_folder(folder))
    from transformers import AutoConfig

    try:
        revision = AutoConfig.from_pretrained(base_model)._commit_hash
    except (OSError, ValueError) as error:
        remedy = "correct planner.base_model, or set it to 'embedded'"
        raise UserError(
            base_model, "is a model folder or a Hugging Face id", remedy, str(error)[:200]
        ) from None
    named = f"{base_model}@{revision}"
    return BaseReference(base_model, revision, hashlib.sha256(named.encode()).hexdigest())


def fingerprint_base(folder: Path) -> str:
    """Return the fingerprint of the base model at ``folder``; a local one is hashed afresh."""
    reference = read_reference(folder)
    if reference is None:
        return fingerprint_folder(folder)
    if reference.revision is None:
        return fingerprint_folder(Path(reference.base_model))
    return reference.fingerprint


def fingerprint_folder(folder: Path) -> str:
    """Return the SHA-256 over names and contents of a model folder's weights and tokenizer."""
    files = sorted(file for pattern in IDENTITY_FILES for file in folder.glob(pattern))
    if not any(file.suffix == ".safetensors" for file in files):
        remedy = "save the model with save_pretrained, or run the base_model stage"
        raise UserError(str(folder), "holds weights as safetensors", remedy)
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0")
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def write_base_record(base_folder: Path, record: Path) -> None:
    """Write beside an adapter which base model it was trained on."""
    _write_json({"base_fingerprint": fingerprint_base(base_folder)}, record)


def check_base_record(base_folder: Path, record: Path) -> None:
    """Raise :class:`UserError` unless the adapter's record names this base model."""
    if not record.is_file():
        raise UserError(str(record), "an adapter names its base model", "run the planner stage")
    expected = str(_read_json(record).get("base_fingerprint", "none"))
    found = fingerprint_base(base_folder)
    if found != expected:
        rule = f"the adapter belongs to the base model {expected[:12]}"
        raise UserError(str(base_folder), rule, "run the planner stage again", found[:12])


def _write_json(content: dict[str, str | None], file: Path) -> None:
    text = json.dumps({SCHEMA: BASE_SCHEMA, **content}, indent=2, sort_keys=True)
    file.write_text(text + "\n", encoding="utf-8")


def _read_json(file: Path) -> dict[str, object]:
    try:
        content: object = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        rule, remedy = "is what its stage wrote", "restore it, or run its stage again"
        raise UserError(str(file), rule, remedy)
    schema_of(content, BASE_SCHEMA, str(file))
    return content
