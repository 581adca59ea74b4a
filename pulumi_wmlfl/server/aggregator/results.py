"""Results of a training where IBM's SDK and notebooks look for them, and models made from them.

Under `assets_path`: `<training id>/resources/wml_model/` with `request.json`, the body of a request that
stores the trained model, and `model.zip`, its content: the fused weights in a format that holds numbers
only, and the original package, untouched. Source: API reference, "References"; SDK 1.0.370 and 1.3.39,
`_publish_from_training`.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from ...errors import ServiceError
from ...fusion import BoostingParameters, Form, GlobalUpdate
from ..services import Services
from ..store.contract import Record
from ..wire import record_view
from .fusing import save_layers
from .storage import LocalStorage, ObjectStorage, Storage
from .workspace import Workspace

__all__ = ["MODEL_FILE", "Results", "results_of", "storage_of"]

MODEL_FILE = "model.zip"
_ON_SERVICE = frozenset({"container", "fs"})


def storage_of(services: Services, record: Record) -> Storage:
    """Return where a training's results go."""
    reference = record.entity["results_reference"]
    if reference["type"] in _ON_SERVICE:
        return LocalStorage(services.settings.data_dir, record.scope)
    return ObjectStorage(services.sealer.unseal(record.extra["connection"]), reference["location"])


def results_of(services: Services, record: Record, workspace: Workspace, rounds: int) -> Results:
    """Return the results of a training after so many rounds."""
    return Results(services, record, workspace, rounds)


class Results:
    """The results of one training."""

    def __init__(self, services: Services, record: Record, workspace: Workspace, rounds: int) -> None:
        self._services = services
        self._record = record
        self._workspace = workspace
        self._rounds = rounds
        self._location: Mapping[str, Any] = record.entity["results_reference"]["location"]

    async def store(self, model: GlobalUpdate) -> None:
        """Write model, request, status and logs.

        Raises:
            ServiceError: the storage failed; the results are kept on the service then.
        """
        await run_in_threadpool(self._store, model)

    async def keep_round(self, model: GlobalUpdate, number: int) -> None:
        """Write the model of a round that is not the last (`save_intermediate_models`)."""
        folder = f"{self._record.id}_{number}"
        storage = await run_in_threadpool(storage_of, self._services, self._record)
        await run_in_threadpool(self._put_model, storage, model, folder, number)

    async def rescue(self, model: GlobalUpdate) -> None:
        """Keep the model of a failed training on the service, as one of a round that is not the last."""
        storage = LocalStorage(self._services.settings.data_dir, self._record.scope)
        folder = f"{self._record.id}_{self._rounds}"
        await run_in_threadpool(self._put_model, storage, model, folder, self._rounds)

    def _store(self, model: GlobalUpdate) -> None:
        storage = storage_of(self._services, self._record)
        try:
            self._write(storage, model)
        except ServiceError as error:
            if isinstance(storage, LocalStorage):
                raise
            self._write(LocalStorage(self._services.settings.data_dir, self._record.scope), model)
            kept = f"The service keeps them: GET /ml/v4/trainings/{self._record.id}/results."
            raise ServiceError(f"The results could not be stored: {error.message}", hint=kept) from None

    def _write(self, storage: Storage, model: GlobalUpdate) -> None:
        self._put_model(storage, model, self._record.id, self._rounds)
        current = self._services.store.get("trainings", self._record.id) or self._record
        status = record_view(current, self._services.sealer)["entity"]["status"]
        self._put_text(storage, self._location["training_status"], json.dumps(status, indent=1))
        if "logs" in self._location:
            log = self._log()
            metrics = "\n".join(json.dumps(entry) for entry in status.get("metrics", ()))
            # As the SDK's monitor looks for them when a training has ended.
            logs = f"{self._location['logs']}/learner-1"
            self._put_text(storage, self._location["training_log"], log)
            self._put_text(storage, f"{logs}/training-log.txt", log)
            self._put_text(storage, f"{logs}/evaluation-metrics.txt", metrics + "\n")

    def _log(self) -> str:
        entries = self._services.jobs.read_journal(self._record.id)
        return "".join(f"{entry.at} {entry.event} {json.dumps(entry.data)}\n" for entry in entries)

    def _put_model(self, storage: Storage, model: GlobalUpdate, folder: str, rounds: int) -> None:
        base = f"{self._location['assets_path']}/{folder}/resources/wml_model"
        with self._scratch() as scratch:
            bundle = scratch / MODEL_FILE
            self._bundle(bundle, model, rounds)
            storage.put(f"{base}/{MODEL_FILE}", bundle)
        # The request comes last: where it is, everything is.
        request = self._request(f"{base}/{MODEL_FILE}")
        self._put_text(storage, f"{base}/request.json", json.dumps(request, indent=1))

    def _bundle(self, target: Path, model: GlobalUpdate, rounds: int) -> None:
        """Zip weights, original package and a description; nothing of it is executable here."""
        learning = self._record.entity["federated_learning"]
        kind = "trees" if model.layout is not None and model.layout.form is Form.TREES else "weights"
        about = {
            "training_id": self._record.id,
            "rounds": rounds,
            "fusion_type": learning["fusion_type"],
            "model_type": (learning.get("model") or {}).get("type"),
            kind: f"{kind}.npz",
            **({"package": "package.zip"} if self._workspace.package.exists() else {}),
            **({"parameters": _tree_parameters(learning)} if kind == "trees" else {}),
        }
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            archive.writestr("training.json", json.dumps(about, indent=1))
            with archive.open(f"{kind}.npz", "w", force_zip64=True) as file:
                save_layers(model, file)
            if self._workspace.package.exists():
                archive.write(self._workspace.package, "package.zip")

    def _request(self, content: str) -> dict[str, Any]:
        """Return the body of `POST /ml/v4/models`; the SDK fills in name, scope, connection and software."""
        learning = self._record.entity["federated_learning"]
        named = learning.get("model") or {}
        spec = named.get("spec") or {}
        href = spec.get("href")
        model_id = (href if isinstance(href, dict) else spec).get("id")
        source = self._services.store.get("models", str(model_id)) if model_id else None
        entity = source.entity if source else {}
        reference = self._record.entity["results_reference"]
        return {
            "name": self._record.name or f"Model of the training {self._record.id}",
            "type": entity.get("type") or named.get("type"),
            "software_spec": {"id": entity["software_spec"]["id"]} if entity else {"name": _SOFTWARE},
            "content_location": {
                "type": reference["type"],
                "connection": {},
                "location": {
                    key: reference["location"][key]
                    for key in ("bucket", "path")
                    if key in reference["location"]
                },
                "contents": [{"content_format": "native", "file_name": MODEL_FILE, "location": content}],
            },
        }

    def _put_text(self, storage: Storage, path: str, text: str) -> None:
        with self._scratch() as scratch:
            file = scratch / "file"
            file.write_text(text)
            storage.put(path, file)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Give a folder on the data folder's disk, which has room for a model."""
        self._workspace.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._workspace.folder) as folder:
            yield Path(folder)


def _tree_parameters(learning: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how the trees were grown, under scikit-learn's names where it has them."""
    shared: Mapping[str, Any] = BoostingParameters.of(learning["fusion_type"], learning).to_wire()["global"]
    return shared


_SOFTWARE = "runtime-24.1-py3.11"
