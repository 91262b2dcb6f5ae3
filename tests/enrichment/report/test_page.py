"""The HTML page: well formed, whole in itself, escaped, with each sentence in its place."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from enrichment.report.simulated import KINDS, simulated

from mfdvep.enrichment.report.page import page
from mfdvep.enrichment.report.readings import overall_reading
from mfdvep.enrichment.report.tables import rows
from mfdvep.enrichment.report.wording import Words
from mfdvep.markup import VOID, Markup, document, element, picture, table

EVIL = '<script>alert("x")</script>&amp;'


class Parsed(HTMLParser):
    """Checks that elements close in order; keeps text, names and addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.addresses, self.said = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "data", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.said.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.said).split())


@pytest.mark.parametrize(
    "options",
    [{}, {"matched": True, "permuted": True}, {"kinds": ("baseline", *KINDS), "preset": "gnomad"},
     {"kinds": ("score",), "preset": None, "groups": (), "cuts": ("0.9",), "n_tracks": 1}],
)  # fmt: skip
def test_well_formed_and_whole(options):
    image = picture(b"<svg/>", "svg+xml", alt="a forest plot")
    text = page(simulated(**options), {"overall": image, "qq": image})
    parsed = Parsed(text)
    assert (
        parsed.addresses
        == ["data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode()] * 2
    )
    assert not {"script", "link", "iframe", "object"} & set(parsed.names)
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert text.startswith("<!doctype html>")


def test_all_text_is_escaped():
    enrichment = simulated(flagged=(EVIL,), groups=("assay",), permuted=True)
    enrichment.settings["command"] = f"mfdvep enrich {EVIL}"
    enrichment.settings["ties"] = enrichment.settings["block"] = EVIL
    enrichment.settings["scores"] = {"file": EVIL, "sha256": EVIL}
    enrichment.settings["provenance"] = {"model": EVIL}
    enrichment.counts["unscored"] = {EVIL: 120}
    enrichment.cuts["track"] = [EVIL] * len(enrichment.cuts["track"])
    enrichment.groups["value"] = [EVIL] * len(enrichment.groups["value"])
    text = page(enrichment, {})
    assert "<script" not in text
    parsed = Parsed(text)
    assert "script" not in parsed.names
    assert parsed.text.count('alert("x")') > 30
    assert f"mfdvep enrich {EVIL}" in parsed.text


def test_sections_and_sentences():
    enrichment = simulated(flagged=("Quantile 0.999 takes 2 variants.",), permuted=True)
    said = Parsed(page(enrichment, {})).text
    words = Words.of(enrichment)
    for row in rows(enrichment.overall):
        assert overall_reading(row, words) in said
    for expected in (
        "Do effects separate causal from neutral variants?",
        "Quantile 0.999 takes 2 variants.",
        "mfdvep enrich scores.parquet --gtex -o report",
        "ab" * 32,
        "10,000 read = 120 not scored + 295 without a label + 5 the variant of an earlier row + "
        "9,580 used.",
        "ratio of odds ratios 1.45, 95 % interval 1.31 to 1.59: biological is higher",
        "Published, for other variants and tracks (GTEx",
        "of 40 tracks, 8 enriched for causal variants and 0 depleted",
        "with labels shuffled 200 times",
        enrichment.settings["ties"],
        enrichment.settings["block"],
        "1152 bp",
        "not matched",
    ):
        assert expected in said, expected
    assert "do not add up" not in said


def test_counts_that_do_not_add_up_are_said():
    enrichment = simulated()
    enrichment.counts["unlabelled"] = 299
    assert "These do not add up." in Parsed(page(enrichment, {})).text


def test_sections_without_content_are_left_out():
    said = Parsed(page(simulated(kinds=("score",), groups=(), preset=None), {})).text
    for absent in ("Kinds of effect compared", "By assay", "Shuffled labels", "Published", "1152"):
        assert absent not in said
    assert "Single scores" in said


def test_table():
    made = table(["a", "b"], [["x", "1"], ["x", "2"], ["y", "3"]], blocks=True)
    assert made.count('<tr class="first">') == 1
    assert made.count('<td class="text">') == 3
    assert '<td class="text long">' in table([], [["a", "b"]], long=True)


def test_element():
    assert element("p", "a < b", class_='"x"') == '<p class="&quot;x&quot;">a &lt; b</p>'
    assert element("p", Markup("<b>c</b>")) == "<p><b>c</b></p>"
    assert element("img", src="data:,", alt="") == '<img src="data:," alt="">'
    assert "<title>a &amp; b</title>" in document("a & b")
