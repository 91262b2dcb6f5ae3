"""Motifs across an allele: made, broken, moved, on both strands."""

from __future__ import annotations

import numpy as np
import pytest
from interpret.explanation.small import genome_in

from mfdvep.errors import InputError
from mfdvep.genomics.motifs import Motif, iupac_motif
from mfdvep.genomics.sequences import decode, encode, reverse_complement
from mfdvep.genomics.variants import variant_of
from mfdvep.interpret.explanation.motif_changes import motifs_of, search
from mfdvep.interpret.sequences import Sites

WORD = "TGACTCAGCA"
BACK = decode(reverse_complement(encode(WORD)))
FILL = "ACCTTATCGA" * 200


def sites_of(folder, text, planted, at=1000):
    sequence = FILL[:at] + planted + FILL[at : 2000 - len(planted)]
    with genome_in(folder, sequence) as genome:
        return Sites(1, genome=genome).alleles(variant_of(text))


@pytest.mark.parametrize(("planted", "strand"), [(WORD, "+"), (BACK, "-")])
def test_an_snv_breaks_a_motif_and_makes_it_again(tmp_path, planted, strand):
    base, other = planted[4], "A" if planted[4] != "A" else "C"
    found = search([iupac_motif(WORD)], sites_of(tmp_path, f"chr1:1005:{base}:{other}", planted))
    (lost,) = found.changes
    assert (lost.change, lost.ref.strand, lost.ref.bases) == ("lost", strand, WORD)
    assert (lost.ref.position, lost.ref.score) == (1000, lost.threshold)
    assert lost.ref.p_value == pytest.approx(4.0 ** -len(WORD))
    assert lost.difference < 0
    broken = planted[:4] + other + planted[5:]
    found = search([iupac_motif(WORD)], sites_of(tmp_path, f"chr1:1005:{other}:{base}", broken))
    (gained,) = found.changes
    assert (gained.change, gained.alt.bases) == ("gained", WORD)


def test_a_site_beside_the_allele_is_none(tmp_path):
    sites = sites_of(tmp_path, "chr1:1011:A:C", WORD)  # the base after it
    assert search([iupac_motif(WORD)], sites).changes == ()


def test_an_insertion_in_a_motif_breaks_it_and_a_deletion_joins_it(tmp_path):
    split = WORD[:5] + "GG" + WORD[5:]
    sites = sites_of(tmp_path, f"chr1:1005:{WORD[4]}GG:{WORD[4]}", split)
    (gained,) = search([iupac_motif(WORD)], sites).changes
    assert (gained.change, gained.alt.position) == ("gained", 1000)
    sites = sites_of(tmp_path, f"chr1:1005:{WORD[4]}:{WORD[4]}GG", WORD)
    (lost,) = search([iupac_motif(WORD)], sites).changes
    assert (lost.change, lost.ref.position) == ("lost", 1000)


def test_a_motif_that_a_repeat_moves_is_not_lost(tmp_path):
    """One of AAAA is deleted left of a motif that begins with the last A."""
    word = "ATGACTCAGC"
    sites = sites_of(tmp_path, "chr1:1001:GA:G", "GAAA" + word)
    assert search([iupac_motif(word)], sites).changes == ()


def test_stronger_and_weaker_and_chance(tmp_path):
    probabilities = np.full((10, 4), 0.02)
    probabilities[np.arange(10), encode(WORD)] = 0.94
    probabilities[4] = 0.24
    probabilities[4, 3] = 0.28  # WORD[4] is a C, which counts a little less than T
    motif = Motif("ID name", probabilities, n_sites=1000)
    found = search([motif], sites_of(tmp_path, "chr1:1005:T:C", WORD[:4] + "T" + WORD[5:]))
    (weaker,) = found.changes
    assert (weaker.change, weaker.motif) == ("weaker", "ID name")
    assert (found.n_motifs, found.too_short) == (1, ())
    assert 0 < found.by_chance <= 2 * 10 * 1e-4


def test_motifs_that_are_never_rare_are_left_out_and_n_has_no_site(tmp_path):
    motif = Motif("short", np.eye(4)[:3], n_sites=1000)
    found = search([motif, iupac_motif(WORD)], sites_of(tmp_path, "chr1:1005:T:C", "N" * 4 + "TNN"))
    assert (found.n_motifs, found.too_short, found.changes) == (1, ("short",), ())


def test_sources(tmp_path):
    path = tmp_path / "m.jaspar"
    path.write_text(">M1 one\nA [9 0]\nC [0 9]\nG [0 0]\nT [0 0]\n")
    assert [motif.name for motif in motifs_of([path, "TGAC"])] == ["M1 one", "TGAC"]
    with pytest.raises(InputError, match="No such file"):
        motifs_of(["no-such.meme"])
    with pytest.raises(InputError, match="p-value 2"):
        search([], sites_of(tmp_path, "chr1:1005:T:C", "ACGTT"), p_value=2)
