"""A model as a folder: model.safetensors, config.json, tracks.tsv, checked by sha256.

Beside them a bundled model has metrics.json and MODEL_CARD.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfdvep import __version__
from mfdvep.errors import InputError, ModelError, OutputError
from mfdvep.files import sha256
from mfdvep.model.config import ModelConfig
from mfdvep.model.tracks import TrackTable

# what loads torch is imported with weights only, so that tracks are listed at once
if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from mfdvep.model.mfd import MFDModel

FORMAT = 1
SEQUENCE, EXPRESSION = "sequence", "expression"
"""Kinds of model: tracks from sequence (`load_model`), expression from marks."""
_LOADERS = {SEQUENCE: "load_model", EXPRESSION: "mfdvep expression, or load_expression_model,"}
DEFAULT_MODEL = "regulome45"
WEIGHTS, CONFIG, TRACKS = "model.safetensors", "config.json", "tracks.tsv"
REMEDY = "fetch the model again"


def weights_folder() -> Path:
    """Return the folder of bundled models: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def bundled_models(kind: str = SEQUENCE) -> list[str]:
    """Return the names of the bundled models of a kind: of sequence are those with tracks."""
    folders = [path.parent for path in weights_folder().glob(f"*/{CONFIG}")]
    is_sequence = kind == SEQUENCE
    return sorted(folder.name for folder in folders if (folder / TRACKS).is_file() == is_sequence)


def is_model(folder: str | Path) -> bool:
    """Return whether a path is a model's folder."""
    return (Path(folder) / CONFIG).is_file()


def model_folder(name_or_folder: str | Path, kind: str = SEQUENCE) -> Path:
    """Return the folder of a model given by bundled name or by path.

    Parameters
    ----------
    kind
        Whose bundled models an error names.

    Raises
    ------
    ModelError
        Neither a bundled model nor a folder with a config.json.
    """
    for folder in (Path(name_or_folder), weights_folder() / str(name_or_folder)):
        if is_model(folder):
            return folder
    bundled = bundled_models(kind)
    near = get_close_matches(str(name_or_folder), bundled, n=3)
    hint = f"nearest: {', '.join(near)}; " if near else ""
    raise ModelError(
        f"no model {str(name_or_folder)!r}: not a folder with a {CONFIG}; {hint}"
        f"bundled models: {', '.join(bundled) or 'none'}"
    )


def save_model(model: MFDModel, folder: str | Path, *, about: dict[str, Any]) -> None:
    """Write a model to a new folder; it appears whole or not at all.

    Parameters
    ----------
    about
        Kept in config.json under "about": name, training data, recipe, licence.

    Raises
    ------
    InputError
        The model has virtual tracks, which follow from its own.
    OutputError
        The folder exists.
    """
    import safetensors.torch

    from mfdvep.model.virtual import virtual_rows

    if virtual_rows(model.tracks):
        raise InputError(
            "a model with virtual tracks is not saved: save the one that they were added to, and "
            "add them after loading"
        )

    folder = Path(folder)
    if folder.exists():
        raise OutputError(f"{folder} exists; choose another output or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        part = Path(temporary) / "model"
        part.mkdir()
        state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
        safetensors.torch.save_file(state, part / WEIGHTS)
        model.tracks.write(part / TRACKS)
        # safetensors lets nobody else read its file; a model is as public as the umask has it
        shutil.copymode(part / TRACKS, part / WEIGHTS)
        config: dict[str, Any] = {
            "format": FORMAT,
            "mfdvep_version": __version__,
            "model": model.config.to_dict(),
            "metadata": model.schema.to_list(),
            "about": about,
        }
        config = json.loads(json.dumps(config))  # as it will be read: the digest is of that
        digests = {name: sha256(part / name) for name in (WEIGHTS, TRACKS)}
        config["sha256"] = {**digests, "config": config_digest(config)}
        (part / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        os.replace(part, folder)


def config_digest(config: dict[str, Any]) -> str:
    """Return the SHA-256 of a config.json but for its "sha256" entry, in hexadecimal.

    It is that of the JSON text with sorted keys and without spaces.
    """
    content = {key: value for key, value in config.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_config(folder: str | Path) -> dict[str, Any]:
    """Return the parsed config.json of a model of sequence, checked against its SHA-256.

    Raises
    ------
    ModelError
        Not JSON, of a format that this version does not read, of another kind, or damaged.
    """
    sections = {"model": dict, "metadata": list}
    return _read_config_of(folder, SEQUENCE, sections=sections, files=(WEIGHTS, TRACKS))


def read_expression_config(folder: str | Path) -> dict[str, Any]:
    """Return the same of a model of expression; raises as `read_config`."""
    sections = {"model": dict, "about": dict}
    return _read_config_of(folder, EXPRESSION, sections=sections, files=(WEIGHTS,))


def _read_config_of(
    folder: str | Path, kind: str, *, sections: Mapping[str, type], files: Iterable[str]
) -> dict[str, Any]:
    """Return a parsed config.json; the sections it must have with their types, and its files."""
    path = Path(folder) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        found = config["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a model configuration ({error})") from error
    if found != FORMAT:
        raise ModelError(
            f"{path}: model format {found}, written by mfdvep {config.get('mfdvep_version')}; "
            f"mfdvep {__version__} reads format {FORMAT}: use a model or a version that fits"
        )
    if (other := config.get("kind", SEQUENCE)) != kind:
        loader = f": {name} reads it" if (name := _LOADERS.get(str(other))) else ""
        raise ModelError(f"{path}: a model of {other}{loader}; expected a model of {kind}")
    for key, of_type in {**sections, "sha256": dict}.items():
        if not isinstance(config.get(key), of_type):
            raise ModelError(f"{path}: damaged: no {key!r} of its kind; {REMEDY}")
    for name in (*files, "config"):
        if not isinstance(config["sha256"].get(name), str):
            raise ModelError(f"{path}: damaged: no sha256 of {name}; {REMEDY}")
    _compare(path, config_digest(config), config["sha256"]["config"])
    return config


def _compare(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise ModelError(
            f"{path}: damaged: sha256 {found[:12]}..., expected {expected[:12]}...; {REMEDY}"
        )


def check_files(folder: Path, config: dict[str, Any], names: Iterable[str]) -> None:
    """Refuse files of a model's folder that are missing or not what its config.json says."""
    for name in names:
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name}: missing; {REMEDY}")
        _compare(folder / name, sha256(folder / name), config["sha256"][name])


def load_tracks(name_or_folder: str | Path = DEFAULT_MODEL) -> TrackTable:
    """Return the table of a model's tracks, checked against its SHA-256; no weights are read.

    Raises
    ------
    ModelError
        No such model; the table is missing or damaged; another format.
    InputError
        No table of tracks.
    """
    folder = model_folder(name_or_folder)
    check_files(folder, read_config(folder), [TRACKS])
    return TrackTable.read(folder / TRACKS)


def load_model(name_or_folder: str | Path = DEFAULT_MODEL) -> MFDModel:
    """Return a model in evaluation mode, on the CPU, its files checked against their SHA-256.

    Raises
    ------
    ModelError
        No such model; a file missing or damaged; another format; weights that do not fit.
    """
    from mfdvep.model.metadata import MetadataSchema
    from mfdvep.model.mfd import MFDModel

    folder = model_folder(name_or_folder)
    config = read_config(folder)
    check_files(folder, config, (WEIGHTS, TRACKS))
    try:
        model_config = ModelConfig.from_dict(config["model"], where="model")
        schema = MetadataSchema.from_list(model_config, config["metadata"])
        model = MFDModel(model_config, schema, TrackTable.read(folder / TRACKS))
    except (InputError, KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ModelError(
            f"{folder / CONFIG}: describes no model ({type(error).__name__}: {reason}); {REMEDY}"
        ) from error
    load_weights(model, folder)
    model.provenance = {"name": folder.resolve().name, "sha256": config["sha256"][WEIGHTS]}
    left_out = set(config.get("about", {}).get("training", {}).get("hold_out", ()))
    model.untrained = tuple(i for i, name in enumerate(model.tracks.names) if name in left_out)
    return model.eval()


def load_weights(module: Module, folder: Path) -> None:
    """Give a network the weights in a model's folder.

    Raises
    ------
    ModelError
        The file is not readable, or its tensors are not the network's.
    """
    import safetensors.torch

    try:
        state = safetensors.torch.load_file(folder / WEIGHTS)
    except safetensors.SafetensorError as error:
        raise ModelError(f"{folder / WEIGHTS}: not readable: {error}; {REMEDY}") from error
    if difference := _mismatch(module.state_dict(), state):
        raise ModelError(f"{folder / WEIGHTS}: does not fit {CONFIG}: {difference}")
    module.load_state_dict(state)


def _mismatch(expected: dict[str, Tensor], found: dict[str, Tensor]) -> str | None:
    """Return the first tensor, by name, that is not as expected, in words; None if all are."""
    for name in sorted(expected.keys() | found.keys()):
        shapes = [
            str(tuple(state[name].shape)) if name in state else "none"
            for state in (found, expected)
        ]
        if shapes[0] != shapes[1]:
            return f"tensor {name} is {shapes[0]}, expected {shapes[1]}"
    return None
