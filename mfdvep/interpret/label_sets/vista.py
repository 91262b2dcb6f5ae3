"""The VISTA enhancer browser's elements: tested in mouse embryos, to labels by tissue.

Layout: as the browser gives them, FASTA with headers

    >Human|chr16:86396481-86397120 | element 1 | positive  | neural tube[12/12] | limb[3/12]

with the sequence, or those lines alone, with bars or tabs between their fields; lines of HTML
("<pre>") are left out. The first position is 1-based where the sequence has end - start + 1 bases,
and where there is no sequence; 0-based where it has end - start.

Source: Visel 2007 (VISTA Enhancer Browser); science.md "Enhancers".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.text import TextStream
from mfdvep.interpret.label_sets.label_set import LabelSet

ANY = "enhancer"  # the task whether an element is one, in any tissue
_SPECIES = {"human": "hs", "mouse": "mm"}
_PLACE = re.compile(r"([^:\s]+):([0-9,]{1,14})-([0-9,]{1,14})")
_ELEMENT = re.compile(r"element\s+([0-9]+)")
_TISSUE = re.compile(r"(.+?)\s*\[[0-9]+/[0-9]+\]")
_HEADER = re.compile(r">?\s*(human|mouse)\s*[|\t]", re.IGNORECASE)


@dataclass
class _Element:
    name: str
    species: str
    chrom: str
    first: int
    last: int
    tissues: list[str]
    positive: bool
    where: str
    bases: list[str] = field(default_factory=list)


def is_vista(line: str) -> bool:
    """Return whether a line is the header of an element."""
    return bool(_HEADER.match(line))


def read_vista(path: str | Path, *, species: str = "human") -> LabelSet:
    """Return the elements of a species with the task "enhancer" and one a tissue.

    An element is positive in the tissues that its header lists, negative in all others.

    Parameters
    ----------
    species
        "human" (hg19, named hs1, hs2 ...) or "mouse" (mm9, mm1 ...).

    Raises
    ------
    InputError
        Missing, damaged, or of another layout (line named); an element twice; none of the species;
        another species; some elements with a sequence and some without.
    """
    if species not in _SPECIES:
        raise InputError(f"species {species!r}; expected {' or '.join(_SPECIES)}")
    found = list(_elements(path))
    chosen = [element for element in found if element.species == species]
    if not chosen:
        raise InputError(f"{path}: no {species} element among {len(found)}; choose with --species")
    names = Counter(element.name for element in chosen)
    if repeated := [name for name, n in names.items() if n > 1]:
        raise InputError(f"{path}: element {repeated[0]} is there twice; get the file again")
    sequences = ["".join(element.bases) for element in chosen]
    if any(sequences) and not all(sequences):
        lacking = next(e for e, s in zip(chosen, sequences, strict=True) if not s)
        raise InputError(f"{lacking.where}: no sequence, while others have one; get the file again")
    tissues = sorted({tissue for element in chosen for tissue in element.tissues})
    labels = np.zeros((len(chosen), 1 + len(tissues)), dtype=np.int8)
    for i, element in enumerate(chosen):
        labels[i, 0] = element.positive
        for tissue in element.tissues:
            labels[i, 1 + tissues.index(tissue)] = 1
    starts = [
        element.first - (len(bases) != element.last - element.first)
        for element, bases in zip(chosen, sequences, strict=True)
    ]
    return LabelSet(
        name=[element.name for element in chosen],
        chrom=[element.chrom for element in chosen],
        start=np.array(starts, dtype=np.int64),
        end=np.array([element.last for element in chosen], dtype=np.int64),
        tasks=[ANY, *tissues],
        labels=labels,
        sequences=sequences if any(sequences) else [],
        counts={
            "elements": len(chosen),
            "elements of other species": len(found) - len(chosen),
            "positive": int(labels[:, 0].sum()),
            "of another length than their place": sum(
                bool(bases) and len(bases) - (e.last - e.first) not in (0, 1)
                for e, bases in zip(chosen, sequences, strict=True)
            ),
            "tasks": 1 + len(tissues),
        },
    )


def _elements(path: str | Path) -> Iterator[_Element]:
    with closing(TextStream(path)) as text:
        element: _Element | None = None
        for number, raw in enumerate(text, start=1):
            line = raw.strip()
            where = f"{text.name}:{number}"
            if not line or line.startswith("<"):
                continue
            if is_vista(line) or line.startswith(">"):
                if element is not None:
                    yield element
                element = _parsed(line, where)
            elif element is None or not re.fullmatch("[A-Za-z]+", line):
                raise InputError(
                    f"{where}: expected VISTA's '>Human|chr1:100-200 | element 1 | positive | ...' "
                    f"or its sequence, found {line[:60]!r}"
                )
            else:
                element.bases.append(line)
        if element is not None:
            yield element


def _parsed(line: str, where: str) -> _Element:
    fields = [part.strip() for part in re.split(r"[|\t]", line.lstrip(">"))]
    species, place, number, result, *tissues = [*fields, *[""] * 4][: max(len(fields), 4)]
    spot, numbered = _PLACE.fullmatch(place), _ELEMENT.fullmatch(number)
    listed = [_TISSUE.fullmatch(tissue) for tissue in tissues if tissue]
    prefix = _SPECIES.get(species.lower())
    if not (prefix and spot and numbered and all(listed) and result in ("positive", "negative")):
        raise InputError(
            f"{where}: expected 'Human|chr1:100-200 | element 1 | positive | limb[3/12] | ...', "
            f"found {line[:80]!r}"
        )
    first, last = (int(spot[i].replace(",", "")) for i in (2, 3))
    if not 1 <= first <= last:
        raise InputError(f"{where}: {place} ends before it starts; get the file again")
    names = [found[1] for found in listed if found]
    return _Element(
        name=f"{prefix}{numbered[1]}",
        species=species.lower(),
        chrom=spot[1],
        first=first,
        last=last,
        tissues=names,
        positive=result == "positive",
        where=where,
    )
