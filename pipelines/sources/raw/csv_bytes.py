"""The bytes of a text file as UTF-8, whatever they lie in on disk, with their lines counted."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from expectations.contracts.errors import UserError
from pipelines.sources.raw.one_line import shorten

SNIFFED_BYTES = 65_536
"""Read to tell encoding and line ends from: some hundred rows. What is not told there is refused by
name later."""
LINE_FEED, CARRIAGE_RETURN = 10, 13
"""The codes of both in ASCII and all that extends it."""
FEW = 64
"""Bytes of an end looked at before all are: few lines end in more line ends than that."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PACKED = (
    (b"\x1f\x8b", "gzip", "give its name the ending .gz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "give its name the ending .zst"),
    (b"PAR1", "Parquet", "give its name the ending .parquet"),
    (b"PK\x03\x04", "a zip archive or a workbook", "unpack it, or export it as CSV"),
    (b"\xfd7zXZ", "xz", "unpack it"),
    (b"SQLite format 3", "a database", "export its tables as CSV"),
)
"""How files of other kinds begin, what they are, and what helps."""
ENCODING_REMEDY = (
    "export it again as UTF-8, or name its encoding with dataset.files.encoding, such as latin-1, "
    "cp1252, utf-16 or shift_jis"
)


class CsvBytes(io.RawIOBase):
    """A file to be read once, from its beginning: unpacked, and as UTF-8 that ends with a line.

    Attributes:
        n_lines: line ends so far (``\\n``, ``\\r\\n`` or ``\\r``), empty first lines left out.
        ends_with_quote: whether the last letter so far that ends no line is a quote.

    Raises:
        UserError: the file is no text, or is not of its encoding.
    """

    def __init__(self, path: Path, encoding: str | None, quote: str | None) -> None:
        super().__init__()
        self._path = path
        self._quote = (quote or "").encode()
        self.n_lines = 0
        self.ends_with_quote = False
        # the ending of the name says how it is packed; Arrow takes a path, never a pattern
        self._file = pa.input_stream(str(path), compression="detect", buffer_size=0)
        try:
            start = self._read_some(SNIFFED_BYTES)
        except UserError:
            self._file.close()
            raise
        for opening, kind, remedy in PACKED:
            if start.startswith(opening):
                self._file.close()
                raise UserError(str(path), "the file is text", remedy, kind)
        self._decoder: codecs.IncrementalDecoder | None = None
        mark = next(((m, name) for m, name in MARKS if start.startswith(m)), None)
        name = encoding or (mark[1] if mark else "utf-8")
        if codecs.lookup(name).name != "utf-8":
            self._decoder = codecs.getincrementaldecoder(name)()
        elif mark and mark[1] == "utf-8":
            start = start[len(mark[0]) :]
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._ready = b""
        self._is_done = False
        self._begins = True
        self._last = b""
        try:
            self._ready = self._take(start)
        except UserError:
            self._file.close()
            raise

    def as_arrow(self) -> pa.PythonFile:
        """Return the bytes as Arrow reads them."""
        return pa.PythonFile(self, mode="r")

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return ``size`` bytes or one less, or what is left; none at the end."""
        # Arrow takes the first piece for the first block, and a block has to hold a whole line
        self._fill(size)
        given = self._ready if size < 0 else self._ready[:size]  # no copy where it is all
        if 1 < len(given) == size and given[-1] == CARRIAGE_RETURN:
            self._fill(size + 1)
            if self._ready[size : size + 1] == b"\n":
                # Arrow drops a block's first line feed after one that ends so, in a cell too
                given = given[:-1]
        self._ready = self._ready[len(given) :]
        return given

    def _fill(self, size: int) -> None:
        """Have ``size`` bytes ready, or all that are left."""
        while not self._is_done and (size < 0 or len(self._ready) < size):
            raw = self._read_some(size - len(self._ready) if size > 0 else SNIFFED_BYTES)
            taken = self._take(raw)
            self._ready = self._ready + taken if self._ready else taken

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read_some(self, size: int) -> bytes:
        try:
            return bytes(self._file.read(size))
        except (OSError, pa.ArrowInvalid) as error:
            rule, remedy = "the file is whole", "pack it anew, or download or export it again"
            raise UserError(str(self._path), rule, remedy, shorten(str(error))) from None

    def _take(self, raw: bytes) -> bytes:
        """Return what was read as UTF-8, its lines counted; nothing was read at the end."""
        self._is_done = not raw
        if self._decoder is not None:
            try:
                text = self._decoder.decode(raw, self._is_done)
            except UnicodeError as error:
                raise unreadable(self._path, error) from None
            raw = (text.removeprefix("\ufeff") if self._begins else text).encode()
        if (at := raw.find(b"\0")) >= 0:
            raise self._not_text("text", raw, at)
        if self._decoder is None:
            self._require_utf8(raw)
        if self._begins:
            raw = raw.lstrip(b"\r\n")
            self._begins = not raw
        if self._is_done and (raw or self._last)[-1:] not in b"\r\n":
            raw += b"\n"
        if raw:
            self._count(raw)
        return raw

    def _require_utf8(self, raw: bytes) -> None:
        # Arrow tells of a letter in a cell that is read, and fails itself at one in the header
        if raw.isascii() and not self._utf8.getstate()[0] and not self._is_done:
            return
        try:
            self._utf8.decode(raw, self._is_done)
        except UnicodeDecodeError as error:  # its object begins with what the last piece left over
            raise self._not_text("UTF-8 text", error.object, error.start) from None

    def _not_text(self, kind: str, raw: bytes, at: int) -> UserError:
        self._count(raw[:at])
        sample = f"line {self.n_lines + 1}: {shorten(repr(raw[max(at - 12, 0) : at + 12]))}"
        return UserError(str(self._path), f"the file is {kind}", ENCODING_REMEDY, sample)

    def _count(self, raw: bytes) -> None:
        letters = np.frombuffer(raw, np.uint8)
        self.n_lines += int(np.count_nonzero(letters == LINE_FEED))
        is_return = letters == CARRIAGE_RETURN
        if n_returns := int(np.count_nonzero(is_return)):
            self.n_lines += n_returns - raw.count(b"\r\n")
        if self._last == b"\r" and raw[:1] == b"\n":
            self.n_lines -= 1
        self._last = raw[-1:]
        if end := raw[-FEW:].rstrip(b"\r\n") or raw.rstrip(b"\r\n"):
            self.ends_with_quote = end[-1:] == self._quote


def unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a text file whose bytes cannot be read as what they should be."""
    said = shorten(str(error).splitlines()[0] if str(error) else type(error).__name__)
    if "straddling" in said:
        rule = "no row is longer than 1 MB"
        remedy = "close the quote that is opened there, or set dataset.files.quote to null"
        return UserError(str(path), rule, remedy, "a quote that nothing closes, or one long cell")
    rule = "the file is UTF-8 text, the same columns a line"
    return UserError(str(path), rule, ENCODING_REMEDY, said)
