"""A run's outputs as a whole: written chunk by chunk, and put in place together at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mfdvep.errors import OutputError
from mfdvep.files import Parts
from mfdvep.genomics.vcf_output import write_index
from mfdvep.scoring.chunks import ChunkFolder, Place
from mfdvep.scoring.outputs import Scored, Sink, VcfSink, to_standard_output
from mfdvep.scoring.tally import Tally
from mfdvep.scoring.targets import Targets
from mfdvep.storage import AnyPath, Remote


class Outputs:
    """All outputs of a run.

    Parameters
    ----------
    targets
        Which there are, and where.
    store
        Keeps the parts; None if nothing is written but standard output.
    vcf
        The annotated VCF; goes to standard output unless it is one of the targets.
    tables
        The other sinks, for each of `targets.in_parts`.

    Attributes
    ----------
    store
        As given.
    """

    def __init__(
        self,
        targets: Targets,
        store: ChunkFolder | None,
        vcf: VcfSink,
        tables: Mapping[str, Sink],
    ) -> None:
        self._targets, self.store = targets, store
        self._stream = None if "vcf" in targets.files else vcf
        self._sinks: dict[str, Sink] = {**({} if self._stream else {"vcf": vcf}), **tables}
        if self._stream is not None:
            to_standard_output(self._stream.header)

    def write(self, scored: Scored) -> tuple[Tally, bytes]:
        """Write what a chunk gives to files, and keep its tally with it.

        Returns
        -------
        tally
            Of the chunk.
        text
            What is to go to standard output; the caller writes it, in the thread that is
            interrupted: nothing else ends the writing to a pipe that nobody reads.

        Raises
        ------
        OutputError, InputError
            See `VcfSink`, `ChunkFolder.finish`.
        """
        chunk = scored.chunk
        tally = Tally.of(scored.batch, n_records=len(chunk.records), contigs=chunk.contigs)
        text = b"" if self._stream is None else self._stream.text(scored)
        if self.store is not None:
            for kind, sink in self._sinks.items():
                with self.store.writing(chunk.place, kind) as part:
                    sink.write(part, scored)
            self.store.finish(chunk.place, chunk.digest, self._sinks, tally.to_json())
        return tally, text

    def publish(self, places: Sequence[Place], records: Mapping[str, Any]) -> None:
        """Join the parts of all chunks, and put every file in place.

        Parameters
        ----------
        places
            Of all chunks, in order.
        records
            Use -> what a JSON file among the targets holds.

        Raises
        ------
        OutputError
            One cannot be written. All are written before the first is put in place; those that
            go to object storage are written to temporary files on this machine.
        """
        if self.store is None:
            return
        files = self._targets.files
        local = [path for path in files.values() if isinstance(path, Path)]
        with Parts(*local) as parts, ExitStack() as stack:
            made = {use: parts[path] for use, path in files.items() if isinstance(path, Path)}
            for use, path in reversed([*files.items()]):  # what is entered last goes first
                if isinstance(path, Remote):
                    made[use] = stack.enter_context(path.made())
                    stack.enter_context(self.store.holding())  # asked just before it is sent
            for kind, sink in self._sinks.items():
                sink.join(self.store.parts(places, kind), made[kind])
            if "index" in files:
                vcf, index = files["vcf"], files["index"]
                write_index(
                    made["vcf"], made["index"], ending=index.suffix, bcf=vcf.suffix == ".bcf"
                )
            for use in ("stats", "multiqc"):
                if use in files:
                    _write_json(made[use], records[use], files[use])
            self.store.publish()
        for path in self._targets.old_indexes:
            path.unlink(missing_ok=True)


def _write_json(path: Path, value: Any, output: AnyPath) -> None:
    """Write a value as the JSON file that will be an output; raises OutputError, naming that."""
    text = json.dumps(value, indent=1, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error
