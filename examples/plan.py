"""What the example contains: its loci, and which change each variant makes there."""

from __future__ import annotations

from dataclasses import dataclass

from motifs import MOTIFS, Motif

FLANK = 35  # bases beside a site: inside the same 128-base bin, outside every motif


@dataclass(frozen=True)
class Edit:
    """One ALT, in coordinates of the planted site: base 0 is its first, on its own strand.

    Attributes
    ----------
    effect
        'break', 'make' or 'none': what the change must do to the site, and to nothing else.
    start, end
        Half-open interval of the site that is replaced; negative is before it.
    new
        The bases put there; None: any one base that leaves every motif as it was.
    show
        'STAR', 'SYMBOLIC' or 'REF_MISMATCH': the record also, or only, shows that status.
    """

    effect: str
    start: int
    end: int
    new: str | None
    show: str = ""


@dataclass(frozen=True)
class Locus:
    """One stretch of the genome around at most one site.

    Attributes
    ----------
    name
        Start of its variants' IDs.
    motif
        Name of the motif; '' where there is none.
    spelling
        What is planted: the motif, or, for variants that make one, a broken copy of it.
    strand
        '+' or '-'.
    setting
        'promoter', 'enhancer' (GC-rich, with neighbouring motifs) or 'plain' (the site alone).
    records
        One tuple of edits (ALTs) a VCF record.
    """

    name: str
    motif: str
    spelling: str
    strand: str
    setting: str
    records: tuple[tuple[Edit, ...], ...]


def broken_copy(motif: Motif, site: int, change: int) -> tuple[str, Edit]:
    """Return a site with one of its breaking changes made, and the edit that repairs it."""
    spelling = motif.sites[site % len(motif.sites)]
    at, new = motif.breaks[change]
    return spelling[:at] + new + spelling[at + 1 :], Edit("make", at, at + 1, spelling[at])


def breaking(motif: Motif, change: int) -> Edit:
    """Return one of the motif's breaking SNVs."""
    at, new = motif.breaks[change]
    return Edit("break", at, at + 1, new)


def motif_loci(motif: Motif) -> list[Locus]:
    """Return the five loci that every motif has: three to break, two to make."""
    at, new = motif.silent
    silent = Edit("none", at, at + 1, new)
    beside = Edit("none", -FLANK, -FLANK + 1, None)
    sites = [motif.sites[i % len(motif.sites)] for i in range(3)]
    loci = [
        ("open1", sites[0], "+", motif.setting, ((breaking(motif, 0),), (silent,))),
        ("open2", sites[1], "-", motif.setting, ((breaking(motif, 1),), (beside,))),
        ("alone", sites[2], "+", "plain", ((breaking(motif, 0),),)),
    ]
    for i, strand in enumerate("-+"):
        spelling, repair = broken_copy(motif, i, i)
        loci.append((f"made{i + 1}", spelling, strand, motif.setting, ((repair,),)))
    return [Locus(f"{motif.name}_{name}", motif.name, *rest) for name, *rest in loci]


def special_loci() -> list[Locus]:
    """Return the loci of indels, of an MNV, of records of other kinds, and without motifs."""
    ctcf, ets = MOTIFS["CTCF"], MOTIFS["ETS"]
    multi = (Edit("none", 10, 11, "A"), Edit("break", 10, 11, "C"))
    star = Edit("break", 9, 10, "C", show="STAR")
    whole = Edit("break", 0, 19, "", show="SYMBOLIC")
    inside = {
        "AP-1_del": Edit("break", 3, 5, ""),
        "NRF1_ins": Edit("break", 6, 6, "GA"),
        "REST_del": Edit("break", 9, 15, ""),
        "GATA_ins": Edit("break", 4, 4, "C"),
    }
    loci = [
        Locus("CTCF_open3", "CTCF", ctcf.sites[2], "-", "enhancer", ((breaking(ctcf, 2),),)),
        Locus("CTCF_alone2", "CTCF", ctcf.sites[3], "-", "plain", ((breaking(ctcf, 3),),)),
        Locus("CTCF_multi", "CTCF", ctcf.sites[0], "+", "enhancer", (multi,)),
        Locus(
            "CTCF_del", "CTCF", ctcf.sites[0], "+", "enhancer",
            ((Edit("break", 7, 12, ""),), (star,)),
        ),
        Locus("CTCF_ins", "CTCF", ctcf.sites[1], "-", "plain", ((Edit("break", 10, 10, "TAC"),),)),
        Locus("CTCF_whole", "CTCF", ctcf.sites[3], "+", "enhancer", ((whole,),)),
        Locus("ETS_mnv", "ETS", ets.sites[0], "+", "promoter", ((Edit("break", 4, 6, "TT"),),)),
    ]  # fmt: skip
    for name, edit in inside.items():
        motif = MOTIFS[name.split("_")[0]]
        loci.append(Locus(name, motif.name, motif.sites[0], "+", motif.setting, ((edit,),)))
    settings = ("plain", "plain", "plain", "enhancer", "promoter")
    loci += [
        Locus(f"none_snv{i}", "", "", "+", setting, ((Edit("none", 0, 1, None),),))
        for i, setting in enumerate(settings, start=1)
    ]
    return [
        *loci,
        Locus("none_del", "", "", "+", "plain", ((Edit("none", 0, 4, ""),),)),
        Locus("none_ins", "", "", "+", "enhancer", ((Edit("none", 0, 0, "ACAG"),),)),
        Locus(
            "mismatch", "", "", "+", "plain",
            ((Edit("none", 0, 1, None, show="REF_MISMATCH"),),),
        ),
    ]  # fmt: skip


def plan_loci() -> list[Locus]:
    """Return every locus of the example."""
    return [locus for motif in MOTIFS.values() for locus in motif_loci(motif)] + special_loci()
