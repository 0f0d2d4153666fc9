"""Folders that stand for one table: the part files of Spark, Hive and Dask, and partitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from expectations.contracts.errors import UserError
from pipelines.sources.raw.one_line import shorten

PARQUET_ENDINGS = (".parquet", ".pq", ".parq")
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".gz", ".bz2", ".zst", ".lz4")
UNFINISHED = "_temporary"
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Part:
    """One file of a table.

    Attributes:
        path: the file.
        is_parquet: whether it is Parquet; text otherwise.
        partition: columns that the names of its folders tell, such as ``year=2024``.
    """

    path: Path
    is_parquet: bool
    partition: dict[str, str | None] = field(default_factory=dict)


def find_parts(path: Path) -> list[Part]:
    """Return the parts of the table at ``path``, ordered by name: the file, or those of a folder.

    What begins with ``.`` or ``_`` is passed over, as those who write such folders mean it.

    Raises:
        UserError: there is nothing, or something that is no part of a table.
    """
    if path.is_file():
        return [Part(path, path.suffix.lower() in PARQUET_ENDINGS)]
    if not path.is_dir():
        raise UserError(str(path), "the file exists", _what_lies_there(path.parent))
    if (path / UNFINISHED).exists():
        rule, remedy = "the export was finished", "let it finish, or export again"
        raise UserError(str(path), rule, remedy, f"{UNFINISHED} in it")
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and _counts(file, path)]
    _require_followed(path)
    if not files:
        raise UserError(str(path), "the folder holds part files", "export it again")
    parts = [_part(file, path) for file in files]
    if len({part.is_parquet for part in parts}) > 1:
        rule, remedy = "all part files are of one kind", "keep either Parquet or text"
        raise UserError(str(path), rule, remedy, shorten(", ".join(f.name for f in files)))
    if len({tuple(part.partition) for part in parts}) > 1:
        rule, remedy = "all part files lie in the same partitions", "export the folder again"
        sample = next(p.path for p in parts if tuple(p.partition) != tuple(parts[0].partition))
        raise UserError(str(path), rule, remedy, shorten(str(sample.relative_to(path))))
    return parts


def _require_followed(folder: Path) -> None:
    """Refuse links to folders, whose files would not be found, and links to nothing."""
    links = [one for one in sorted(folder.rglob("*")) if one.is_symlink() and not one.is_file()]
    if left_out := [str(one.relative_to(folder)) for one in links if _counts(one, folder)]:
        rule, remedy = "every link in it leads to a file", "put the files themselves there"
        raise UserError(str(folder), rule, remedy, shorten(", ".join(left_out)))


def _counts(file: Path, folder: Path) -> bool:
    return not any(
        name.startswith(".") or (name.startswith("_") and "=" not in name)
        for name in file.relative_to(folder).parts
    )


def _part(file: Path, folder: Path) -> Part:
    partition: dict[str, str | None] = {}
    for name in file.relative_to(folder).parts[:-1]:
        column, is_partition, value = name.partition("=")
        if is_partition:
            partition[unquote(column)] = None if value == NO_VALUE else unquote(value)
    ending = file.suffix.lower()
    if ending in PARQUET_ENDINGS:
        return Part(file, True, partition)
    # Hadoop's own names have no ending: the folder's tells, or it is text
    if ending in TEXT_ENDINGS or not ending or not ending[1:].isalpha():
        return Part(file, not ending and folder.suffix.lower() in PARQUET_ENDINGS, partition)
    rule = "a folder of part files holds nothing but Parquet or text files"
    raise UserError(
        str(folder), rule, "move the others elsewhere, or let their names begin with _", file.name
    )


def _what_lies_there(folder: Path) -> str:
    if not folder.is_dir():
        return f"correct dataset.path: there is no folder {folder}"
    names = sorted(entry.name for entry in folder.iterdir())
    return f"correct dataset.path or the file's name; there are: {shorten(', '.join(names))}"
