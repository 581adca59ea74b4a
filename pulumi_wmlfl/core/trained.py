"""Where the model that a training produced lies, in the words of a request that stores it.

A completed training leaves `request.json` among its results; its `content_location` is what IBM's SDK posts
to make a model of it. Source: SDK 1.0.370 and 1.3.39, `_publish_from_training`.
"""

from __future__ import annotations

import json
from typing import Any

from ..client.contract import Scope, WmlApi
from ..errors import ContentError
from .results import Json

__all__ = ["trained_content"]

_IN_PROJECT = ("container", "fs")
_LARGEST = 1 << 20


def trained_content(api: WmlApi, training_id: str, scope: Scope) -> Json:
    """Return `content_location` for the model of a completed training.

    Raises:
        ContentError: it has none, or its results are not in the project or space.
    """
    training = api.get("trainings", training_id, scope)
    if training.state != "completed":
        raise ContentError(
            f"The training {training_id} is {training.state}: it has no trained model.",
            hint="Declare the model once it is completed, or let the training `wait_for` that.",
        )
    reference = _object(training.entity.get("results_reference"))
    folder = _object(reference.get("location")).get("assets_path")
    if reference.get("type") not in _IN_PROJECT or not isinstance(folder, str):
        raise ContentError(
            f"The results of the training {training_id} are in storage of the type {reference.get('type')}, "
            "which cannot be read from here.",
            hint="Store the model with IBM's SDK: client.repository.store_model(training_id, ...).",
        )
    text = b""
    path = f"{folder}/{training_id}/resources/wml_model/request.json"
    with api.download_asset_file(path, scope) as chunks:
        for chunk in chunks:
            text += chunk
            if len(text) > _LARGEST:
                break
    try:
        location = _object(json.loads(text)).get("content_location")
    except (ValueError, RecursionError):
        location = None
    if not isinstance(location, dict) or not location.get("contents"):
        raise ContentError(f"The file {path} of the training {training_id} does not say where its model is.")
    return {"connection": {}, **location}


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
