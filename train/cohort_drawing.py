"""What a simulated cohort is drawn with, part by part; see cohort_simulation.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPACING, BODY, UPSTREAM = 12_000, 2_000, 4_000  # bases
CAUSAL = ("effect-weighted", "unweighted")
SIDE = 16  # pixels
MISSING = 3  # code of a genotype that is not known
NOISE = 0.5  # SD in each number of an image


@dataclass(frozen=True)
class CohortPlan:
    """What is simulated; see cohort_simulation.py.

    Attributes
    ----------
    people, genes, planted, rare, common
        Counts; `rare` and `common` variants a gene.
    h2
        Share of the trait's variance that is of burdens, from 0 to 1.
    causal
        One of `CAUSAL`.
    fst, sib_share, maf_max
        See there.
    missing, no_image, no_genotypes
        Shares of genotypes that are not known, of people without an image, and without genotypes.
    """

    people: int = 3000
    genes: int = 60
    planted: int = 5
    rare: int = 20
    common: int = 4
    h2: float = 0.5
    causal: str = "effect-weighted"
    fst: float = 0.02
    sib_share: float = 0.2
    maf_max: float = 0.01
    missing: float = 0.01
    no_image: float = 0.03
    no_genotypes: float = 0.03
    seed: int = 1


def families(rng: np.random.Generator, plan: CohortPlan) -> np.ndarray:
    """Return the family of each person, int64 (n,), ascending: of two siblings, or of one."""
    n_pairs = int(plan.people * plan.sib_share / 2)
    sizes = rng.permutation(np.repeat([2, 1], [n_pairs, plan.people - 2 * n_pairs]))
    return np.repeat(np.arange(len(sizes)), sizes)


def sites(rng: np.random.Generator, plan: CohortPlan) -> tuple[np.ndarray, np.ndarray]:
    """Return start (V,), ascending, and gene (V,): the sites of a gene are different bases."""
    each = plan.rare + plan.common
    starts = [
        gene * SPACING + 2_000 + np.sort(rng.choice(UPSTREAM + BODY, each, replace=False))
        for gene in range(plan.genes)
    ]
    return np.concatenate(starts), np.repeat(np.arange(plan.genes), each)


def frequencies(rng: np.random.Generator, plan: CohortPlan, n: int) -> np.ndarray:
    """Return frequencies of ALT (3, V): ancestral, and of the two ancestries."""
    is_common = rng.permuted(
        np.tile(np.arange(plan.rare + plan.common) < plan.common, (plan.genes, 1)), axis=1
    ).ravel()
    p = np.where(is_common, rng.uniform(0.05, 0.5, n), 10 ** rng.uniform(-3, -2, n))
    f = plan.fst
    return np.stack([p, *rng.beta(p * (1 - f) / f, (1 - p) * (1 - f) / f, (2, n))])


def genotypes(
    rng: np.random.Generator,
    family: np.ndarray,
    ancestry: np.ndarray,
    gene: np.ndarray,
    frequencies: np.ndarray,
) -> np.ndarray:
    """Return copies of ALT, uint8 (V, n): of two parents' haplotypes, gene by gene, one each."""
    out = np.zeros((len(gene), len(family)), dtype=np.uint8)
    for g in range(gene[-1] + 1):
        rows = np.flatnonzero(gene == g)
        chance = frequencies[1:][ancestry][:, rows]  # (families, v)
        parents = rng.random((2, 2, *chance.shape)) < chance  # (parent, haplotype, families, v)
        for parent in parents:
            taken = rng.integers(0, 2, len(family))
            out[rows] += parent[taken, family].T.astype(np.uint8)
    return out


def effects(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return biological and technical effects, float32 (V, 4)."""
    own = rng.choice([-1, 1], (2, n)) * rng.lognormal(-3, 1.2, (2, n))
    noisy = 0.8 * own + 0.03 * rng.standard_normal((2, n))
    biological = np.stack([own[0], noisy[0], own[1], noisy[1]], axis=1)
    technical = 0.02 * rng.standard_normal((n, 4))
    return biological.astype(np.float32), technical.astype(np.float32)


def burdens(
    genotypes: np.ndarray,
    gene: np.ndarray,
    weights: np.ndarray | None,
    plan: CohortPlan,
    people: np.ndarray,
) -> np.ndarray:
    """Return burdens (n, G) over variants that are rare in some people; missing: their mean."""
    dosage = genotypes.astype(np.float64)  # (V, n)
    dosage[genotypes == MISSING] = np.nan
    mean = np.nanmean(dosage[:, people], axis=1, keepdims=True)
    dosage = np.where(np.isnan(dosage), mean, dosage)
    factor = np.ones(len(gene)) if weights is None else weights
    factor = np.where(maf(genotypes[:, people]) <= plan.maf_max, factor, 0.0)
    out = np.zeros((plan.genes, genotypes.shape[1]))
    np.add.at(out, gene, dosage * factor[:, None])
    return out.T


def maf(genotypes: np.ndarray) -> np.ndarray:
    """Return the frequency of the minor allele over the genotypes that are known, (V,)."""
    known = genotypes != MISSING
    share = (genotypes * known).sum(1) / (2 * np.maximum(known.sum(1), 1))
    return np.minimum(share, 1 - share)


def standardised(values: np.ndarray) -> np.ndarray:
    sd = values.std(0)
    return (values - values.mean(0)) / np.where(sd > 0, sd, 1)


def directions(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Return n random directions (n, size), at right angles to each other."""
    return np.linalg.qr(rng.standard_normal((size, n)))[0].T


def patterns(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n smooth patterns (n, 256) of length 1: three waves over the image each."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    out = np.zeros((n, SIDE, SIDE))
    for pattern in out:
        for _ in range(3):
            down, across = rng.integers(0, 4, 2)
            phase = 2 * np.pi * (down * y + across * x + rng.random())
            pattern += rng.standard_normal() * np.cos(phase)
    flat = out.reshape(n, -1)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def shown(rng: np.random.Generator, factors: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Return factors (n, k) as sums of patterns (k, size) with noise, float32 (n, size)."""
    noise = NOISE * rng.standard_normal((len(factors), patterns.shape[1]))
    return (factors @ patterns + noise).astype(np.float32)


def components(genotypes: np.ndarray, common: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return two principal components (n, 2) of common variants; NaN of people without them."""
    dosage = genotypes[common][:, people].T.astype(np.float64)  # (m, v)
    dosage[dosage == MISSING] = np.nan
    dosage = np.where(np.isnan(dosage), np.nanmean(dosage, axis=0), dosage)
    scores, sizes, _ = np.linalg.svd(standardised(dosage), full_matrices=False)
    out = np.full((len(people), 2), np.nan)
    out[people] = scores[:, :2] * sizes[:2] / np.sqrt(people.sum())
    return out
