"""Predicted marks round a gene: windows, strands, tracks, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import SMALL_TRACKS, make_model, random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.expression.bins import bin_starts
from mfdvep.expression.genes import Tss
from mfdvep.expression.predicted import MarkPredictor, gene_windows, window_starts_of
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode, encode, reverse_complement
from mfdvep.genomics.variants import VariantStatus
from mfdvep.model.tracks import TrackTable

N = 14_000
MARKS = ("CTCF", "open")


def gene(tss: int, strand: str = "+", chrom: str = "chr1") -> Tss:
    return Tss("G", "", chrom, tss, strand)


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    bases = random_bases(N, 1)
    mirrored = decode(reverse_complement(encode(bases)))
    rich = bases[:1000] + "N" * 9000 + bases[10000:]
    contigs = {"chr1": bases, "mirror": mirrored, "chrN": rich}
    with Genome(write_fasta(tmp_path_factory.mktemp("genome") / "g.fa", contigs)) as found:
        yield found


def predictor(model, cells=("K562",), **options) -> MarkPredictor:
    return MarkPredictor(model, cells, MARKS, device="cpu", **options)


def windows_of(genome: Genome, of: Tss) -> np.ndarray:
    status, windows = gene_windows(genome, of)
    assert status is VariantStatus.OK
    return windows


def test_the_centre_of_a_window_is_base_50_of_its_bin_in_the_genes_direction():
    plus, minus = gene(7000), gene(7000, "-")
    assert (window_starts_of(plus) + 576 - bin_starts(plus) == 50).all()
    # base 99 of the bin on the genome is its first in the gene's direction
    assert (bin_starts(minus) + 99 - (window_starts_of(minus) + 576) == 50).all()


def test_windows_are_the_bases_at_their_starts(genome):
    of = gene(7100, "-")
    windows = windows_of(genome, of)
    assert windows.shape == (100, 1153)
    for i, start in enumerate(window_starts_of(of)):
        assert (windows[i] == genome.fetch("chr1", int(start), int(start) + 1153)).all()


def test_a_mirrored_gene_has_the_mirrored_windows_and_the_same_marks(genome, small_model):
    here = windows_of(genome, gene(6500))
    there = windows_of(genome, gene(N - 1 - 6500, "-", "mirror"))
    assert (there == reverse_complement(here)).all()
    of = predictor(small_model)
    assert np.allclose(of.profile(here), of.profile(there), rtol=1e-5, atol=1e-7)


def test_the_reverse_complement_swaps_the_strands_alone(genome, small_model):
    windows = windows_of(genome, gene(7000))[:7]
    of = predictor(small_model, batch_size=7)
    for here, there in zip(of.latent(windows), of.latent(reverse_complement(windows)), strict=True):
        assert np.allclose(here, there[::-1], rtol=1e-5, atol=1e-6)


def test_probabilities_are_those_of_the_model(genome, small_model):
    windows = windows_of(genome, gene(7000))[:5]
    found = predictor(small_model).profile(windows)
    with torch.inference_mode():
        logits = [
            small_model(torch.from_numpy(codes)) for codes in (windows, reverse_complement(windows))
        ]
    both = torch.sigmoid(torch.stack(logits)).mean(0).numpy()
    assert found.dtype == np.float64
    assert np.allclose(found[:, 0, 0], both[:, 0], rtol=1e-5, atol=1e-7)  # E0, CTCF in K562
    assert np.allclose(found[:, 0, 1], both[:, 2], rtol=1e-5, atol=1e-7)  # E2, open in K562


def test_halves_of_different_windows_are_swapped(genome, small_model):
    of = predictor(small_model)
    ref, alt = (of.latent(windows_of(genome, gene(tss))[:3]) for tss in (6000, 7000))
    weights = small_model.output_weights()
    found = of.probability(alt[0], ref[1])
    with torch.inference_mode():
        logit = (
            torch.from_numpy(alt[0]) @ weights[0][0]
            + torch.from_numpy(ref[1]) @ weights[1][0]
            + small_model.bias[0]
        )
    assert np.allclose(found[:, 0, 0], torch.sigmoid(logit).mean(0), rtol=1e-5, atol=1e-7)
    assert not np.allclose(found, of.probability(*ref))


def test_several_tracks_of_a_cell_and_mark_are_averaged_or_narrowed(genome):
    columns = dict(SMALL_TRACKS.columns)
    columns["biosample"] = ("K562", "K562", "K562", "", "K562")  # E0 and E4 are CTCF in K562
    model = make_model(TrackTable(columns))
    windows = windows_of(genome, gene(7000))[:4]
    both = predictor(model)
    assert both.rows["K562", "CTCF"] == [0, 4]
    one, other = (
        MarkPredictor(model, ["K562"], ["CTCF"], where=[f'lab == "{lab}"'], device="cpu")
        for lab in "ab"
    )
    assert [one.rows["K562", "CTCF"], other.rows["K562", "CTCF"]] == [[0], [4]]
    mean = (one.profile(windows) + other.profile(windows)) / 2
    assert np.allclose(both.profile(windows)[:, :, :1], mean, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [1, 3, 200])
def test_batch_sizes_agree(genome, small_model, size):
    windows = windows_of(genome, gene(7000))[:11]
    found = predictor(small_model, batch_size=size).profile(windows)
    assert np.allclose(found, predictor(small_model).profile(windows), rtol=1e-5, atol=1e-7)


def test_a_window_does_not_depend_on_its_company(genome, small_model):
    windows = windows_of(genome, gene(7000))[:50]
    of = predictor(small_model, batch_size=8)
    alone, among = of.latent(windows[20:21]), of.latent(windows)
    for one, many in zip(alone, among, strict=True):
        assert (one[:, 0] == many[:, 20]).all()


@pytest.mark.parametrize(
    ("of", "status"),
    [
        (gene(5000), VariantStatus.OK),
        (gene(4999), VariantStatus.OFF_CONTIG),
        (gene(N - 5000), VariantStatus.OK),
        (gene(N - 4999), VariantStatus.OFF_CONTIG),
        (gene(4999, "-"), VariantStatus.OK),  # its bins are one base further
        (gene(N - 5000, "-"), VariantStatus.OFF_CONTIG),
        (gene(6000, chrom="chr9"), VariantStatus.CONTIG_MISSING),
        (gene(6000, chrom="1"), VariantStatus.OK),  # chr1 by another name
        (gene(6000, chrom="chrN"), VariantStatus.N_RICH),
    ],
)
def test_status(genome, of, status):
    found, windows = gene_windows(genome, of)
    assert found is status
    assert windows.shape == ((100 if status is VariantStatus.OK else 0), 1153)
    assert windows.dtype == np.uint8


def test_windows_past_the_end_of_a_contig_have_n(genome):
    windows = windows_of(genome, gene(5000))
    assert (windows[0, : 576 - 50] == 4).all()
    assert (windows[0, 576 - 50 :] < 4).all()


def test_a_cell_without_a_track_of_the_mark_is_refused(small_model):
    with pytest.raises(InputError, match=r"no track of open in HepG2; cells with open: K562"):
        predictor(small_model, ["K562", "HepG2"])
    with pytest.raises(InputError, match=r"no track of H3K4me3 in K562; no cell has H3K4me3"):
        MarkPredictor(small_model, ["K562"], ["H3K4me3"], device="cpu")
    with pytest.raises(InputError, match=r'no track of CTCF in K562 that meets --where lab == "b"'):
        predictor(small_model, where=['lab == "b"'])


def test_other_refusals(small_model):
    with pytest.raises(InputError, match="batch size 0"):
        predictor(small_model, batch_size=0)
    columns = {k: v for k, v in SMALL_TRACKS.columns.items() if k != "biosample"}
    small_model.tracks = TrackTable(columns)
    with pytest.raises(InputError, match="no column 'biosample'"):
        predictor(small_model)
