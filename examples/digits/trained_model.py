"""What IBM's notebooks do by hand when a training is complete: store its model, and use it."""

import json
import sys
import time
from pathlib import Path

import joblib
from data_handler import HospitalDigits

from pulumi_wmlfl.client import Scope, connect
from pulumi_wmlfl.config import resolve_settings


def store_as_model(ready_file: Path, training_id: str) -> str:
    """Post the request that the training has written; returns the new model's id."""
    settings = resolve_settings({"wmlfl:platform": "local"}, {"WMLFL_READY_FILE": str(ready_file)})
    scope = Scope("project_id", settings.project_id)
    client = connect(settings)
    location = client.get("trainings", training_id, scope).entity["results_reference"]["location"]
    path = f"{location['assets_path']}/{training_id}/resources/wml_model/request.json"
    with client.download_asset_file(path, scope) as chunks:
        request = json.loads(b"".join(chunks))
    stored = client.create("models", {**request, **scope.as_dict()}).id
    deadline = time.monotonic() + 30
    while (state := client.get("models", stored, scope).entity.get("content_import_state")) == "running":
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if state != "completed":
        sys.exit(f"error: the content of the model {stored} was not imported: {state}.")
    return stored


def try_out(file: Path) -> str:
    """Let scikit-learn's model read images that nobody trained on."""
    _, (x_test, y_test) = HospitalDigits({"party": "hospital-north"}).get_data()
    model = joblib.load(file)
    read = model.predict(x_test)
    first = ", ".join(f"{digit} as {found}" for digit, found in zip(y_test[:8], read[:8], strict=True))
    return f"It reads {first}: {100 * (read == y_test).mean():.1f} % of all."
