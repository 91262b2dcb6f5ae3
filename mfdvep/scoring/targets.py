"""Where the files of a run go."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfdvep.errors import OutputError
from mfdvep.files import check_outputs
from mfdvep.genomics.vcf_index import ENDINGS as INDEX_ENDINGS
from mfdvep.genomics.vcf_output import index_ending, output_form
from mfdvep.scoring.chunk_store import ChunkStore
from mfdvep.storage import AnyPath, Remote
from mfdvep.uris import check_remotes, check_writable, located

_NAMES = {
    "vcf": "output",
    "long": "long table",
    "skipped": "list of skipped alleles",
    "features": "feature store",
    "groups": "table of groups",
}


@dataclass(frozen=True)
class Targets:
    """The outputs of a run, and what each is for.

    Attributes
    ----------
    files
        Use -> path of each file that is wanted: some of "vcf", "index", "matrix", "long",
        "features", "groups", "skipped", "stats", "multiqc".
    """

    files: Mapping[str, AnyPath]

    @classmethod
    def of(
        cls,
        vcf: str | Path,
        *,
        matrix: str | Path | None = None,
        long: str | Path | None = None,
        features: str | Path | None = None,
        groups: str | Path | None = None,
        stats: str | Path | None = None,
        index: bool = False,
        contigs: Mapping[str, int | None],
    ) -> Targets:
        """Return the outputs of a run.

        Parameters
        ----------
        vcf, matrix, long, stats, index
            See `score_vcf`.
        features, groups
            Its `store_features` and `groups`.
        contigs
            Of the input's header, with their lengths.

        Raises
        ------
        OutputError
            An output of another ending, or without an index where one is asked for; a table on
            standard output; see `located`.
        """
        tables = {"matrix": matrix, "long": long, "features": features, "groups": groups}
        for use, path in {**tables, "run record": stats}.items():
            if str(path) == "-":
                use = _NAMES.get(use, use)
                raise OutputError(f"{use} -: standard output is for the VCF alone; give a file")
        output = located(vcf)
        output_form(output)
        files: dict[str, AnyPath] = {} if str(vcf) == "-" else {"vcf": output}
        if index:
            files["index"] = output.with_name(f"{output.name}{index_ending(output, contigs)}")
        files |= {use: located(path) for use, path in tables.items() if path is not None}
        if stats is not None:
            record = located(stats)
            name = record.name.removesuffix(".json").removesuffix(".stats")
            files["skipped"] = record.with_name(f"{name}.skipped.tsv")
            files["stats"] = record
            files["multiqc"] = record.with_name(f"{name}_mqc.json")
        return cls(files)

    @property
    def in_parts(self) -> list[str]:
        """The uses of the files that are made of parts, one a chunk."""
        kinds = ("vcf", "matrix", "long", "features", "groups", "skipped")
        return [use for use in kinds if use in self.files]

    @property
    def folder(self) -> AnyPath | None:
        """Where chunks are kept: beside the first file; None if nothing is written but a stream."""
        first = next(iter(self.files.values()), None)
        return None if first is None else first.with_name(f"{first.name}.parts")

    @property
    def old_indexes(self) -> list[AnyPath]:
        """Where an index of an earlier output may lie that would not fit the new one."""
        vcf = self.files.get("vcf")
        if vcf is None:
            return []
        places = [vcf.with_name(f"{vcf.name}{ending}") for ending in INDEX_ENDINGS]
        index = self.files.get("index")
        return [path for path in places if index is None or not _are_same(path, index)]

    def relative(self) -> dict[str, str]:
        """Return the files as seen from the folder that they, or the first of them, lie in."""
        first = next(iter(self.files.values()), Path())
        start = Path() if isinstance(first, Remote) else first.parent
        return {
            use: path.path if isinstance(path, Remote) else os.path.relpath(path, start)
            for use, path in self.files.items()
        }

    def check(self, inputs: Sequence[str | Path], *, force: bool, resume: bool) -> None:
        """Refuse what `check_outputs` refuses; files that this very run put there may stay.

        Raises
        ------
        OutputError
            Also for an old index, or an output that is the folder of parts; see `check_writable`.
        """
        check_writable([path for path in self.files.values() if isinstance(path, Remote)])
        begun = resume and self.folder is not None and ChunkStore.is_publishing(self.folder)
        named = {_NAMES.get(use, use): path for use, path in self.files.items()}
        named |= {f"old {path.suffix} index": path for path in self.old_indexes if path.exists()}
        here = {use: path for use, path in named.items() if isinstance(path, Path)}
        check_outputs(here, inputs, force=force or begun)
        there = {use: path for use, path in named.items() if isinstance(path, Remote)}
        check_remotes(there, inputs, force=force or begun)
        if self.folder is not None and any(_are_same(self.folder, p) for p in named.values()):
            raise OutputError(f"{self.folder} is where this run keeps its parts; give another file")


def _are_same(one: AnyPath, other: AnyPath) -> bool:
    if isinstance(one, Remote) or isinstance(other, Remote):
        return isinstance(one, Remote) and isinstance(other, Remote) and one.is_same(other)
    return os.path.realpath(one) == os.path.realpath(other)
