"""What tells whether a run is the same."""

from __future__ import annotations

from conftest import make_model, random_bases, write_fasta

from mfdvep.genomics.genome import Genome
from mfdvep.model.virtual import VirtualTrack, add_virtual
from mfdvep.scoring.provenance import run_identity, run_provenance
from mfdvep.scoring.scorer import Scorer


def test_virtual_tracks_of_one_name_are_told_apart(tmp_path):
    """They differ in the laboratory, which no name shows."""
    write_fasta(tmp_path / "g.fa", {"chr1": random_bases(3000, seed=4)})
    found = []
    with Genome(tmp_path / "g.fa") as genome:
        for lab in ("a", "b", "a"):
            track = VirtualTrack("mine", {"target": "CTCF", "lab": lab})
            scorer = Scorer(add_virtual(make_model(), [track]), genome, tracks=[5], shifts=1)
            assert scorer.tracks.names == ("CTCF/mine",)
            provenance = run_provenance(
                scorer, command="", regions=None, top_k=3, min_abs=0, storage="float32",
                calibration=None,
            )  # fmt: skip
            found.append(run_identity(provenance, scorer, [], outputs={}))
    assert found[0] != found[1]
    assert found[0] == found[2]
