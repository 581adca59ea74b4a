"""Files of a training that runs: its model package as it was at the start, and the last fused model.

They are what a restarted service goes on with. The package is copied, so that a later upload does not reach a
running training; it is never opened here beyond its list of names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ...errors import FusionError, ServiceError
from ...fusion import Array, BoostingParameters, GlobalUpdate, Layout
from ...protocol import Framework, RegisterReply, local_training_class, model_class
from ..services import Services
from .fusing import load_layers, save_layers
from .package import model_spec_of
from .plan import WITHOUT_PACKAGE, Plan

__all__ = ["Workspace", "remove_strays"]

_FOLDER = "trainings"
_PACKAGE = "package.zip"


class Workspace:
    """The folder of one training; all methods wait for the disk."""

    def __init__(self, data_dir: Path, training_id: str) -> None:
        self.folder = data_dir / _FOLDER / training_id

    @property
    def package(self) -> Path:
        """Where the model package is, once a party has registered."""
        return self.folder / _PACKAGE

    # what parties are told

    def registration(self, services: Services, plan: Plan) -> RegisterReply:
        """Return what every party gets in answer to REGISTER; the `id_request` is to be replaced.

        Raises:
            ServiceError: the model has no content, or parties could not load it.
        """
        framework = plan.framework
        spec: dict[str, Any] = {}
        package: bytes | None = None
        if plan.fusion_type in WITHOUT_PACKAGE:
            spec = BoostingParameters.of(plan.fusion_type, plan.learning).to_wire()
        else:
            self._take_package(services, plan.model_id)
            spec = {**model_spec_of(self.package, framework), **_framework_spec(plan)}
            package = self.package.read_bytes()
        return RegisterReply(
            id_request=0,
            model_config={**model_class(framework, plan.fusion_type), "spec": spec},
            local_training=local_training_class(plan.fusion_type),
            model_package=package,
        )

    def _take_package(self, services: Services, model_id: str) -> None:
        if self.package.exists():
            return
        found = services.store.attachments(model_id) if model_id else []
        contents = [content for content in found if content.content_format == "native"]
        if not contents:
            named = f"The model {model_id} has no content" if model_id else "The training names no model"
            raise ServiceError(f"{named}; upload a zip with the untrained model before parties register.")
        temporary = self.package.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with services.blobs.lock:
                shutil.copyfile(services.blobs.path(contents[-1].sha256), temporary)
            temporary.replace(self.package)
        except OSError as error:
            raise ServiceError(f"The model's content cannot be copied for the parties: {error}.") from None

    # fused models

    def save_model(self, model: GlobalUpdate, number: int) -> str:
        """Keep the fused model of a round; it is on the disk when this returns its file's name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"round-{number}.npz"
        temporary = self.folder / f"{name}.part"
        with temporary.open("wb") as file:
            save_layers(model, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / name)
        _sync_folder(self.folder)
        return name

    def load_model(self, name: str) -> tuple[tuple[Array, ...], Layout]:
        """Return a fused model that was kept.

        Raises:
            ServiceError: it is not there any more.
        """
        try:
            with (self.folder / name).open("rb") as file:
                return load_layers(file)
        except (OSError, FusionError) as error:
            raise ServiceError(f"The last fused model cannot be read: {error}.") from None

    def forget_models(self, keep: str) -> None:
        """Remove the fused models of earlier rounds."""
        for file in self.folder.glob("round-*"):
            if file.name != keep:
                file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _framework_spec(plan: Plan) -> dict[str, Any]:
    """Return what else IBM's model class reads from `model_config.spec`; names, never code."""
    if plan.framework is not Framework.PYTORCH:
        return {}
    loss = str(plan.learning.get("loss") or "")
    optimizer = (plan.learning.get("optimizer") or {}).get("name")
    spec: dict[str, Any] = {"is_classification": not _is_regression(loss)}
    if optimizer:
        spec["optimizer"] = f"optim.{str(optimizer).rsplit('.', 1)[-1]}"
    if loss:
        spec["loss_criterion"] = f"nn.{loss.rsplit('.', 1)[-1]}"
    return spec


def _is_regression(loss: str) -> bool:
    """Tell by the name of PyTorch's loss; without one IBM's party takes a classification."""
    return loss.rsplit(".", 1)[-1] in {"MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss"}


def remove_strays(data_dir: Path, active: Collection[str]) -> None:
    """Remove the folders of trainings that have ended or are gone."""
    folder = data_dir / _FOLDER
    if not folder.is_dir():
        return
    for stray in folder.iterdir():
        if stray.name not in active:
            shutil.rmtree(stray, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
