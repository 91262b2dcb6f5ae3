"""The choice of tracks: expressions on the table, names, and files of names."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from conftest import SMALL_TRACKS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.model.selection import select, select_names, select_where
from mfdvep.model.tracks import TrackTable

# experiment E0     E1     E2     E3    E4
# target     CTCF   GATA1  open   open  CTCF
# biosample  K562   K562   K562         HepG2
# lab        a      b      a      b     b
TABLE = TrackTable(
    {
        **SMALL_TRACKS.columns,
        "n_peaks": ("10", "50", "", "n/a", "-2.5"),
        "Biosample term name": ("K562", "K562", "it's `x`", "", '"q"'),
        "class": ("1", "2", "nan", "inf", "2"),
    }
)


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ('target == "CTCF"', [0, 4]),
        ('"CTCF" == target', [0, 4]),
        ("target=='CTCF'", [0, 4]),
        ('target != "CTCF"', [1, 2, 3]),
        ('lab in ["a", "b"]', [0, 1, 2, 3, 4]),
        ('target in ["CTCF", "GATA1"]', [0, 1, 4]),
        ('target in ("CTCF", "GATA1")', [0, 1, 4]),
        ('target in {"CTCF"}', [0, 4]),
        ("target in []", []),
        ('target not in ["CTCF", "GATA1"]', [2, 3]),
        ('"T" in target', [0, 1, 4]),
        ('"CTC" not in target', [1, 2, 3]),
        ('"" in target', [0, 1, 2, 3, 4]),
        ('biosample == ""', [3]),
        ('biosample != ""', [0, 1, 2, 4]),
        ('biosample != "K562"', [3, 4]),
        ('target == "CTCF" and biosample == "K562"', [0]),
        ('target == "GATA1" or lab == "a"', [0, 1, 2]),
        ('not target == "CTCF"', [1, 2, 3]),
        ('not not target == "CTCF"', [0, 4]),
        ("n_peaks == 10", [0]),
        ("n_peaks == 1e1", [0]),
        ('n_peaks == "10"', [0]),
        ("n_peaks < 10", [4]),
        ("n_peaks <= 10", [0, 4]),
        ("n_peaks > 10", [1]),
        ("n_peaks >= 10", [0, 1]),
        ("10 >= n_peaks", [0, 4]),
        ("10 > n_peaks", [4]),
        ("n_peaks == -2.5", [4]),
        ("n_peaks > -1e999", [0, 1, 4]),
        ("n_peaks in [10, -2.5]", [0, 4]),
        ("10 <= n_peaks < 50", [0]),
        ("-3 < n_peaks <= 10 != n_peaks", [4]),
        ('lab == "a" != target', None),
        ('lab == "a" in target', []),
        ('"a" == lab in ["a"]', [0, 2]),
        ("`class` == 2", [1, 4]),
        ('`class`=="nan"or`class`=="inf"', [2, 3]),
        ("`class` > 0", [0, 1, 4]),
        ('`Biosample term name` == "K562"', [0, 1]),
        ('`target` == "CTCF"', [0, 4]),
        ('`lab` == "a" and `lab` != "b" and `target` == "open"', [2]),
        ('`Biosample term name` == "it\'s `x`"', [2]),
        ("`Biosample term name` == 'it\\'s `x`'", [2]),
        ("`Biosample term name` == '''it's `x`'''", [2]),
        ('`Biosample term name` == """it\'s `x`"""', [2]),
        ("`Biosample term name` == '\"q\"'", [4]),
        ('  target\n ==\t"CTCF"\xa0', [0, 4]),
        ("(target == 'CTCF'\n or lab == 'a')", [0, 2, 4]),
    ],
)
def test_where(expression, rows):
    if rows is None:
        with pytest.raises(InputError, match="no track has target 'a'"):
            select_where(TABLE, expression)
    else:
        assert select_where(TABLE, expression) == rows


@pytest.mark.parametrize("expression", ["n_peaks != 10", "n_peaks not in [10]"])
def test_a_value_that_is_no_number_meets_no_comparison_of_numbers(expression):
    assert select_where(TABLE, expression) == [1, 4]


def test_not_takes_the_tracks_that_its_condition_leaves():
    assert select_where(TABLE, "not n_peaks < 10") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("expression", "same", "other"),
    [
        (
            'target == "open" or target == "CTCF" and lab == "b"',
            'target == "open" or (target == "CTCF" and lab == "b")',
            '(target == "open" or target == "CTCF") and lab == "b"',
        ),
        (
            'not target == "CTCF" and lab == "a"',
            '(not target == "CTCF") and lab == "a"',
            'not (target == "CTCF" and lab == "a")',
        ),
        (
            'not target == "CTCF" or lab == "a"',
            '(not target == "CTCF") or lab == "a"',
            'not (target == "CTCF" or lab == "a")',
        ),
    ],
)
def test_precedence_is_not_then_and_then_or(expression, same, other):
    assert select_where(TABLE, expression) == select_where(TABLE, same)
    assert select_where(TABLE, expression) != select_where(TABLE, other)


class Made(NamedTuple):
    """A random expression: its text, how tightly its outermost sign binds, and its meaning."""

    text: str
    binds: int  # 0 or, 1 and, 2 not, 3 comparison
    meets: Callable[[dict[str, str]], bool]


SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
NUMBERS = {"10": 10.0, "50": 50.0, "-2.5": -2.5}
TEXT_COLUMNS = ["experiment", "target", "biosample", "lab", "Biosample term name"]


def text_leaf(column: str, sign: str, value: str) -> Made:
    quoted = column if column.isidentifier() else f"`{column}`"
    return Made(f"{quoted} {sign} {value!r}", 3, lambda row: SIGNS[sign](row[column], value))


def list_leaf(column: str, negated: bool, values: list[str]) -> Made:
    def meets(row: dict[str, str]) -> bool:
        return not any(row[column] == v for v in values) if negated else row[column] in values

    quoted = column if column.isidentifier() else f"`{column}`"
    return Made(f"{quoted} {'not in' if negated else 'in'} {values!r}", 3, meets)


def part_leaf(column: str, part: str) -> Made:
    return Made(f"{part!r} in {column}", 3, lambda row: row[column].find(part) >= 0)


def number_leaf(sign: str, value: float, mirrored: bool) -> Made:
    def meets(row: dict[str, str]) -> bool:
        number = NUMBERS.get(row["n_peaks"])
        if number is None:
            return False
        return SIGNS[sign](value, number) if mirrored else SIGNS[sign](number, value)

    sides = (f"{value}", sign, "n_peaks") if mirrored else ("n_peaks", sign, f"{value}")
    return Made(" ".join(sides), 3, meets)


def wrapped(part: Made, binds: int, extra: bool) -> str:
    return f"({part.text})" if part.binds < binds or extra else part.text


def joined(word: str, left: Made, right: Made, extra: bool) -> Made:
    binds = ["or", "and"].index(word)
    text = f"{wrapped(left, binds, extra)} {word} {wrapped(right, binds, extra)}"

    def meets(row: dict[str, str]) -> bool:
        both = left.meets(row), right.meets(row)
        return all(both) if word == "and" else any(both)

    return Made(text, binds, meets)


def negated(part: Made, extra: bool) -> Made:
    return Made(f"not {wrapped(part, 2, extra)}", 2, lambda row: not part.meets(row))


def values_of(column: str) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(set(TABLE[column])))


LEAVES = st.one_of(
    st.sampled_from(TEXT_COLUMNS).flatmap(
        lambda column: st.builds(
            text_leaf, st.just(column), st.sampled_from(["==", "!="]), values_of(column)
        )
    ),
    st.sampled_from(TEXT_COLUMNS).flatmap(
        lambda column: st.builds(
            list_leaf, st.just(column), st.booleans(), st.lists(values_of(column), max_size=3)
        )
    ),
    st.builds(part_leaf, st.sampled_from(["target", "lab"]), st.text("CTFab ", max_size=2)),
    st.builds(
        number_leaf,
        st.sampled_from(sorted(SIGNS)),
        st.sampled_from([-2.5, 0.0, 10.0, 49.5, 50.0]),
        st.booleans(),
    ),
)
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(joined, st.sampled_from(["and", "or"]), inner, inner, st.booleans()),
        st.builds(negated, inner, st.booleans()),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
@settings(deadline=None, max_examples=300)
def test_an_expression_means_what_its_tree_means(made):
    rows = [
        dict(zip(TABLE.columns, values, strict=True))
        for values in zip(*TABLE.columns.values(), strict=True)
    ]
    expected = [i for i, row in enumerate(rows) if made.meets(row)]
    assert select_where(TABLE, made.text) == expected


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        # typos
        ('tarjet == "CTCF"', "no column 'tarjet' .*nearest: target"),
        ('zzz == "CTCF"', "no column 'zzz' .*it has: experiment, assay, target"),
        ('`Biosample term nme` == "K562"', "nearest: Biosample term name"),
        ('target == "CTFC"', "no track has target 'CTFC'; nearest: CTCF"),
        ('target != "CTFC"', "nearest: CTCF"),
        ('target in ["open", "CTFC"]', "nearest: CTCF"),
        ('target not in ["CTFC"]', "nearest: CTCF"),
        ('target == "open" or target == "CTFC"', "nearest: CTCF"),
        ('target == ""', "no track has target ''$"),
        # no quotes
        ("target == CTCF", "no column 'CTCF' .*a text stands in quotes: \"CTCF\""),
        ("target in [CTCF]", "no column 'CTCF'"),
        ('target == "CTCF', "unterminated string"),
        ('target == "CTCF # and `x', "unterminated string"),
        ("target == \u201cCTCF\u201d", "invalid character"),
        # the former way
        ("target=CTCF", 'a single = compares nothing; write target == "CTCF"$'),
        ('target = "CTCF"', 'write target == "CTCF"$'),
        ("target=CTCF|open", r'write target in \["CTCF", "open"\]$'),
        ("Biosample term name=K562", 'write `Biosample term name` == "K562"$'),
        ("`class`=1", 'write `class` == "1"$'),
        ("biosample=", 'write biosample == ""$'),
        ("target!=CTCF", "no column 'CTCF'"),
        ("target\n=\nCTCF", '==, as in column == "value"$'),
        ("=CTCF", '==, as in column == "value"$'),
        ('target = "CTCF" and lab = "a"', '==, as in column == "value"$'),
        ('target == "a=b" lab', r"not an expression \(invalid syntax"),
        # numbers
        ('n_peaks < "10"', "write '10' as a number"),
        ("target < 10", "column 'target' holds no number"),
        ("target == 10", "column 'target' holds no number; write the value in quotes"),
        ("target in [10]", "column 'target' holds no number"),
        ('n_peaks in [10, "50"]', "texts and numbers in one list"),
        ("10 in n_peaks", "a number on the left of `in`"),
        ("n_peaks == 0x" + "f" * 5000, "a number too large"),
        ("0x" + "f" * 5000, "found a number as a condition"),
        ("n_peaks == " + "1" * 5000, "not an expression"),
        ("n_peaks == +10", "found a sign"),
        ("n_peaks == --10", "found a sign"),
        ('target == -"CTCF"', "found a sign"),
        ("n_peaks == -True", "found a sign"),
        ("n_peaks == -lab", "found a sign"),
        ("n_peaks == ~10", "found a sign"),
        # constants that are neither text nor number
        ("target == None", "found the constant None"),
        ("target == True", "found the constant True"),
        ("n_peaks in [False]", "found the constant False"),
        ('target == b"CTCF"', "found the constant b'CTCF'"),
        ("n_peaks == 1j", "found the constant 1j"),
        ("target == ...", "found the constant Ellipsis"),
        # what compares nothing
        ("target", "column 'target' alone is no condition"),
        ("CTCF", "no column 'CTCF'"),
        ('"CTCF"', "found the constant 'CTCF' as a condition"),
        ('target == "CTCF" and "open"', "found the constant 'open' as a condition"),
        ("not target", "column 'target' alone"),
        ("1 == 1", "a comparison without a column"),
        ("1 < 2 < n_peaks", "a comparison without a column"),
        ('"a" in "abc"', "`in` without a column"),
        ('"a" in ["a"]', "`in` without a column"),
        ("target == biosample", "found column 'biosample' where a text or a number stands"),
        ("target in biosample", "found column 'target' where a text or a number stands"),
        ("target in [lab]", "found column 'lab'"),
        ('target in "CTCF"', r'write a list, as target in \["a", "b"\]'),
        ('target in ("CTCF")', r'write a list, as target in \["a", "b"\]'),
        ('target in {"CTCF": 1}', "found a dictionary on the right of `in`"),
        ('target in [["CTCF"]]', "found List where"),
        ('target in [*"CTCF"]', "found a star"),
        ('target == ["CTCF"]', "found List where"),
        ('target is "CTCF"', "found `is`"),
        ('target is not "CTCF"', "found `is`"),
        ('(target == "CTCF") == (lab == "a")', "a comparison without a column"),
        ('lab == (target == "CTCF")', "found a comparison inside a comparison"),
        ('lab == ("a" or "b")', "found and/or inside a comparison"),
        # other Python
        ('target == "CTCF" | "open"', r"found arithmetic, & or \|"),
        ('(target == "CTCF") & (lab == "a")', r"found arithmetic, & or \|"),
        ("n_peaks + 1 < 10", "without a column"),
        ("n_peaks < 9 ** 9 ** 9", "found arithmetic"),
        ("n-peaks < 9", "without a column; .*backquotes"),
        ('target.lower() == "ctcf"', "without a column"),
        ('target.lower == "ctcf"', "without a column"),
        ('target == "CTCF".lower()', "found a call"),
        ('target == "CTCF".x', "found an attribute"),
        ('target == "CTCF"[0]', "found an index"),
        ('target == f"{lab}"', "found an f-string"),
        ('target == f"{`lab`}"', "f-string"),
        ('f"{lab}"', "found an f-string as a condition"),
        ("lambda: 1", "found a lambda as a condition"),
        ("(lab := 1)", "found an assignment as a condition"),
        ("1 if lab else 2", "found if/else as a condition"),
        ("[lab for lab in target]", "found ListComp as a condition"),
        ('target == "CTCF", lab == "a"', "found Tuple as a condition"),
        ("{}", "found a dictionary as a condition"),
        ("yield", "not an expression"),
        ("import os", "not an expression"),
        ('target == "CTCF"; import os', "not an expression"),
        ('__import__("os").system("true")', "found a call as a condition"),
        ('__import__("os")', "found a call as a condition"),
        ("().__class__", "found an attribute .* as a condition"),
        ("target == ().__class__", "found an attribute"),
        ('().__class__.__bases__[0] in ["x"]', "`in` without a column"),
        ('__builtins__ == "x"', "no column '__builtins__'"),
        ('__debug__ == "x"', "no column '__debug__'"),
        ('_0 == "CTCF" and `target` == "CTCF"', "no column '_0'"),
        ('_\uff3f0 == "CTCF" and `target` == "CTCF"', "no column '__0'"),
        # the text itself
        ("", "not an expression"),
        (" \n", "not an expression"),
        ('target == "CTCF" # all', "found a comment"),
        ('`target == "CTCF"', "a backquote without its pair"),
        ('`` == "CTCF"', "no column ''"),
        ('tar`target` == "CTCF"', "not an expression"),
        ('target == "CT\\dCF"', "invalid escape sequence"),
        ('1or target == "CTCF"', "invalid decimal literal"),
        ('target == "\0"', "null bytes"),
        ('target == "\udc80"', "not an expression"),
        ("(" * 500 + 'target == "CTCF"' + ")" * 500, "nested"),
        ("not " * 2000 + 'target == "CTCF"', "nested too deeply"),
        ("n_peaks == " + "-" * 9000 + "1", "."),
        ("(" * 9000, "nested"),
        ("[" * 100, "never closed"),
        ("x" * 10_001, r"10001 characters; expected at most 10000; .*--tracks"),
    ],
)
def test_where_refused(expression, says):
    with pytest.raises(InputError, match=says) as caught:
        select_where(TABLE, expression)
    shown = repr(expression) if len(expression) <= 500 else repr(expression[:500] + "...")
    assert str(caught.value).startswith(f"--where {shown}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_an_expression_deeper_than_the_stack_is_refused():
    depth = sys.getrecursionlimit()  # parsed, but too deep to follow
    expression = "not " * (2 * depth) + 'target == "CTCF"'
    with pytest.raises(InputError, match="nested too deeply"):
        select_where(TABLE, expression)


def test_many_conditions_side_by_side_are_not_deep():
    expression = " or ".join(['lab=="a"'] * 800)
    assert select_where(TABLE, expression) == [0, 2]


def test_nothing_is_run(capsys):
    for text in ('print("x")', 'target == print("x")', 'target in [print("x")]', "f'{print(1)}'"):
        with pytest.raises(InputError):
            select_where(TABLE, text)
    assert capsys.readouterr().out == ""


PIECES = [
    *"`'\"=!<>()[]{}#\\-+.,:|&@ \n\t_a1",
    "lab",
    "n_peaks",
    " in ",
    " not ",
    " and ",
    "f'",
    "==",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("'''`'''")
@settings(deadline=None, max_examples=500)
def test_any_text_gives_rows_or_one_refusal(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            rows = select_where(TABLE, text)
        except InputError as error:
            assert str(error).startswith("--where ")  # noqa: PT017
        else:
            assert set(rows) <= set(range(5))


def test_names_are_full_names_or_ids():
    assert select_names(TABLE, ["E4", "CTCF/K562/E0", "E4", "open/E3"]) == [0, 3, 4]
    assert select_names(TABLE, []) == []


def test_a_name_that_tracks_share_stands_for_all_of_them():
    table = TrackTable({"assay": ("DNase", "ChIP", "DNase"), "lab": ("a", "b", "c")})
    assert select_names(table, ["DNase"]) == [0, 2]


def test_names_from_a_file(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xef\xbb\xbf# my tracks\r\n\r\nE3\r\n  CTCF/K562/E0 \r\nE3")
    assert select_names(TABLE, [str(path)]) == [0, 3]
    assert select_names(TABLE, [str(path), "E1"]) == [0, 1, 3]


def test_a_track_comes_before_a_file_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "E1").write_text("E0\n")
    monkeypatch.chdir(tmp_path)
    assert select_names(TABLE, ["E1"]) == [1]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CTCF/K562/E9", "^--tracks: no track or file 'CTCF/K562/E9'; nearest: CTCF/K562/E0"),
        ("none.txt", "no track or file 'none.txt'; a name is as CTCF/K562/E0$"),
        ("", "no track or file ''"),
        ("x" * 100_000, r"no track or file 'x{500}\.\.\.'; "),
        ("a\0b", r"no track or file 'a\\x00b'"),
    ],
)
def test_names_refused(name, says):
    with pytest.raises(InputError, match=says):
        select_names(TABLE, ["E0", name])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"# c\nE0\nE00\n", "names.txt:3: no track 'E00'; nearest: E0"),
        (b"", "names.txt: no name in it; expected one track a line"),
        (b"# only this\n\n", "names.txt: no name in it"),
        (b"\xff\xfe\x00", "names.txt: cannot read the names: "),
    ],
)
def test_files_of_names_refused(tmp_path, content, says):
    path = tmp_path / "names.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        select_names(TABLE, [str(path)])


def test_a_folder_is_no_file_of_names(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the names: .*directory"):
        select_names(TABLE, [str(tmp_path)])


@pytest.mark.parametrize(
    ("where", "names", "rows"),
    [
        ([], [], [0, 1, 2, 3, 4]),
        (['target == "CTCF"'], [], [0, 4]),
        (['target == "CTCF"', 'biosample == "K562"'], [], [0]),
        ([], ["E4", "E1"], [1, 4]),
        (['target == "CTCF"'], ["E4", "E1"], [4]),
    ],
)
def test_select(where, names, rows):
    assert select(TABLE, where=where, names=names) == rows


def test_a_choice_of_no_track_is_refused():
    with pytest.raises(InputError) as caught:
        select(TABLE, where=['target == "CTCF"', 'lab == "a"'], names=["E4"])
    assert str(caught.value) == (
        "no track meets --where 'target == \"CTCF\"' (2), --where 'lab == \"a\"' (2), --tracks (1),"
        " of 5 tracks in the table; drop or widen a condition"
    )
    with pytest.raises(InputError, match="no track meets the choice, of 0 tracks"):
        select(TABLE.take([]))
