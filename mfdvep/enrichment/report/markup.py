"""HTML that needs no other file: elements whose text is escaped, tables, the page round them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

VOID = ("meta", "img")
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1f2328;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
main { max-width: 75rem; margin: 0 auto; padding: 1.5rem 1.2rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-top: .7rem; border-top: 1px solid #d8dee4; }
p, ul { margin: .6rem 0; max-width: 46rem; }
ul { padding-left: 1.2rem; }
li { margin: .3rem 0; }
pre, code { font: .85em/1.45 ui-monospace, Menlo, Consolas, monospace; }
pre { background: #f6f8fa; padding: .7rem .9rem; overflow-x: auto; border-radius: 4px; }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .6rem; border-bottom: 1px solid #e6e9ec; text-align: right;
  white-space: nowrap; }
thead th { border-bottom: 2px solid #8c959f; vertical-align: bottom; font-weight: 600; }
tbody tr.first td { border-top: 2px solid #c4cbd2; }
thead th { white-space: normal; }
th.text, td.text { text-align: left; }
td.long { white-space: normal; overflow-wrap: anywhere; }
figure { margin: 1rem 0; overflow-x: auto; }
figure img { max-width: max(100%, 38rem); min-width: 38rem; height: auto; }
.quiet { color: #57606a; font-size: .9rem; }
.flag { background: #fff8e5; border-left: 4px solid #d4a72c; padding: .5rem .9rem; }
summary { cursor: pointer; }
@media print {
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  .wide, figure, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  figure img { min-width: 0; max-width: 100%; }
  table { font-size: 8pt; }
  th, td { padding: .15rem .4rem; }
}
"""


class Markup(str):
    """Text that is HTML already."""


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """Return an element; children and attributes are escaped, but for children that are Markup.

    An underscore at the end of an attribute's name is left out ("class_").
    """
    said = "".join(f' {k.rstrip("_")}="{escape(v)}"' for k, v in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """Return pieces one after the other, escaped where they are not Markup."""
    return Markup("".join(c if isinstance(c, Markup) else escape(str(c)) for c in children))


def listing(sentences: Iterable[str]) -> Markup:
    """Return a list, an item a sentence with its first letter large; nothing for no sentence."""
    items = [element("li", s if isinstance(s, Markup) else s[:1].upper() + s[1:])
             for s in sentences]  # fmt: skip
    return element("ul", *items) if items else Markup()


def table(
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    *,
    n_text: int = 1,
    blocks: bool = False,
    long: bool = False,
) -> Markup:
    """Return a table that scrolls when it is wider than the page.

    Parameters
    ----------
    n_text
        So many columns at the left are text; the others are numbers, aligned at the right.
    blocks
        A line whose first cell differs from that above begins a new block.
    long
        The other cells are long text, which may be broken.
    """

    def cells(name: str, line: Sequence[str]) -> Markup:
        kinds = ["text" if i < n_text or long else "" for i in range(len(line))]
        kinds = [f"{kind} long" if long and i else kind for i, kind in enumerate(kinds)]
        return joined(
            element(name, cell, **({"class_": kind} if kind else {}))
            for cell, kind in zip(line, kinds, strict=True)
        )

    body = []
    for i, line in enumerate(lines):
        begins = blocks and i > 0 and line[0] != lines[i - 1][0]
        body.append(element("tr", cells("td", line), **({"class_": "first"} if begins else {})))
    head = element("thead", element("tr", cells("th", header))) if header else Markup()
    return element("div", element("table", head, element("tbody", *body)), class_="wide")


def picture(data: bytes, kind: str, *, alt: str) -> Markup:
    """Return a figure with its image in it; `kind` is "svg+xml" or "png"."""
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return element("figure", element("img", src=uri, alt=alt))


def section(title: str, *body: Markup) -> Markup:
    """Return a section; nothing if it has no body."""
    return joined([element("h2", title), *body]) if any(body) else Markup()


def document(title: str, *body: Markup) -> str:
    """Return a page; a policy in it forbids the browser to load anything from elsewhere."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", **{"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    page = element("html", head, "\n", element("body", element("main", *body)), lang="en")
    return f"<!doctype html>\n{page}\n"
