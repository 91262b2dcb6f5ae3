"""Burdens: a cohort checked by eye, an independent computation, properties, and all refusals."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from cohort.small import random_effects, write_cohort, write_scores
from conftest import write_fasta
from oracles import plain_burdens

from mfdvep.cohort import accumulator, burdens, running
from mfdvep.cohort.options import BurdenOptions
from mfdvep.errors import InputError, OutputError
from mfdvep.files import sha256
from mfdvep.genomics.genome import Genome

PEOPLE = ("ann", "bob", "cat")
# weights by eye: every track has the same effect, so mean, size and largest are told at once
FOUR = {"chr1:10:A:C": -0.5, "chr1:20:A:G": 2.0, "chr1:20:A:T": 3.0, "chr1:40:G:A": 10.0}
LINES = [
    "chr1 10 . A C . GT 0/1 0/0 1/1",
    "chr1 20 . A G,T . GT 1/2 0/1 ./.",
    "chr1 40 . G A . GT 0|0 1|. 0|1",
]
BED = "chr1\t0\t30\tleft\nchr1\t15\t50\tright\n"


def equal_effects(values, n_tracks=5):
    return np.repeat(np.repeat(np.array(list(values))[None, :, None], 3, axis=0), n_tracks, axis=2)


class Case:
    """Files of a run, and the run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cohort = write_cohort(folder / "c.vcf", PEOPLE, LINES)
        self.scores = write_scores(folder / "m.parquet", list(FOUR), equal_effects(FOUR.values()))
        self.regions = folder / "r.bed"
        self.regions.write_text(BED)
        self.output = folder / "b.parquet"

    def run(self, *, force=True, regenie=None, saige=None, **options):
        options = BurdenOptions(**{"maf_max": 0.5, **options})
        return running.burden(
            self.cohort, self.scores, self.regions, self.output, options=options, force=force,
            regenie=regenie, saige=saige,
        )  # fmt: skip

    def values(self) -> np.ndarray:
        table = pq.read_table(self.output)
        return np.stack([table[name].to_numpy() for name in table.column_names[1:]], axis=1)

    def table(self) -> list[dict[str, str]]:
        with gzip.open(self.folder / "b.variants.tsv.gz", "rt") as handle:
            return list(csv.DictReader(handle, delimiter="\t"))


@pytest.fixture
def case(tmp_path) -> Case:
    return Case(tmp_path)


def test_three_people_and_four_alts_by_eye(case):
    """cat lacks 20 (the mean of 1 and 1, and of 1 and 0); bob's half call of 40 is a half."""
    stats = case.run(weights=["signed", "absolute", "unweighted"])
    table = pq.read_table(case.output)
    assert table.column_names == [
        "iid", "left|biological_signed", "left|biological_absolute", "left|unweighted",
        "right|biological_signed", "right|biological_absolute", "right|unweighted",
    ]  # fmt: skip
    assert table["iid"].to_pylist() == list(PEOPLE)
    # at 10: 1 0 2 copies; G at 20: 1 1 (1); T: 1 0 (.5); at 40: 0 (.5) 1
    left = [[-0.5 + 2 + 3, 0.5 + 2 + 3, 3], [2, 2, 1], [-1 + 2 + 1.5, 1 + 2 + 1.5, 3.5]]
    right = [[5, 5, 2], [2 + 5, 2 + 5, 1.5], [2 + 1.5 + 10, 2 + 1.5 + 10, 2.5]]
    np.testing.assert_allclose(case.values(), np.concatenate([left, right], axis=1), rtol=1e-6)
    counts = stats["counts"]
    assert counts["cohort_alts"] == {
        "records": 3, "records_without_alt": 0, "alts": 4, "left_out": {}, "used": 4,
        "of_used": {
            "in_regions": {"1": 2, "2": 2}, "alt_is_major": 0, "without_copies": 0, "repeated": 0,
            "genotypes": 12, "missing_imputed": 3, "half_calls_of_them": 1,
        },
    }  # fmt: skip
    assert counts["score_rows"]["in_cohort"] == 4
    assert counts["regions"]["with_variants"] == 2
    assert [row["imputed"] for row in case.table()] == ["", "1", "0.5", "0.5"]


def test_the_frequency_is_of_the_called_and_the_limit_counts(case):
    """At 10 it is .5, G at 20 .5, T .25, 40 .25 (bob is not called)."""
    case.run(weights=["unweighted"], maf_max=0.25)
    np.testing.assert_allclose(case.values(), [[1, 1], [0, 0.5], [0.5, 1.5]])
    rows = case.table()
    assert [row["frequency"] for row in rows] == ["0.5", "0.5", "0.25", "0.25"]
    assert [row["status"] for row in rows] == ["above_maf", "above_maf", "used", "used"]


def test_a_frequency_of_a_key(case):
    lines = [
        "chr1 10 . A C AF=0.01 GT 0/1 0/0 1/1",
        "chr1 20 . A G,T AF=0.99,. GT 1/2 0/1 ./.",
        "chr1 40 . G A AF=0.0101 GT 0|0 1|. 0|1",
    ]
    write_cohort(case.cohort, PEOPLE, lines)
    stats = case.run(weights=["unweighted"], maf_key="AF", maf_max=0.01)
    statuses = [row["status"] for row in case.table()]
    assert statuses == ["used", "used", "no_frequency", "above_maf"]
    assert stats["counts"]["cohort_alts"]["of_used"]["alt_is_major"] == 1
    with pytest.raises(InputError, match="INFO MAF is not in the header"):
        case.run(maf_key="MAF")


def test_every_alt_has_a_reason(case):
    write_scores(
        case.scores,
        ["chr1:10:A:C", "chr1:12:C:A", "chr1:14:A:G", "chr1:16:A:G", "chr1:26:A:G"],
        random_effects(5),
        status=["OK", "OK", "OK", "TOO_LONG", "OK"],
    )
    lines = [
        "chr1 10 . A C . GT 0/1 0/0 1/1",  # used
        "chr1 12 . A C . GT 0/1 0/0 1/1",  # swapped
        "chr1 13 . A . . GT 0/0 0/0 0/0",  # no ALT
        "chr1 14 . A C,<DEL>,* . GT 0/1 0/0 1/1",  # other alleles, symbolic, star
        "chr1 14 . A G . GT ./. ./. .",  # all missing
        "chr1 16 . A G . GT 0/1 0/0 0/0",  # unscored
        "chr1 18 . A N . GT 0/1 0/0 0/0",  # no letter of DNA
        "chr1 19 . A C . GT 0/1 0/0 0/0",  # not in the scores
        "chr1 26 . A G . DS 1 0 0",  # no GT
        "chr9 19 . A C . GT 0/1 0/0 0/0",  # no region
    ]
    write_cohort(case.cohort, PEOPLE, lines)
    counts = case.run()["counts"]
    assert counts["cohort_alts"]["left_out"] == {
        "all_missing": 1, "in_no_region": 1, "no_field": 1, "non_acgt": 1, "not_in_scores": 1,
        "other_alleles": 1, "star": 1, "swapped": 1, "symbolic": 1, "unscored TOO_LONG": 1,
    }  # fmt: skip
    assert (counts["cohort_alts"]["records_without_alt"], counts["cohort_alts"]["alts"]) == (1, 11)
    rows = counts["score_rows"]
    assert rows["rows"] == 5 == rows["unscored"]["TOO_LONG"] + rows["in_no_region"] + rows["events"]
    assert (rows["in_cohort"], rows["not_in_cohort"]) == (3, 1)
    assert len(case.table()) == 7  # those in regions


def test_one_event_on_two_lines_adds(case):
    write_cohort(case.cohort, PEOPLE, [LINES[0], "1 9 . TA TC . GT 0/1 0/0 0/0"])
    counts = case.run(weights=["signed"])["counts"]
    np.testing.assert_allclose(case.values()[:, 0], [-1, 0, -1])
    assert counts["cohort_alts"]["of_used"]["repeated"] == 1
    assert counts["score_rows"]["in_cohort"] == 1


def test_regions_without_variants_are_zeros_and_other_contigs_have_no_columns(case):
    case.regions.write_text(BED + "1\t400\t500\tempty\nchr2\t0\t50\telsewhere\n")
    counts = case.run(weights=["signed"])["counts"]
    assert pq.read_table(case.output).column_names[1:] == [
        f"{name}|biological_signed" for name in ("left", "right", "empty")
    ]
    assert not case.values()[:, 2].any()
    assert counts["regions"] == {
        "all": 4, "on_contigs_without_records": 1, "with_variants": 2, "without_variants": 1,
    }  # fmt: skip


def test_people_of_a_file(case, tmp_path):
    case.run()
    every = case.values()
    samples = tmp_path / "people.txt"
    samples.write_text("# chosen\ncat\ndan\n\nann\n")
    counts = case.run(samples=samples, maf_key=None)["counts"]["people"]
    assert counts == {
        "in_cohort": 3, "in_samples_file": 3, "used": 2, "only_in_cohort": ["bob"],
        "only_in_samples_file": ["dan"],
    }  # fmt: skip
    assert pq.read_table(case.output)["iid"].to_pylist() == ["cat", "ann"]
    np.testing.assert_allclose(case.values()[1], every[0])  # ann, of whom nothing was imputed


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("ann\nbob\nann\n", "people.txt:3: person 'ann' is on line 1 too"),
        ("dan\n", "none of its 1 people is in .* has 'dan', the cohort 'ann'"),
        ("", "none of its 0 people"),
    ],
)
def test_people_that_are_refused(case, tmp_path, text, match):
    samples = tmp_path / "people.txt"
    samples.write_text(text)
    with pytest.raises(InputError, match=match):
        case.run(samples=samples)


def test_scores_of_another_genome_or_model_are_refused(case, tmp_path):
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": "A" * 60})
    with pytest.raises(InputError, match="whose contigs and lengths are not those of"):
        case.run(fasta=fasta)
    with pytest.raises(InputError, match=r"scored with the model toy .* not regulome45"):
        case.run(model="regulome45")
    with pytest.raises(InputError, match="not abab"):
        case.run(model="abab")  # too short for a digest
    case.run(model="toy")
    case.run(model="ab" * 5)


def test_a_genome_aligns_indels_and_checks_refs(case, tmp_path):
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": "GACACACATTTTTTTTTTTT"})
    with Genome(fasta) as genome:
        fingerprint = genome.fingerprint
    write_scores(
        case.scores, ["chr1:1:GAC:G", "chr1:10:T:C"], equal_effects([2.0, 3.0]),
        fingerprint=fingerprint,
    )  # fmt: skip
    lines = ["1 6 . ACA A . GT 0/1 0/0 0/0", "1 10 . A C . GT 0/1 0/0 0/0"]
    write_cohort(case.cohort, PEOPLE, lines)
    counts = case.run(weights=["signed"], fasta=fasta)["counts"]["cohort_alts"]
    assert (counts["used"], counts["left_out"]) == (1, {"ref_mismatch": 1})
    np.testing.assert_allclose(case.values()[:, 0], [2, 0, 0])
    with pytest.raises(InputError, match="1 not_in_scores, 1 other_alleles"):
        case.run(weights=["signed"])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"maf_max": 0.01}, r"none of 4 ALTs counts \(4 above_maf\)"),
        ({"maf_max": 0.6}, "largest MAF 0.6: expected above 0, to 0.5"),
        ({"maf_max": 0.0}, "largest MAF 0.0: expected above 0"),
        ({"over_tracks": "sum"}, "expected mean, largest"),
        ({"field": "PL"}, "expected auto, GT, DS, GP"),
        ({"weights": []}, "no weighting"),
        ({"weights": ["bio"]}, "expected unweighted, or HALF:FORM"),
        ({"where": ['target == "H3K4me3"']}, "no track has target 'H3K4me3'"),
        ({"upstream": -1}, "expected 0 or more"),
        ({"weights": ["quantile"]}, "has no quantiles"),
    ],
)
def test_choices_that_are_refused(case, change, match):
    with pytest.raises(InputError, match=match):
        case.run(**change)
    assert not list(case.folder.glob("b.*"))
    assert not list(case.folder.glob(".*"))  # no part is left behind


def test_outputs_that_are_refused(case):
    case.run()
    with pytest.raises(OutputError, match=r"b\.parquet exists"):
        case.run(force=False)
    case.output = case.folder / "b.csv"
    with pytest.raises(InputError, match=r"a name that ends in \.parquet, \.tsv"):
        case.run()
    case.output = case.scores
    with pytest.raises(OutputError, match="is an input"):
        case.run()
    case.output = case.folder / "no" / "b.tsv"
    with pytest.raises(OutputError, match="no folder"):
        case.run()


def test_a_file_that_is_no_matrix_is_refused(case):
    case.scores = case.regions
    with pytest.raises(InputError, match="not a matrix of effects"):
        case.run()


def test_tracks_are_chosen(case):
    effects = random_effects(4)
    write_scores(case.scores, list(FOUR), effects)
    case.run(weights=["combined:signed"], where=['target == "CTCF"'], over_tracks="largest")
    ctcf = effects[0][:, [0, 4]].astype(float)
    weights = np.where(np.abs(ctcf[:, 0]) > np.abs(ctcf[:, 1]), ctcf[:, 0], ctcf[:, 1])
    expected = weights[0] + weights[1] + weights[2]
    np.testing.assert_allclose(case.values()[0, 0], expected, rtol=1e-6)  # ann has one of each


def test_the_run_is_recorded_and_repeats_byte_for_byte(case):
    stats = case.run()
    record = json.loads((case.folder / "b.stats.json").read_text())
    assert record == json.loads(json.dumps(stats))
    assert record["scores"]["model"]["name"] == "toy"
    assert record["options"]["weights"] == ["biological_absolute", "unweighted"]
    assert record["regions"] == {"file": "r.bed", "sha256": sha256(case.regions)}
    inside = json.loads(pq.read_schema(case.output).metadata[b"mfdvep"])["provenance"]
    assert inside["options"] == record["options"]
    names = ("b.parquet", "b.stats.json", "b.variants.tsv.gz")
    before = [(case.folder / name).read_bytes() for name in names]
    case.run()
    assert [(case.folder / name).read_bytes() for name in names] == before


# a cohort of random calls: missing, half, haploid, two ALTs


def simulated(n_people=40, n_records=80, seed=0):
    """Return people, lines and the variants of a cohort."""
    rng = np.random.default_rng(seed)
    people = [f"p{i}" for i in range(n_people)]
    lines, variants = [], []
    for position in np.sort(rng.choice(400, n_records, replace=False)) + 1:
        alts = ["C", "G", "CAT"][: rng.integers(1, 4)]
        frequency = rng.choice([0.01, 0.1, 0.95])
        calls = []
        for _ in people:
            alleles = np.where(rng.random(2) < frequency, rng.integers(1, len(alts) + 1, 2), 0)
            text = [str(a) if rng.random() > 0.03 else "." for a in alleles]
            calls.append(rng.choice(["/", "|"]).join(text[: 1 if rng.random() < 0.1 else 2]))
        lines.append(f"chr1 {position} . A {','.join(alts)} . GT {' '.join(calls)}")
        variants += [f"chr1:{position}:A:{alt}" for alt in alts]
    return people, lines, variants


@pytest.fixture
def large(tmp_path):
    made = Case(tmp_path)
    people, lines, variants = simulated()
    write_cohort(made.cohort, people, lines)
    effects = random_effects(len(variants), 3)
    write_scores(made.scores, variants, effects)
    made.regions.write_text("".join(f"chr1\t{s}\t{s + 60}\tr{s}\n" for s in range(0, 400, 25)))
    made.weights = {}
    for text, row in zip(variants, effects[1].astype(float), strict=True):
        chrom, pos, ref, alt = text.split(":")
        size = [np.abs(row).mean(), row.mean(), 1.0]
        made.weights[chrom, int(pos), ref, alt] = np.array(size)
    return made


WEIGHTS = ("absolute", "signed", "unweighted")


def test_they_equal_an_independent_computation(large):
    stats = large.run(weights=WEIGHTS, maf_max=0.1)
    counts = stats["counts"]["cohort_alts"]
    assert counts["of_used"]["missing_imputed"] > counts["of_used"]["half_calls_of_them"] > 0
    assert counts["of_used"]["alt_is_major"] > 0
    assert counts["left_out"]["above_maf"] > 0

    def lies_in(pos, ref, alt, start, end):  # SNVs and insertions after an A: the base at `pos`
        return start <= pos - 1 < end

    regions = {f"r{s}": [("chr1", s, s + 60)] for s in range(0, 400, 25)}
    expected = plain_burdens.burdens(
        large.cohort, large.weights, regions, maf_max=0.1, lies_in=lies_in
    )
    np.testing.assert_allclose(large.values(), expected, rtol=1e-6, atol=1e-6)


def test_the_size_of_blocks_changes_nothing(large, monkeypatch):
    large.run(weights=WEIGHTS, maf_max=0.1)
    once = large.values()
    monkeypatch.setattr(accumulator, "_MOST_VARIANTS", 7)
    monkeypatch.setattr(burdens, "_PART", 1 << 12)  # a few people at a time
    large.run(weights=WEIGHTS, maf_max=0.1)
    np.testing.assert_allclose(large.values(), once, rtol=1e-6)


def test_disjoint_regions_sum_to_their_union(large):
    large.regions.write_text("chr1\t0\t150\ta\nchr1\t150\t300\tb\nchr1\t0\t300\tab\n")
    large.run(weights=["signed"], maf_max=0.1)
    a, b, union = large.values().T
    np.testing.assert_allclose(a + b, union, atol=1e-5)
    assert np.abs(union).max() > 0.1


def test_a_deletion_over_a_border_is_in_both_regions_and_once_in_their_union(case):
    write_scores(case.scores, ["chr1:9:ACG:A"], equal_effects([2.0]))
    write_cohort(case.cohort, PEOPLE, ["chr1 9 . ACG A . GT 0/1 0/0 0/0"])
    case.regions.write_text("chr1\t0\t10\ta\nchr1\t10\t20\tb\nchr1\t0\t10\tab\nchr1\t10\t20\tab\n")
    case.run(weights=["signed"])
    assert case.values()[0].tolist() == [2, 2, 2]


def test_permuted_people_are_permuted_rows(large, tmp_path):
    large.run(weights=WEIGHTS, maf_max=0.1)
    first, people = large.values(), simulated()[0]
    order = np.random.default_rng(5).permutation(len(people))
    samples = tmp_path / "order.txt"
    samples.write_text("".join(f"{people[i]}\n" for i in order))
    large.run(weights=WEIGHTS, maf_max=0.1, samples=samples)
    np.testing.assert_allclose(large.values(), first[order], rtol=1e-6, atol=1e-6)


def test_split_records_give_the_same(large):
    """As bcftools norm -m - splits: a record an ALT, the other ALTs as REF."""
    large.run(weights=WEIGHTS, maf_max=0.1)
    whole = large.values()
    people, lines, _ = simulated()
    split = []
    for line in lines:
        chrom, pos, name, ref, alts, info, form, *calls = line.split()
        for k, alt in enumerate(alts.split(","), start=1):
            own = [
                "".join(
                    c if not c.isdigit() else "1" if c == str(k) else "0" for c in call
                )
                for call in calls
            ]  # fmt: skip
            split.append(" ".join([chrom, pos, name, ref, alt, info, form, *own]))
    write_cohort(large.cohort, people, split)
    large.run(weights=WEIGHTS, maf_max=0.1)
    np.testing.assert_allclose(large.values(), whole, rtol=1e-6, atol=1e-6)


def test_hard_calls_and_their_dosages_give_the_same(case):
    write_scores(case.scores, ["chr1:10:A:C", "chr1:20:A:G"], equal_effects([0.5, 2.0]))
    lines = [
        "chr1 10 . A C . GT:DS:GP 0/1:1:0,1,0 0/0:0:1,0,0 1/1:2:0,0,1",
        "chr1 20 . A G . GT:DS:GP ./.:.:. 0/0:0:1,0,0 0/1:1:0,1,0",
    ]
    write_cohort(case.cohort, PEOPLE, lines)
    found = {}
    for field in ("GT", "DS", "GP"):
        stats = case.run(field=field)
        assert stats["cohort"]["field"] == field
        found[field] = case.values()
    np.testing.assert_array_equal(found["GT"], found["DS"])
    np.testing.assert_array_equal(found["GT"], found["GP"])
