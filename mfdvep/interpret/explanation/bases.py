"""Which bases of both alleles a target comes from: integrated gradients and mutagenesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import shift_offsets
from mfdvep.interpret.attribution import Attribution, attribute_stretches
from mfdvep.interpret.contributions.running import halves_of
from mfdvep.interpret.explanation.explaining import Explanation
from mfdvep.interpret.mutagenesis import Mutagenesis, mutate
from mfdvep.interpret.sequences import Site, Sites
from mfdvep.interpret.targets import Target, parse_targets, track_target
from mfdvep.interpret.windows import centre_of
from mfdvep.model.mfd import MFDModel
from mfdvep.model.virtual import virtual_rows

FLANK = 30  # bases on each side of the variant

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Bases:
    """What the bases of REF and of ALT add to a target.

    Attributes
    ----------
    target
        Which.
    reason
        Why this one: "the track with the largest combined effect", "as asked for".
    sites
        REF and ALT, as stretches of L bases.
    centre
        Index in them of the first base of the variant.
    flank
        Bases on each side of it that are shown, and changed by mutagenesis.
    attribution
        Integrated gradients of both, for the target and its halves.
    mutagenesis
        What other bases would change, for the same.
    """

    target: Target
    reason: str
    sites: tuple[Site, Site]
    centre: int
    flank: int
    attribution: Attribution
    mutagenesis: Mutagenesis

    @property
    def halves(self) -> tuple[int, ...]:
        """Indices of the targets that logos show: the two halves, or the one that there is."""
        targets = self.attribution.targets
        apart = tuple(t for t, target in enumerate(targets) if target.which != "combined")
        return apart or (0,)

    def change(self, t: int) -> float:
        """Return ALT minus REF of a target: what its bases add, in its unit."""
        return float(self.attribution.value[1, t]) - float(self.attribution.value[0, t])

    def near(self, t: int) -> tuple[float, float]:
        """Return the sums of a target's scores over the bases that are shown, of REF and ALT."""
        low, high = max(self.centre - self.flank, 0), self.centre + self.flank + 1
        ref, alt = self.attribution.scores[:, t, low:high].sum(axis=1).tolist()
        return ref, alt


def choose_target(
    explanation: Explanation,
    model: MFDModel,
    *,
    features: Sequence[str] = (),
    tracks: Sequence[str] = (),
    where: Sequence[str] = (),
) -> tuple[Target, str]:
    """Return the target that is named, the only virtual track, or that of the largest effect; why.

    The largest is the largest combined effect in size.

    Raises
    ------
    InputError
        What `parse_targets` refuses, or more than one target is named.
    """
    if not (features or tracks or where):
        virtual = virtual_rows(model.tracks)
        if len(virtual) == 1:
            return track_target(model, virtual[0]), "the virtual track"
        row, _ = explanation.largest()
        return track_target(model, row), (
            f"the track with the largest combined effect ({explanation.scale})"
        )
    found = parse_targets(model, features, tracks, where)
    if len(found) > 1:
        names = ", ".join(target.name for target in found[:5])
        raise InputError(
            f"{len(found)} targets are named ({names}); one page shows one, of --feature, --track "
            "or --where; for a mean over tracks give a condition"
        )
    return found[0], "as asked for"


def look(
    explanation: Explanation,
    model: MFDModel,
    genome: Genome,
    target: Target,
    *,
    reason: str = "",
    flank: int = FLANK,
    device: str = "auto",
    progress: Progress | None = None,
) -> Bases:
    """Return what the bases of both alleles add to a target.

    Parameters
    ----------
    explanation
        Of the allele, whose shifts and strands are used.
    flank
        Bases on each side of the variant.
    progress
        Told how many steps are done, and of how many.

    Raises
    ------
    InputError, ModelError
        As for `attribute_stretches` and `mutate`.
    """
    shifts = shift_offsets(explanation.provenance["shifts"])
    strand = explanation.provenance["strand"]
    targets = halves_of([target], "combined" if model.config.plain else "all")
    sites = Sites(shifts, genome=genome).alleles(explanation.variant)
    codes = np.stack([site.codes for site in sites])  # (2, L)
    n_steps = 2 * len(codes)

    def told(before: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, _: progress(before + done, n_steps)

    attribution = attribute_stretches(
        model, codes, targets, shifts=shifts, strand=strand, device=device, progress=told(0)
    )
    mutagenesis = mutate(
        model,
        codes,
        targets,
        flank=flank,
        shifts=shifts,
        strand=strand,
        device=device,
        progress=told(len(codes)),
    )
    return Bases(target, reason, sites, centre_of(shifts), flank, attribution, mutagenesis)
