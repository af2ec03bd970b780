"""Rows of a terminal's window."""

from circleci_v1_async.models import StepOutput


class Row:
    """A row of text: strings to join or, once text was overwritten, one cell for each column.

    `first` and `last` are the pieces of the log that wrote the first character, and to the row last.
    """

    __slots__ = ("_blanks", "_cells", "_texts", "first", "last", "length")

    def __init__(self, text: str, piece: StepOutput) -> None:
        self._texts = [text]
        self._cells: list[str] | None = None
        # Number of columns at the left that are known to be blank. `erase_left` skips these columns, which keeps its
        # total cost linear.
        self._blanks = 0
        self.length = len(text)
        self.first = self.last = piece

    def __str__(self) -> str:
        return "".join(self._texts if self._cells is None else self._cells).rstrip(" ")

    def write(self, column: int, text: str, piece: StepOutput) -> int:
        """Write text from a column on, and return the number of columns that the row has grown by.

        If the row ends before the column, blanks fill the gap.
        """
        length = self.length
        if column == 0:
            self.first = piece
        self.last = piece
        if column < length:
            cells = self._to_cells()
            cells[column : column + len(text)] = text
            self.length = len(cells)
            if self._blanks:
                self._blanks = min(self._blanks, column)
        else:
            text = " " * (column - length) + text
            if self._cells is None:
                self._texts.append(text)
            else:
                self._cells += text
            self.length += len(text)
        return self.length - length

    def cut(self, column: int) -> None:
        """Erase the row from a column on. The column must not be the first."""
        if column < self.length:
            del self._to_cells()[column:]
            self.length = column
            self._blanks = min(self._blanks, column)

    def erase_left(self, end: int) -> None:
        """Erase the columns before `end`. `end` must be left of the row's end."""
        if self._blanks < end:
            self._to_cells()[self._blanks : end] = " " * (end - self._blanks)
            self._blanks = end

    def _to_cells(self) -> list[str]:
        if self._cells is None:
            self._cells = list("".join(self._texts))
            self._texts.clear()
        return self._cells
