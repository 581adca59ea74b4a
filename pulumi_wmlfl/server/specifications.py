"""Software and hardware specifications that the service knows by name.

Source: ids of IBM's published notebooks and SDK; a name that is not listed gets an id derived from it.
"""

from __future__ import annotations

import uuid

__all__ = ["HARDWARE", "SOFTWARE", "software_id", "software_name"]

_NAMESPACE = uuid.UUID("7d5b8f3e-5f0c-4a57-9a55-1d5c0b9d6a11")

SOFTWARE: dict[str, str] = {
    "default_py3.7": "e4429883-c883-42b6-87a8-f419d64088cd",
    "runtime-22.1-py3.9": "12b83a17-24d8-5082-900f-0ab31fbfd3cb",
    "runtime-22.2-py3.10": "b56101f1-309d-549b-a849-eaa63f77b2fb",
    "runtime-23.1-py3.10": "336b29df-e0e1-5e7d-b6a5-f6ab722625b2",
    "runtime-24.1-py3.11": "45f12dfe-aa78-5b8d-9f38-0ee223c47309",
    "tensorflow_2.1-py3.7": "c4032338-2a40-500a-beef-b01ab2667e27",
    "pytorch-onnx_1.3-py3.7": "8d5d8a87-a912-54cf-81ec-3914adaa988d",
}
for _name in (
    "tensorflow_2.4-py3.7",
    "tensorflow_rt22.1-py3.9",
    "tensorflow_rt22.2-py3.10",
    "tensorflow_rt23.1-py3.10",
    "tensorflow_rt24.1-py3.11",
    "pytorch-onnx_rt22.1-py3.9",
    "pytorch-onnx_rt22.2-py3.10",
    "pytorch-onnx_rt23.1-py3.10",
    "pytorch-onnx_rt24.1-py3.11",
):
    SOFTWARE[_name] = str(uuid.uuid5(_NAMESPACE, _name))
_NAMES = {spec_id: name for name, spec_id in SOFTWARE.items()}

HARDWARE: dict[str, str] = {
    size: str(uuid.uuid5(_NAMESPACE, f"hardware {size}")) for size in ("XS", "S", "M", "L", "XL")
}


def software_id(name: str) -> str:
    """Return the id of a software specification; unknown names get a stable one."""
    return SOFTWARE.get(name) or str(uuid.uuid5(_NAMESPACE, name))


def software_name(spec_id: str) -> str | None:
    """Return the name of a listed software specification."""
    return _NAMES.get(spec_id)
