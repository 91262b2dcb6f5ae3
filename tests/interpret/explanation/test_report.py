"""Page, terminal, JSON and figures of explanations by the small model."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from conftest import SMALL_TRACKS, make_model
from interpret.explanation.small import SEQUENCE, explained, genome_in, snv

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.motifs import iupac_motif
from mfdvep.genomics.variants import variant_of
from mfdvep.interpret.explanation.background import Background
from mfdvep.interpret.explanation.bases import choose_target, look
from mfdvep.interpret.explanation.folder import MARKER, PAGE, check, numbers, write
from mfdvep.interpret.explanation.motif_changes import search
from mfdvep.interpret.explanation.readings import caveats, quantile, what
from mfdvep.interpret.explanation.terminal import fitted, terminal_text
from mfdvep.interpret.explanation.trust import Trust, trust_of
from mfdvep.markup import VOID
from mfdvep.model.checkpoint import model_folder
from mfdvep.model.tracks import TrackTable
from mfdvep.wording import WIDTH

HOSTILE = '<script src="http://x">'
TRUST = Trust(("chr20",), {"combined": 0.86, "biological": 0.86, "technical": 0.54}, {})


@pytest.fixture
def genome(tmp_path):
    with genome_in(tmp_path) as opened:
        yield opened


def background_of(n=5):
    tracks = {"combined": np.array([0.2, 1 - 1 / n])}
    largest = {"combined": 1 - 1 / n, "biological": 0.4, "technical": 0.0}
    return Background("many.parquet", n, "probability", (0, 2), tracks, largest, ("otherwise",))


def everything(model, genome, variant):
    """Return an explanation and what goes with it."""
    found = explained(model, genome, variant)
    target, reason = choose_target(found, model)
    bases = look(found, model, genome, target, reason=reason, flank=6, device="cpu")
    motifs = search([iupac_motif(SEQUENCE[1496:1504])], bases.sites)
    return found, {"bases": bases, "background": background_of(), "motifs": motifs, "trust": TRUST}


class Links(HTMLParser):
    """Collects what a page would load, and checks that elements are closed."""

    def __init__(self):
        super().__init__()
        self.loaded, self.names, self._open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


def test_folder_has_a_page_that_needs_nothing_else(genome, tmp_path):
    columns = dict(SMALL_TRACKS.columns)
    columns["biosample"] = ("K562", HOSTILE, "K562", "", "HepG2")
    model = make_model(TrackTable(columns))
    found, rest = everything(model, genome, snv(1500))
    found.provenance.update(command=f"mfdvep explain-variant '{HOSTILE}'", mfdvep="9.9")
    out = tmp_path / "out"
    write(found, out, **rest)
    names = {path.name for path in out.iterdir()}
    figures = {"tracks", "groups", "logos", "mutagenesis"}
    assert names == {PAGE, MARKER, *(f"{f}.{end}" for f in figures for end in ("png", "svg"))}
    html = (out / PAGE).read_text(encoding="utf-8")
    page = Links()
    page.feed(html)
    assert len(page.loaded) == 4
    assert all(link.startswith("data:image/") for link in page.loaded)
    assert "script" not in page.names
    assert "&lt;script" in html
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == ["In short", "Effects on tracks", "Tracks that move together",
                        "Which bases it comes from", "Motifs", "Among other variants",
                        "What this does not say", "How this was made"]  # fmt: skip
    assert "9.9" in html


def test_json_has_every_number(small_model, genome, tmp_path):
    found, rest = everything(small_model, genome, snv(1500))
    write(found, tmp_path / "out", **rest)
    said = json.loads((tmp_path / "out" / MARKER).read_text(encoding="utf-8"))
    assert said["variant"]["status"] == "OK"
    assert said["tracks"] == list(small_model.tracks.names)
    for scale, kinds in found.effects.items():
        for kind, values in kinds.items():
            assert np.array_equal(np.float32(said["effects"][scale][kind]), values)
        b, t = (np.abs(kinds[half]) for half in ("biological", "technical"))
        assert np.allclose(said["technical_share"][scale]["tracks"], t / (b + t))
        assert said["technical_share"][scale]["all"] == pytest.approx(t.sum() / (b + t).sum())
    assert sum(group["n_tracks"] for group in said["groups"]) == 3 * 5
    bases = rest["bases"]
    alt = said["bases"]["alleles"]["ALT"]["targets"]["technical"]
    assert np.array_equal(np.float32(alt["integrated_gradients"]), bases.attribution.scores[1, 2])
    assert np.shape(alt["mutagenesis"]) == (13, 4)
    assert said["motifs"]["changes"][0]["change"] == "lost"
    assert said["background"]["n"] == 5
    assert said["in_short"]
    assert said["caveats"]


def test_what_is_not_asked_for_is_null_and_not_on_the_page(small_model, genome, tmp_path):
    found = explained(small_model, genome, snv(1500))
    said = numbers(found)
    assert [said[key] for key in ("bases", "background", "motifs", "held_out")] == [None] * 4
    write(found, tmp_path / "out")
    html = (tmp_path / "out" / PAGE).read_text(encoding="utf-8")
    for heading in ("Which bases", "Motifs", "Among other"):
        assert f"<h2>{heading}" not in html
    assert not (tmp_path / "out" / "logos.png").exists()


def test_folders_are_not_overwritten(small_model, genome, tmp_path):
    found = explained(small_model, genome, snv(1500))
    out = tmp_path / "out"
    write(found, out)
    with pytest.raises(OutputError, match="exists already"):
        check(out)
    check(out, force=True)
    with pytest.raises(OutputError, match="lies in the folder"):
        check(out, [out / "in.vcf"], force=True)
    with pytest.raises(OutputError, match=r"replaces only a folder with explanation\.json"):
        check(tmp_path, force=True)


def test_terminal_fits_and_has_the_numbers(small_model, genome):
    found, rest = everything(small_model, genome, snv(1500))
    del rest["bases"]
    text = terminal_text(found, **rest)
    assert max(map(len, text.splitlines())) <= WIDTH
    row, effect = found.largest()
    assert found.tracks.names[row] in text
    assert f"{effect:+.3f}" in text
    for words in ("status OK", "by assay", "by target", "by biosample", "lost", "5 other variants",
                  ">=0.8", "1,152 bp", "technical half of unsaved", "otherwise"):  # fmt: skip
        assert words in text


def test_a_plain_baseline_is_shown_without_halves(genome, tmp_path):
    model = make_model(variables=(), plain=True)
    with pytest.warns(UserWarning, match="plain baseline"):
        found = explained(model, genome, snv(1500))
    target, reason = choose_target(found, model)
    bases = look(found, model, genome, target, reason=reason, flank=3, device="cpu")
    assert [each.which for each in bases.attribution.targets] == ["combined"]
    write(found, tmp_path / "out", bases=bases)
    assert "does not tell biology from technique" in terminal_text(found)
    assert "technical share" not in terminal_text(found)
    assert numbers(found)["technical_share"] == {"probability": None, "logit": None}


def test_the_technical_share_of_the_largest_and_of_all(small_model, genome):
    """On the track that changes most, and summed; "." where nothing changes."""
    found = explained(small_model, genome, snv(1500), scale="logit")
    effects = found.effects["logit"]
    effects["biological"][:], effects["technical"][:] = 0.3, -0.1
    row, _ = found.largest()
    effects["technical"][row] = 0.7
    text = "technical share (of the sizes of both halves, log-odds): {} there, {} over all tracks"
    assert text.format("70 %", "42.3 %") in terminal_text(found)  # 1.1 of 2.6
    effects["biological"][:], effects["technical"][:] = 0, 0
    assert text.format(".", ".") in terminal_text(found)


def test_bases_add_up_to_the_effect(small_model, genome):
    """The change of a track's log-odds, by half, is what the effects on the logit scale are."""
    found = explained(small_model, genome, snv(1500), shifts=3)
    target, reason = choose_target(found, small_model)
    assert reason.startswith("the track with the largest combined effect")
    bases = look(found, small_model, genome, target, flank=4, device="cpu")
    row, _ = found.largest()
    for t, each in enumerate(bases.attribution.targets):
        expected = found.effects["logit"][each.which][row]
        assert bases.change(t) == pytest.approx(expected, abs=2e-5)
    # what the ALT base would change in the windows of REF is the effect as well
    at, alt = 4, "ACGT".index(found.alt)
    mutated = bases.mutagenesis.effects[0, 0, at, alt]
    assert mutated == pytest.approx(found.effects["logit"]["combined"][row], abs=2e-5)


def test_targets(small_model, genome):
    found = explained(small_model, genome, snv(1500))
    target, reason = choose_target(found, small_model, features=["CTCF"])
    assert (target.name, target.unit, reason) == ("target=CTCF", "SD", "as asked for")
    bases = look(found, small_model, genome, target, flank=3, device="cpu")
    assert [each.which for each in bases.attribution.targets] == ["biological"]
    with pytest.raises(InputError, match="nearest: CTCF"):
        choose_target(found, small_model, features=["CTCFF"])
    with pytest.raises(InputError, match="nearest: "):
        choose_target(found, small_model, tracks=["CTCF/K562/E9"])
    with pytest.raises(InputError, match="2 targets are named"):
        choose_target(found, small_model, tracks=["E0", "E1"])


def test_caveats_depend_on_the_allele(small_model, genome):
    small = explained(small_model, genome, snv(1500))
    for effects in small.effects["probability"].values():
        effects *= 1e-9
    assert any("no track changes by 0.05" in each for each in caveats(small, None, None))
    assert not any("technical half" in each for each in caveats(small, None, None))
    assert any("AUROC 0.540 on chr20" in each for each in caveats(small, None, TRUST))
    deleted = explained(small_model, genome, variant_of(f"chr1:1500:{SEQUENCE[1499:1502]}:"
                                                        f"{SEQUENCE[1499]}"))  # fmt: skip
    assert any("changes the length" in each for each in caveats(deleted, None, None))
    assert what(deleted).startswith("deletion of ")


@pytest.mark.parametrize(
    ("value", "n", "expected"),
    [(0.975, 81, "0.97"), (80 / 81, 81, ">=0.98"), (0.5, 10, "0.50"), (0.99996, 10**5, "0.999960"),
     (0.0, 5, "0.0")],
)  # fmt: skip
def test_quantiles_are_rounded_down(value, n, expected):
    assert quantile(value, background_of(n)) == expected


def test_trust_of_the_bundled_model_and_of_none(tmp_path):
    found = trust_of(model_folder("regulome45"))
    assert found is not None
    assert found.kinds["technical"] < 0.6 < found.kinds["biological"]
    assert found.tracks["CTCF/GM12878/X0001"] == pytest.approx(0.956, abs=1e-3)
    assert trust_of(tmp_path) is None
    (tmp_path / "metrics.json").write_text("[]")
    assert trust_of(tmp_path) is None


def test_names_are_shortened_until_a_table_fits():
    long, other = "a long name of a track, number " * 3 + "X1", "Y"
    lines = fitted([["", "number"], [long, "1" * 20], [other, "2"]])
    assert max(map(len, lines)) == WIDTH
    assert lines[1].split("  ")[0].endswith("X1")
    assert fitted([["", "n"], ["Y", "2"]]) == ["   n", "Y  2"]
