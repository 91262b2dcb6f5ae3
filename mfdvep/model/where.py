"""Conditions on the columns of the track table: a small language that is parsed and never run."""

from __future__ import annotations

import ast
import json
import keyword
import math
import operator
import re
import unicodedata
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable

_LONGEST = 10_000  # characters of an expression; the parser's own memory is bounded by it
_ALLOWED = (
    "expected comparisons of a column with a quoted text, a number or a [list] "
    "(==, !=, <, <=, >, >=, in, not in), joined by and, or, not and parentheses; "
    "a column whose name is no plain word stands in `backquotes`"
)
_FOUND: dict[type[ast.AST], str] = {
    ast.Attribute: "an attribute (a dot after a name)",
    ast.BinOp: "arithmetic, & or |",
    ast.BoolOp: "and/or inside a comparison",
    ast.Call: "a call",
    ast.Compare: "a comparison inside a comparison",
    ast.Dict: "a dictionary",
    ast.IfExp: "if/else",
    ast.JoinedStr: "an f-string",
    ast.Lambda: "a lambda",
    ast.NamedExpr: "an assignment",
    ast.Starred: "a star",
    ast.Subscript: "an index",
    ast.UnaryOp: "a sign",
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_PIECE = re.compile(  # of the text of an expression; a string that is not terminated takes the rest
    r"""(?P<string>'{3}(?:\\.|[^\\])*?'{3}|"{3}(?:\\.|[^\\])*?"{3}
        |'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|['"].*)
    |`(?P<column>[^`]*)`|(?P<space>\s+)|(?P<stray>[`\#])""",
    re.DOTALL | re.VERBOSE,
)
_SINGLE_EQUALS = re.compile(r"(?<![=!<>:])=(?!=)")


def select_where(table: TrackTable, expression: str) -> list[int]:
    """Return the rows, in order, of the tracks that meet an expression.

    Every value of the table is text, '' where it is not known. `==`, `!=`, `in [...]` and
    `not in [...]` with text compare the whole value, so `lab == ""` finds the tracks whose lab
    is not known and `lab != "a"` finds them too; `"H3K" in target` finds a part of a value.
    A comparison with a number, and any `<`, `<=`, `>`, `>=`, reads the column as numbers: a value
    that is not known or no finite number meets none of them, `!=` and `not in` included. `not`
    takes the tracks that its condition leaves, so `not n < 5` finds unknown n and `n >= 5` does
    not.

    Parameters
    ----------
    table
        The table of tracks.
    expression
        As `target == "CTCF" and 10 <= n_peaks < 50`; a column whose name is no plain word stands
        in backquotes. The text has Python's syntax and at most 10,000 characters; it is
        parsed and never run.

    Raises
    ------
    InputError
        Anything but comparisons of a column with constants, joined by and, or, not; too long or
        nested too deeply; an unknown column; `==`, `!=` or a list with a text that no track has;
        a column without any number compared with numbers.
    """
    try:
        if len(expression) > _LONGEST:
            raise InputError(
                f"{len(expression)} characters; expected at most {_LONGEST}; "
                "a long choice goes into a file of names for --tracks"
            )
        keep = _condition(_parse(expression), table)
    except InputError as error:
        raise InputError(f"--where {shown(expression)}: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise InputError(
            f"--where {shown(expression)}: nested too deeply; use fewer parentheses and signs, "
            "or several --where"
        ) from error
    return [int(row) for row in np.flatnonzero(keep)]


def _parse(text: str) -> ast.expr:
    """Return the syntax tree of an expression; a name in backquotes becomes a Name as any other."""
    # a column in backquotes is parsed as a word of more underscores than the text has
    mark = "_" * (unicodedata.normalize("NFKC", text).count("_") + 1)
    quoted: dict[str, str] = {}

    def plain(piece: re.Match[str]) -> str:
        if piece["stray"]:
            what = "a backquote without its pair" if piece["stray"] == "`" else "a comment"
            raise InputError(f"found {what}; {_ALLOWED}")
        if piece["column"] is None:
            return piece["string"] or " "
        quoted[f"{mark}{len(quoted)}"] = piece["column"]
        return f" {mark}{len(quoted) - 1} "

    code = _PIECE.sub(plain, text).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of is refused
            root = ast.parse(code, mode="eval").body
    except (SyntaxError, ValueError) as error:  # ValueError: no UTF-8, a null byte
        if _SINGLE_EQUALS.search(_PIECE.sub(" ", text)):
            raise InputError(f"a single = compares nothing; write {_right_form(text)}") from error
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(f"not an expression ({reason}); {_ALLOWED}") from error
    for node in ast.walk(root):
        if isinstance(node, ast.Name):
            node.id = quoted.get(node.id, node.id)
    return root


def _right_form(text: str) -> str:
    """Return column=value or column=value|value as an expression; an example for other text."""
    column, _, value = text.partition("=")
    column, value = column.strip(" `"), value.strip(" '\"")
    is_simple = text.isprintable() and not set(column + value) & set("=<>!`'\"")
    if not column or not is_simple:
        return '==, as in column == "value"'
    values = [json.dumps(part, ensure_ascii=False) for part in value.split("|")]
    is_word = column.isidentifier() and not keyword.iskeyword(column)
    choice = f"== {values[0]}" if len(values) == 1 else f"in [{', '.join(values)}]"
    return f"{column if is_word else f'`{column}`'} {choice}"


def _condition(node: ast.expr, table: TrackTable) -> np.ndarray:
    """Return whether each track meets a condition, bool (O,)."""
    match node:
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return join.reduce([_condition(value, table) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_condition(operand, table)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            steps = zip([left, *comparators], ops, comparators, strict=False)
            return np.logical_and.reduce([_comparison(*step, table=table) for step in steps])
        case ast.Name(id=name):
            _column(name, table)
            raise InputError(f"column {name!r} alone is no condition; {_ALLOWED}")
    raise InputError(f"found {_described(node)} as a condition; {_ALLOWED}")


def _comparison(
    left: ast.expr, sign: ast.cmpop, right: ast.expr, *, table: TrackTable
) -> np.ndarray:
    """Return whether each track meets one comparison, bool (O,)."""
    if isinstance(sign, ast.In | ast.NotIn):
        return _membership(left, right, table=table, negated=isinstance(sign, ast.NotIn))
    if type(sign) not in _COMPARE:
        raise InputError(f"found `is`; write == or !=; {_ALLOWED}")
    compare = _COMPARE[type(sign)]
    name, other = (left, right) if isinstance(left, ast.Name) else (right, left)
    if not isinstance(name, ast.Name):
        raise InputError(f"found a comparison without a column; {_ALLOWED}")
    column, value = _column(name.id, table), _constant(other, table)
    if isinstance(value, float):
        numbers = _numbers(name.id, column)
        met = compare(numbers, value) if name is left else compare(value, numbers)
        return met & ~np.isnan(numbers)
    if not isinstance(sign, ast.Eq | ast.NotEq):
        raise InputError(f"<, <=, >, >= compare numbers; write {value!r} as a number, not a text")
    return _equals(name.id, column, [value]) ^ isinstance(sign, ast.NotEq)


def _membership(left: ast.expr, right: ast.expr, *, table: TrackTable, negated: bool) -> np.ndarray:
    """Return whether each value is in a list, or holds a text; bool (O,)."""
    if isinstance(right, ast.Name):
        column, part = _column(right.id, table), _constant(left, table)
        if isinstance(part, float):
            raise InputError('found a number on the left of `in`; write a text, as "H3K" in target')
        return np.array([(part in value) != negated for value in column], dtype=bool)
    if not isinstance(left, ast.Name):
        raise InputError(f"found `in` without a column; {_ALLOWED}")
    column = _column(left.id, table)
    if not isinstance(right, ast.List | ast.Tuple | ast.Set):
        raise InputError(
            f"found {_described(right)} on the right of `in`; "
            f'write a list, as {left.id} in ["a", "b"]'
        )
    values = [_constant(element, table) for element in right.elts]
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values):
        return _equals(left.id, column, texts) ^ negated
    if texts:
        raise InputError("found texts and numbers in one list; write one kind")
    numbers = _numbers(left.id, column)
    return (np.isin(numbers, values) ^ negated) & ~np.isnan(numbers)


def _constant(node: ast.expr, table: TrackTable) -> str | float:
    """Return the text or the number that a node stands for."""
    inner = node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = node.operand
    is_negative = inner is not node
    match inner:
        case ast.Constant(value=str(text)) if not is_negative:
            return text
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return -_float(number) if is_negative else _float(number)
        case ast.Name(id=name) if not is_negative:
            _column(name, table)
            raise InputError(f"found column {name!r} where a text or a number stands; {_ALLOWED}")
    raise InputError(f"found {_described(node)} where a text or a number stands; {_ALLOWED}")


def _float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise InputError("found a number too large; expected at most 1.8e308") from error


def _column(name: str, table: TrackTable) -> tuple[str, ...]:
    """Return a column's values, (O,)."""
    try:
        return table[name]
    except InputError as error:
        quoted = json.dumps(name, ensure_ascii=False)
        raise InputError(f"{error}; a text stands in quotes: {quoted}") from error


def _equals(name: str, column: tuple[str, ...], values: list[str]) -> np.ndarray:
    """Return whether each value is one of these, of which some track has each; bool (O,)."""
    for value in values:
        if value not in column:
            near = get_close_matches(value, set(column), n=3)
            hint = f"; nearest: {', '.join(near)}" if near else ""
            raise InputError(f"no track has {name} {value!r}{hint}")
    wanted = set(values)
    return np.array([value in wanted for value in column], dtype=bool)


def _numbers(name: str, column: tuple[str, ...]) -> np.ndarray:
    """Return a column as numbers, float64 (O,); NaN where the value is no finite number."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            return math.nan
        return value if math.isfinite(value) else math.nan

    numbers = np.array([number(text) for text in column], dtype=np.float64)
    if np.isnan(numbers).all():
        raise InputError(f"column {name!r} holds no number; write the value in quotes")
    return numbers


def _described(node: ast.expr) -> str:
    """Return what a node is, in words, for a message."""
    if isinstance(node, ast.Constant):
        if type(node.value) is int:  # may have too many digits to be written
            return "a number"
        return f"the constant {shown(node.value)}"
    return _FOUND.get(type(node), type(node).__name__)


def shown(value: object) -> str:
    """Return a value as Python writes it (one line), a long text by its first 500 characters."""
    if isinstance(value, str) and len(value) > 500:
        value = f"{value[:500]}..."
    return repr(value)
