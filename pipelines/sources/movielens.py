"""Reads a GroupLens data set: every layout they have published, from a folder or a zip."""

from __future__ import annotations

import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import polars as pl

from expectations.contracts.errors import UserError
from pipelines.sources.film_titles import read_title
from pipelines.sources.grouplens_layouts import LAYOUTS, Layout
from pipelines.sources.raw.cells import Cell, identifier, number
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.tables import RawInteractions, RawItems, RawTables
from pipelines.sources.raw.times import read_times

NO_GENRES = ("(no genres listed)", "unknown")


@contextmanager
def open_movielens(path: Path, scratch: Path) -> Iterator[RawTables]:
    """Yield the raw tables of the GroupLens data at ``path``, a folder or a zip.

    Args:
        path: the data set, or a folder or zip that holds it.
        scratch: a folder that need not exist; a zip is unpacked there, and it is removed after.

    Raises:
        UserError: the path is absent, no zip, or holds no data set of a known layout.
    """
    if path.is_dir():
        yield read_movielens(path, path)
        return
    if not path.is_file():
        remedy = "correct dataset.path, or download a data set from grouplens.org"
        raise UserError(str(path), "a GroupLens folder or zip is there", remedy)
    try:
        _unpack(path, scratch)
        yield read_movielens(scratch, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_movielens(folder: Path, called: Path) -> RawTables:
    """Return the raw tables of the data set in ``folder`` or in a folder within it.

    ``called`` is what the user knows the data by. Raises :class:`UserError` if it is not there.
    """
    for layout in LAYOUTS:
        # the shallowest match: other data may lie deeper
        found = sorted(folder.rglob(layout.ratings_file), key=lambda path: (len(path.parts), path))
        for ratings in found:
            if (ratings.parent / layout.items_file).is_file():
                return _read_layout(layout, ratings.parent)
    wanted = " or ".join(f"{layout.ratings_file} + {layout.items_file}" for layout in LAYOUTS)
    rule = f"a GroupLens data set holds {wanted}"
    there = ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())[:8])
    raise UserError(str(called), rule, "correct dataset.path", there or "no files")


def _read_layout(layout: Layout, folder: Path) -> RawTables:
    record = ReadingRecord()
    path = folder / layout.ratings_file
    ratings = layout.scan_ratings(folder, record)
    items_path = folder / layout.items_file
    tags = layout.scan_tags(folder, record)
    return RawTables(
        items=_describe(layout.scan_items(folder, record), items_path),
        interactions=RawInteractions(
            file=path,
            frame=ratings,
            user_id=_identifier("userId", path),
            item_id=_identifier("movieId", path),
            timestamp=read_times(ratings, "timestamp", "epoch_seconds", path),
            feedback=number("rating", pl.String(), path),
            record=record,
        ),
        record=record,
        tags=None if tags is None else _name_tags(tags, folder),
    )


def _identifier(column: str, path: Path) -> Cell:
    return identifier(column, pl.Series(column, dtype=pl.String), path)


def _describe(films: pl.LazyFrame, path: Path) -> RawItems:
    """Return films (movieId, title, genres) as items; the genres are category and text."""
    genres = pl.col("genres").fill_null("").str.split("|")
    named = genres.list.eval(
        pl.element().str.strip_chars().filter(~pl.element().is_in(["", *NO_GENRES]))
    )
    return RawItems(
        file=path,
        frame=films,
        item_id=_identifier("movieId", path),
        title=read_title("title"),
        text=pl.when(named.list.len() > 0).then(named.list.join(", ")),
        category_path=pl.when(named.list.len() > 0).then(named),
    )


def _name_tags(tags: pl.LazyFrame, folder: Path) -> pl.LazyFrame:
    return tags.select(
        user_id=_identifier("userId", folder).value,
        item_id=_identifier("movieId", folder).value,
        tag=pl.col("tag"),
        timestamp=read_times(tags, "timestamp", "epoch_seconds", folder).value,
    )


def _unpack(archive: Path, scratch: Path) -> None:
    """Unpack the files of the known layouts, and no others."""
    wanted = {name for one in LAYOUTS for name in (one.ratings_file, one.items_file, one.tags_file)}
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                inside = PurePosixPath(member.filename)
                if member.is_dir() or inside.name not in wanted:
                    continue
                # one folder deep at most, and never upwards: nothing is written elsewhere
                folder = scratch / inside.parent.name if inside.parent.name != ".." else scratch
                folder.mkdir(parents=True, exist_ok=True)
                target = folder / inside.name
                with opened.open(member) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    # an unknown compression raises NotImplementedError, a password RuntimeError: sound, but not
    # for Python
    except (NotImplementedError, RuntimeError) as error:
        raise _unreadable(archive, "unpack it and name its folder in dataset.path", error) from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise _unreadable(archive, "download it again", error) from None


def _unreadable(archive: Path, remedy: str, error: Exception) -> UserError:
    return UserError(str(archive), "is a zip that can be read", remedy, str(error)[:120])
