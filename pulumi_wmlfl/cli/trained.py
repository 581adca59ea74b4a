"""Where a trained model comes from: a training or a model of WML, the file that either gives, or two files.

What a training stores is a zip with the original package, untouched, the fused weights in a format that holds
numbers only, and `training.json`, which names both. Nothing here loads a package.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigurationError, ContentError
from ..protocol import framework_of, read_weights
from ..protocol.arrays import Array

if TYPE_CHECKING:
    from ..client.contract import Scope
    from ..client.wml import WmlClient

__all__ = ["Trained", "from_bundle", "from_files", "from_wml", "read_layers"]

_BUNDLE = "model.zip"
_LARGEST_DESCRIPTION = 2**20


@dataclass(frozen=True, slots=True)
class Trained:
    """A package, the weights that belong into it, and the framework of both (None if it is not known).

    Boosted trees have no package, and the framework `trees`; `parameters` are those they were grown with.
    """

    package: Path | None
    weights: Path
    framework: str | None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def from_files(package: Path, weights: Path) -> Trained:
    """Return a model that lies in two files."""
    return Trained(package, weights, None)


def from_bundle(bundle: Path, folder: Path) -> Trained:
    """Unpack what a training stored into `folder`.

    Raises:
        ContentError: it is something else.
    """
    try:
        with zipfile.ZipFile(bundle) as archive:
            about = _description(archive)
            if about.get("trees"):
                return _trees(archive, about, folder)
            if not about.get("package"):
                raise ContentError("The training had no model package to put weights into.")
            package, weights = (_extract(archive, about, key, folder) for key in ("package", "weights"))
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError):
        raise ContentError(
            f"{bundle.name} is not what a training stores: a zip with training.json, weights and package."
        ) from None
    return Trained(package, weights, framework_of(str(about.get("model_type") or "")))


def _trees(archive: zipfile.ZipFile, about: dict[str, Any], folder: Path) -> Trained:
    parameters = about.get("parameters")
    if not isinstance(parameters, dict):
        raise ValueError
    return Trained(None, _extract(archive, about, "trees", folder), "trees", parameters)


def from_wml(*, training_id: str = "", model_id: str = "", folder: Path) -> Trained:
    """Download the trained model of a training, or a model that was stored from one.

    The environment says where WML is and who asks, as for a deployment.

    Raises:
        WmlflError: it cannot be had; the text says why.
    """
    from ..client import Scope, connect
    from ..config import resolve_settings

    settings = resolve_settings({})
    if not settings.project_id and not settings.space_id:
        raise ConfigurationError(
            "Neither a project nor a space is named.", hint="Set WMLFL_PROJECT_ID or WMLFL_SPACE_ID."
        )
    scope = (
        Scope("project_id", settings.project_id)
        if settings.project_id
        else Scope("space_id", settings.space_id)
    )
    client = connect(settings)
    target = folder / _BUNDLE
    with _stored(client, scope, training_id, model_id) as chunks, target.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    return from_bundle(target, folder)


@contextmanager
def _stored(client: WmlClient, scope: Scope, training_id: str, model_id: str) -> Iterator[Iterator[bytes]]:
    if model_id:
        with client.download_content(model_id, scope) as chunks:
            yield chunks
        return
    training = client.get("trainings", training_id, scope)
    state = str((training.entity.get("status") or {}).get("state"))
    if state != "completed":
        raise ContentError(f"The training {training_id} is {state}: it has no trained model.")
    reference = training.entity.get("results_reference") or {}
    if reference.get("type") not in {"container", "fs"}:
        raise ContentError(
            f"The results of the training {training_id} are in storage of the type {reference.get('type')}.",
            hint=f"Download {_BUNDLE} from there and use --trained.",
        )
    location = reference.get("location") or {}
    path = f"{location.get('assets_path')}/{training_id}/resources/wml_model/{_BUNDLE}"
    with client.download_asset_file(path, scope) as chunks:
        yield chunks


def read_layers(weights: Path) -> tuple[Array, ...]:
    """Read a safetensors file or the npz of a training; neither can execute.

    Raises:
        ContentError: it is something else.
    """
    if not zipfile.is_zipfile(weights):
        return read_weights(weights).layers
    try:
        with np.load(weights, allow_pickle=False) as stored:
            count = sum(name.startswith("layer_") for name in stored.files)
            layers: tuple[Array, ...] = tuple(stored[f"layer_{index}"] for index in range(count))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ContentError(f"The weights in {weights} cannot be read ({type(error).__name__}).") from None
    if not layers:
        raise ContentError(f"There are no weights in {weights}.")
    return layers


def _description(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo("training.json").file_size > _LARGEST_DESCRIPTION:
        raise ValueError
    about = json.loads(archive.read("training.json"))
    if not isinstance(about, dict):
        raise ValueError
    return about


def _extract(archive: zipfile.ZipFile, about: dict[str, Any], key: str, folder: Path) -> Path:
    """Write one entry; the name it has in the zip is not followed."""
    target = folder / key
    with archive.open(str(about[key])) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    return target
