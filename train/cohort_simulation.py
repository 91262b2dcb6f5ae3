"""A simulated cohort: genotypes, effects of variants, a trait they cause, and images that show it.

Everything is drawn from one `numpy.random.Generator`, so that a seed gives the same people with the
same version of NumPy. No one of them is a person, and nothing is taken from a biobank.

The model, in the order in which it is drawn:

- Sites: `genes` genes of 2,000 bases, 12,000 apart, on one contig. Each has `rare` and `common`
  SNVs from 4,000 bases upstream to its end. Ancestral frequencies: rare log-uniform from .001 to
  .01, common uniform from .05 to .5.
- Ancestry: 60 % of families are of the first of two; frequencies of each by Balding and Nichols,
  Beta(p (1 - F) / F, (1 - p) (1 - F) / F), F = `fst`.
- Families: `sib_share` of the people have a sibling. Siblings take, gene by gene, one haplotype of
  each of two parents who are not in the cohort. Sites of a haplotype are otherwise independent.
- Effects: the biological effect of a variant on the track SIM1 is of either sign, its size
  log-normal (sigma 1.2); SIM2 follows it with noise; SIM3 and SIM4 have effects of their own.
  Technical effects are noise. Combined is their sum.
- Trait: `planted` genes, each with the same share of the heritable part. The burden of a gene is,
  over its variants with a frequency of the minor allele of at most `maf_max` in the cohort, the sum
  of dosage x |biological effect on SIM1| (`causal` "effect-weighted") or of dosage ("unweighted"),
  standardised; its sign in the trait is random. The rest of the trait, 1 - `h2`, is noise.
- Images: 64 numbers, and 16 x 16 pixels. Both are sums of fixed patterns: the trait's, that of
  ancestry, of age and of sex, and eight that mean nothing and are larger; and noise everywhere.
- Phenotypes: `trait` is the trait with noise and a little ancestry and age; `case` the highest
  30 %.

Source: Balding, Nichols 1995 (frequencies of populations that are F_ST apart).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cohort_drawing as drawing
import numpy as np
from cohort_drawing import (
    BODY,
    CAUSAL,
    MISSING,
    NOISE,
    SIDE,
    SPACING,
    UPSTREAM,
    CohortPlan,
)

CONTIG = "simC"
N_EMBEDDING = 64
STRENGTHS = {"trait": 1.0, "ancestry": 1.5, "age": 1.5, "sex": 0.5}  # SD of what patterns show
N_NUISANCE, NUISANCE = 8, 2.0
TRACKS = {
    "experiment": ("SIM1", "SIM2", "SIM3", "SIM4"),
    "assay": ("DNase-seq", "ATAC-seq", "DNase-seq", "ATAC-seq"),
    "target": ("accessibility",) * 4,
    "biosample": ("retina", "retina", "liver", "liver"),
}


@dataclass(frozen=True)
class Cohort:
    """n people, V variants, G genes.

    Attributes
    ----------
    iid, fid
        n names each.
    ancestry, age, sex
        float64 (n,): 0 or 1, years, 0 or 1.
    has_image, has_genotypes
        bool (n,)
    sequence
        uint8 bases of the contig as letters.
    start, gene
        int64 (V,): 0-based, ascending; index of the gene.
    ref, alt
        V letters each.
    genotypes
        uint8 (V, n): copies of ALT, or `MISSING`; of all people.
    combined, biological, technical
        float32 (V, 4): effects on `TRACKS`.
    planted, signs
        int64 (planted,): genes that cause the trait; -1 or 1.
    trait
        float64 (n,)
    embeddings, images
        float32 (n, 64) and (n, 16, 16), of all people.
    phenotypes
        Name -> float64 (n,).
    pcs
        float64 (n, 2) of the common variants, NaN of people without genotypes.
    """

    plan: CohortPlan
    iid: list[str]
    fid: list[str]
    ancestry: np.ndarray
    age: np.ndarray
    sex: np.ndarray
    has_image: np.ndarray
    has_genotypes: np.ndarray
    sequence: np.ndarray
    start: np.ndarray
    gene: np.ndarray
    ref: list[str]
    alt: list[str]
    genotypes: np.ndarray
    combined: np.ndarray
    biological: np.ndarray
    technical: np.ndarray
    planted: np.ndarray
    signs: np.ndarray
    trait: np.ndarray
    embeddings: np.ndarray
    images: np.ndarray
    phenotypes: dict[str, np.ndarray]
    pcs: np.ndarray

    @property
    def gene_names(self) -> list[str]:
        """Names of the G genes."""
        return [f"GENE{i + 1:02d}" for i in range(self.plan.genes)]

    def gene_region(self, gene: int) -> tuple[int, int]:
        """Return start and end of a gene and what is upstream of it, 0-based half-open."""
        start = gene * SPACING + 2_000
        return start, start + UPSTREAM + BODY

    def burdens(self, *, weighted: bool) -> np.ndarray:
        """Return the burdens (n, G) float64 of rare variants, as the trait is made of."""
        weights = np.abs(self.biological[:, 0]).astype(np.float64) if weighted else None
        return drawing.burdens(self.genotypes, self.gene, weights, self.plan, self.has_genotypes)

    def truth(self) -> dict[str, Any]:
        """Return what was planted, for truth.json."""
        names, known = self.gene_names, self.genotypes[:, self.has_genotypes]
        heritable = np.var(_heritable(self)) / np.var(self.trait) if self.plan.h2 else 0.0
        return {
            "options": vars(self.plan),
            "planted": [
                {"gene": names[g], "sign": int(s)}
                for g, s in zip(self.planted, self.signs, strict=True)
            ],
            "causal_track": TRACKS["experiment"][0],
            "causal_effect": "biological, absolute",
            "realised_h2": float(heritable),
            "patterns": {**STRENGTHS, "nuisance": NUISANCE, "noise": NOISE},
            "people": {
                "all": len(self.iid),
                "families": len(set(self.fid)),
                "with_image": int(self.has_image.sum()),
                "with_genotypes": int(self.has_genotypes.sum()),
                "with_both": int((self.has_image & self.has_genotypes).sum()),
            },
            "variants": {
                "all": len(self.start),
                "rare": int((drawing.maf(known) <= self.plan.maf_max).sum()),
            },
        }  # fmt: skip


def simulate(plan: CohortPlan) -> Cohort:
    """Return a cohort; the same one for the same plan."""
    rng = np.random.default_rng(plan.seed)
    n = plan.people
    family = drawing.families(rng, plan)
    of_family = (rng.random(family[-1] + 1) < 0.4).astype(np.int64)
    ancestry = of_family[family]
    sequence = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, plan.genes * SPACING)]
    start, gene = drawing.sites(rng, plan)
    alt = (np.searchsorted(np.frombuffer(b"ACGT", np.uint8), sequence[start])
           + rng.integers(1, 4, len(start))) % 4  # fmt: skip
    frequencies = drawing.frequencies(rng, plan, len(start))
    genotypes = drawing.genotypes(rng, family, of_family, gene, frequencies)
    has_genotypes = rng.random(n) >= plan.no_genotypes
    has_image = rng.random(n) >= plan.no_image
    known = genotypes.copy()
    known[rng.random(genotypes.shape, dtype=np.float32) < plan.missing] = MISSING
    biological, technical = drawing.effects(rng, len(start))
    planted = np.sort(rng.permutation(plan.genes)[: plan.planted])
    signs = rng.choice([-1, 1], plan.planted)
    weights = np.abs(biological[:, 0]).astype(np.float64)
    everyone = np.ones(n, dtype=bool)
    causes = drawing.burdens(genotypes, gene, weights if plan.causal == CAUSAL[0] else None,
                      plan, everyone)[:, planted]  # fmt: skip
    heritable = drawing.standardised(drawing.standardised(causes) @ signs)
    trait = np.sqrt(plan.h2) * heritable + np.sqrt(1 - plan.h2) * rng.standard_normal(n)
    age, sex = rng.uniform(40, 70, n).round(1), rng.integers(0, 2, n).astype(np.float64)
    factors = np.column_stack([
        *(STRENGTHS[name] * drawing.standardised(values) for name, values in
          zip(STRENGTHS, (trait, ancestry, age, sex), strict=True)),
        NUISANCE * rng.standard_normal((n, N_NUISANCE)),
    ])  # fmt: skip
    embeddings = drawing.shown(rng, factors, drawing.directions(rng, factors.shape[1], N_EMBEDDING))
    images = drawing.shown(rng, factors, drawing.patterns(rng, factors.shape[1]))
    score = trait + 0.3 * ancestry + 0.01 * (age - 55) + 0.5 * rng.standard_normal(n)
    digits = len(str(n))
    return Cohort(
        plan=plan,
        iid=[f"P{i + 1:0{digits}d}" for i in range(n)],
        fid=[f"F{f + 1:0{digits}d}" for f in family],
        ancestry=ancestry, age=age, sex=sex, has_image=has_image, has_genotypes=has_genotypes,
        sequence=sequence, start=start, gene=gene,
        ref=[chr(base) for base in sequence[start]], alt=["ACGT"[i] for i in alt],
        genotypes=known, combined=(biological + technical), biological=biological,
        technical=technical, planted=planted, signs=signs, trait=trait,
        embeddings=embeddings, images=images.reshape(n, SIDE, SIDE),
        phenotypes={"trait": score, "case": (score > np.quantile(score, 0.7)).astype(np.float64)},
        pcs=drawing.components(known, frequencies[0] >= 0.05, has_genotypes),
    )  # fmt: skip


def _heritable(cohort: Cohort) -> np.ndarray:
    causes = cohort.burdens(weighted=cohort.plan.causal == CAUSAL[0])[:, cohort.planted]
    part = drawing.standardised(drawing.standardised(causes) @ cohort.signs)
    return part * np.sqrt(cohort.plan.h2)
