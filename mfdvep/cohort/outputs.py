"""Burdens as files: Parquet, tab-separated text, ContIG's HDF5, AnnData; by the file's ending.

Numbers are float32, of sums in float64. Source of the HDF5 layout: ContIG (Taleb et al., CVPR
2022), data/data_ukb.py of its code: dataset "G" of people by columns, and beside the file
NAME_colnames.txt and NAME_iid.txt, a line each, which it reads as CSV without a header.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import json
from collections.abc import Callable
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mfdvep.cohort.burdens import Burdens
from mfdvep.errors import InputError
from mfdvep.files import Parts
from mfdvep.scoring.tables import RUN_KEY

ID = "iid"
_NEEDS = {".h5": "h5py", ".h5ad": "anndata"}


def output_files(path: str | Path) -> list[Path]:
    """Return the files that an output consists of.

    Raises
    ------
    InputError
        An ending that is not known; what writes it is not installed.
    """
    ending = ending_of(path)
    if ending in _NEEDS:
        try:
            importlib.import_module(_NEEDS[ending])
        except ImportError as error:
            raise InputError(
                f"{path}: {ending} needs {_NEEDS[ending]}: pip install 'mfdvep[cohort]'"
            ) from error
    path = Path(path)
    if ending != ".h5":
        return [path]
    return [path, path.with_name(f"{path.stem}_colnames.txt"),
            path.with_name(f"{path.stem}_iid.txt")]  # fmt: skip


def ending_of(path: str | Path) -> str:
    """Return the ending of an output; raises InputError for one that is not known."""
    for ending in _WRITERS:
        if str(path).endswith(ending):
            return ending
    raise InputError(f"output {path}: expected a name that ends in {', '.join(_WRITERS)}")


def stem_of(path: str | Path) -> Path:
    """Return an output's path without its ending."""
    return Path(path).with_name(Path(path).name.removesuffix(ending_of(path)))


def write_burdens(
    burdens: Burdens, path: str | Path, parts: Parts, provenance: dict[str, Any]
) -> None:
    """Write an output's files as the parts that become them; raises OSError."""
    _WRITERS[ending_of(path)](burdens, Path(path), parts, provenance)


def _parquet(burdens: Burdens, path: Path, parts: Parts, provenance: dict[str, Any]) -> None:
    fields = [pa.field(ID, pa.string(), nullable=False)]
    fields += [pa.field(name, pa.float32(), nullable=False) for name in burdens.columns]
    about = {RUN_KEY: json.dumps({"provenance": provenance}).encode()}
    schema = pa.schema(fields, about)
    with pq.ParquetWriter(parts[path], schema, compression="zstd", use_dictionary=[ID]) as writer:
        for people, values in burdens.parts():
            columns = [pa.array(burdens.people[people], pa.string())]
            columns += [pa.array(column) for column in values.T.astype(np.float32)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _text(burdens: Burdens, path: Path, parts: Parts, provenance: dict[str, Any]) -> None:
    with parts[path].open("w", newline="", encoding="utf-8") as handle:
        _lines(burdens, handle)


def _gzip_text(burdens: Burdens, path: Path, parts: Parts, provenance: dict[str, Any]) -> None:
    with (
        parts[path].open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=4, fileobj=raw, mtime=0) as file,
        TextIOWrapper(file, newline="", encoding="utf-8") as handle,
    ):
        _lines(burdens, handle)


def _lines(burdens: Burdens, handle: Any) -> None:
    writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
    writer.writerow([ID, *burdens.columns])
    for people, values in burdens.parts():
        # nine digits, which is what a float32 comes back from
        texts = np.char.mod("%.9g", values.astype(np.float32))
        for person, row in zip(burdens.people[people], texts.tolist(), strict=True):
            writer.writerow([person, *row])


def _contig(burdens: Burdens, path: Path, parts: Parts, provenance: dict[str, Any]) -> None:
    import h5py

    _, columns, ids = output_files(path)
    parts[columns].write_text(_csv(burdens.columns), encoding="utf-8")
    parts[ids].write_text(_csv(burdens.people), encoding="utf-8")
    shape = len(burdens.people), len(burdens.columns)
    with h5py.File(parts[path], "w") as file:
        file.attrs["provenance"] = json.dumps(provenance)
        G = file.create_dataset("G", shape, np.float32, chunks=True, compression="gzip")
        for people, values in burdens.parts():
            G[people] = values.astype(np.float32)


def _csv(names: Any) -> str:
    """Return a line a name, in quotes where CSV needs them."""
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([name] for name in names)
    return text.getvalue()


def _anndata(burdens: Burdens, path: Path, parts: Parts, provenance: dict[str, Any]) -> None:
    import anndata
    import pandas as pd

    names = burdens.of.names
    of_columns = [(names[i], one.name) for i in burdens.regions for one in burdens.weightings]
    table = anndata.AnnData(
        X=np.concatenate([values.astype(np.float32) for _, values in burdens.parts()]),
        obs=pd.DataFrame(index=pd.Index(burdens.people, name=ID)),
        var=pd.DataFrame(
            of_columns, columns=["region", "weighting"], index=pd.Index(burdens.columns)
        ),
        uns={"provenance": json.dumps(provenance)},
    )
    table.write_h5ad(parts[path])


_WRITERS: dict[str, Callable[[Burdens, Path, Parts, dict[str, Any]], None]] = {
    ".parquet": _parquet,
    ".tsv": _text,
    ".tsv.gz": _gzip_text,
    ".h5": _contig,
    ".h5ad": _anndata,
}
