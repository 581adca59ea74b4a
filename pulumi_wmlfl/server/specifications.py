"""Software and hardware specifications that the service knows.

Source: ids, names and states of IBM's published notebooks, SDK and documentation (reference, section 10);
an id that IBM has not published is derived from the name.
"""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .problems import bad_request

__all__ = ["HARDWARE", "SOFTWARE", "Specification", "deprecation", "resolve_software"]

_NAMESPACE = uuid.UUID("7d5b8f3e-5f0c-4a57-9a55-1d5c0b9d6a11")


@dataclass(frozen=True, slots=True)
class Specification:
    """A software specification: its id, and its state in WML's life cycle."""

    name: str
    id: str
    state: str


_PUBLISHED = {
    "default_py3.7": "e4429883-c883-42b6-87a8-f419d64088cd",
    "runtime-22.1-py3.9": "12b83a17-24d8-5082-900f-0ab31fbfd3cb",
    "runtime-22.2-py3.10": "b56101f1-309d-549b-a849-eaa63f77b2fb",
    "runtime-23.1-py3.10": "336b29df-e0e1-5e7d-b6a5-f6ab722625b2",
    "runtime-24.1-py3.11": "45f12dfe-aa78-5b8d-9f38-0ee223c47309",
    "tensorflow_2.1-py3.7": "c4032338-2a40-500a-beef-b01ab2667e27",
    "pytorch-onnx_1.3-py3.7": "8d5d8a87-a912-54cf-81ec-3914adaa988d",
}
_RUNTIMES = ("22.1-py3.9", "22.2-py3.10", "23.1-py3.10", "24.1-py3.11")
_OTHERS = (
    "default_py3.8",
    "scikit-learn_0.23-py3.7",
    "tensorflow_2.4-py3.7",
    "tensorflow_2.4-py3.8",
    "pytorch-onnx_1.7-py3.7",
    "pytorch-onnx_1.7-py3.8",
    *(f"tensorflow_rt{runtime}" for runtime in _RUNTIMES),
    *(f"pytorch-onnx_rt{runtime}" for runtime in _RUNTIMES),
)


def _state(name: str) -> str:
    if "24.1" in name or "23.1" in name:
        return "supported"
    return "deprecated" if "22.2" in name else "constricted"


SOFTWARE: Mapping[str, Specification] = {
    name: Specification(name, _PUBLISHED.get(name) or str(uuid.uuid5(_NAMESPACE, name)), _state(name))
    for name in (*_PUBLISHED, *_OTHERS)
}
_BY_ID = {specification.id: specification for specification in SOFTWARE.values()}
HARDWARE: Mapping[str, str] = {
    size: str(uuid.uuid5(_NAMESPACE, f"hardware {size}")) for size in ("XS", "S", "M", "L", "XL")
}


def resolve_software(reference: Mapping[str, Any]) -> dict[str, str]:
    """Return id **and** name of a specification named by one of them: WML answers both, whatever was sent.

    Raises:
        Refusal: 400, there is no such specification.
    """
    name, spec_id = reference.get("name"), reference.get("id")
    found = SOFTWARE.get(str(name)) if name is not None else _BY_ID.get(str(spec_id))
    if found is None:
        near = difflib.get_close_matches(str(name), SOFTWARE, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        text = f"The software specification {name or spec_id} does not exist.{hint}"
        raise bad_request(text, target="software_spec")
    return {"id": found.id, "name": found.name}


def deprecation(name: str) -> list[dict[str, str]]:
    """Return the warning that a model with an old specification carries."""
    found = SOFTWARE.get(name)
    if found is None or found.state == "supported":
        return []
    text = f"The software specification {name} is {found.state}. Use runtime-24.1-py3.11."
    return [{"id": "software_spec_deprecated", "message": text}]
