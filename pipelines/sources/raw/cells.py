"""How the cells of a column are read, by the type the column has: ids, numbers, spoken text."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError
from expectations.contracts.interaction_rules import (
    CONTROL_CHARACTERS,
    MAX_ID_LENGTH,
    MISSING_MARKERS,
)

CHARACTER_REFERENCE = r"&#?\w{2,31};"
WHOLE_AS_FLOAT = r"^-?\d+\.0+$"
ROUNDED = r"^-?\d(\.\d+)?[eE]\+\d+$"
EXACT_TO = {"Float32": 2**24, "Float64": 2**53}
"""Up to where floats hold every whole number."""
SAID = {"true": "1", "t": "1", "yes": "1", "false": "0", "f": "0", "no": "0"}
"""What databases and pandas write for a boolean, beside 1 and 0."""
MEND = "mend or drop those rows"


def _no_comment(_: str) -> str:
    return ""


@dataclass(frozen=True)
class Cell:
    """One value of every row: the raw column it comes from and how it is read.

    Attributes:
        column: of the raw table.
        value: null where the raw cell cannot be read.
        rule: what can be read.
        remedy: what to do about a cell that cannot.
        became: what is worth telling of how it is read.
        comment: what to tell of a cell that cannot be read.
        is_sound: what must hold of each distinct value, over a column ``value``.
    """

    column: str
    value: pl.Expr
    rule: str
    remedy: str = MEND
    became: str = ""
    comment: Callable[[str], str] = _no_comment
    is_sound: pl.Expr | None = None


def identifier(column: str, sample: pl.Series, file: Path) -> Cell:
    """Return the reading of a column of ids.

    Text is taken as it is, without the blanks around it. Whole numbers become text without a
    fraction, whether they lie there as integers, decimals, floats, or texts that pandas has made
    of floats.

    Args:
        column: its name.
        sample: some of its cells.
        file: for the error.

    Raises:
        UserError: the column is of a type that is no id.
    """
    dtype, cell = sample.dtype, pl.col(column)
    rule = f"every row has a {column}, of at most {MAX_ID_LENGTH} characters and no control ones"
    if dtype in (pl.String, pl.Null):
        texts = sample.cast(pl.String).drop_nulls().str.strip_chars()
        text = cell.cast(pl.String).str.strip_chars()
        if len(texts) and texts.str.contains(WHOLE_AS_FLOAT).all():
            whole = pl.when(text.str.contains(WHOLE_AS_FLOAT)).then(text.str.replace(r"\.0+$", ""))
            said = f"every {column} is a whole number, as the first ones such as {texts[0]} are"
            return Cell(column, whole, said, became="floats read as whole numbers")
        return _text_id(column, text, rule)
    if dtype in (pl.Categorical, pl.Enum, pl.Boolean) or dtype.is_integer():
        return _text_id(column, cell.cast(pl.String).str.strip_chars(), rule)
    if dtype.is_float():
        limit = EXACT_TO.get(str(dtype), 0)
        is_whole = cell.is_finite() & (cell == cell.round()) & (cell.abs() < limit)
        whole = pl.when(is_whole).then(cell.cast(pl.Int64, strict=False).cast(pl.String))
        said = f"every {column} is a whole number below {limit:,}: floats lose the digits of others"
        return Cell(column, whole, said, became="floats read as whole numbers")
    if dtype.is_decimal():
        text = cell.cast(pl.String).str.replace(r"\.0*$", "")
        whole = pl.when(~text.str.contains(".", literal=True)).then(text)
        said = f"every {column} is a whole number"
        return Cell(column, whole, said, became="decimals read as whole numbers")
    if dtype == pl.Binary:
        text = decode(cell).str.strip_chars()
        return _text_id(column, text, f"{rule}, in UTF-8", became="bytes read as UTF-8")
    remedy = "export it as text or whole numbers, or name another column in dataset.files"
    raise UserError(str(file), f"column {column!r} holds ids", remedy, f"type {dtype}")


def number(column: str, dtype: pl.DataType, file: Path) -> Cell:
    """Return the reading of a column of numbers; an empty cell says nothing, and is allowed.

    Booleans are 1 and 0, also where a text says them.

    Raises:
        UserError: the column is of a type that is no number.
    """
    rule = f"{column} is a number or empty"
    cell = pl.col(column)
    if dtype.is_numeric() or dtype == pl.Boolean:
        value = cell.cast(pl.Float32, strict=False)
        if dtype.is_float():  # pandas' way to say that there is none
            cell = cell.fill_nan(None)
            value = cell.cast(pl.Float32, strict=False)
        return Cell(column, pl.when(value.is_finite()).then(value), rule)
    if dtype in (pl.String, pl.Null, pl.Categorical, pl.Enum):
        text = cell.cast(pl.String).str.strip_chars()
        said = text.str.to_lowercase().replace(SAID)
        value = said.cast(pl.Float32, strict=False)
        return Cell(column, pl.when(value.is_finite()).then(value), rule)
    remedy = "export it as numbers, or name another column in dataset.files.feedback"
    raise UserError(str(file), f"column {column!r} holds numbers", remedy, f"type {dtype}")


def spoken(column: str, dtype: pl.DataType, file: Path) -> pl.Expr:
    """Return the text of a column, white space made single blanks; null where there is none.

    Lists become their elements with commas between, whole floats lose their fraction.

    Raises:
        UserError: the column is of a type that says nothing in words.
    """
    text = unescape(as_text(column, dtype, file)).str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text != "").then(text)


def as_text(column: str, dtype: pl.DataType, file: Path) -> pl.Expr:
    """Return the cells of a column as text. Raises :class:`UserError` as :func:`spoken` does."""
    if isinstance(dtype, pl.List | pl.Array):
        inner = pl.element().str.strip_chars()
        kept = inner.filter((inner != "").fill_null(False))
        return elements_of(column, dtype, file).list.eval(kept).list.join(", ")
    if not can_speak(dtype):
        raise _speechless(column, dtype, file)
    cell = pl.col(column)
    if dtype.is_float():
        is_whole = cell.is_finite() & (cell == cell.round())
        whole = cell.cast(pl.Int64, strict=False).cast(pl.String)
        return pl.when(is_whole).then(whole).otherwise(cell.fill_nan(None).cast(pl.String))
    if dtype == pl.Binary:
        return decode(cell)
    return cell.cast(pl.String)


def elements_of(column: str, dtype: pl.List | pl.Array, file: Path) -> pl.Expr:
    """Return lists of texts. Raises :class:`UserError` as :func:`spoken` does."""
    if not can_speak(dtype):
        raise _speechless(column, dtype, file)
    cell = pl.col(column)
    lists = cell.arr.to_list() if isinstance(dtype, pl.Array) else cell
    return lists.list.eval(pl.element().cast(pl.String))


def can_speak(dtype: pl.DataType) -> bool:
    """Return whether a column of a type says something in words."""
    if isinstance(dtype, pl.List | pl.Array):
        return not pl.Series(dtype=dtype).explode().dtype.is_nested()
    return not dtype.is_nested() and dtype != pl.Object


def unescape(text: pl.Expr) -> pl.Expr:
    """Return texts with HTML's character references read, such as ``&rsquo;`` or ``&amp;``.

    Shops export them, some of them twice over, so two layers come off.
    """
    read = text.map_elements(lambda cell: html.unescape(html.unescape(cell)), pl.String)
    return pl.when(text.str.contains(CHARACTER_REFERENCE)).then(read).otherwise(text)


def decode(cell: pl.Expr) -> pl.Expr:
    """Return bytes as the UTF-8 text they hold; null where they hold none."""

    def read(content: bytes) -> str | None:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            return None

    return cell.map_elements(read, pl.String)


def is_missing(text: pl.Expr) -> pl.Expr:
    """Return whether a text is a marker of something missing, or nothing at all."""
    return text.is_in(["", *MISSING_MARKERS])


def _text_id(column: str, text: pl.Expr, rule: str, became: str = "") -> Cell:
    value = pl.col("value")
    is_sound = (
        ~is_missing(value)
        & (value.str.len_chars() <= MAX_ID_LENGTH)
        & ~value.str.contains(CONTROL_CHARACTERS)
        & ~value.str.contains(ROUNDED)
    )
    said = pl.when(text != "").then(text)
    return Cell(column, said, rule, became=became, is_sound=is_sound)


def _speechless(column: str, dtype: pl.DataType, file: Path) -> UserError:
    remedy = "export it as text or a list of texts, or leave it out of dataset.files"
    return UserError(str(file), f"column {column!r} is text", remedy, f"type {dtype}")
