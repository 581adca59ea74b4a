"""The fused model as it is kept: arrays and their layout in one file that can hold nothing else."""

from __future__ import annotations

from typing import IO

import numpy as np

from ...errors import FusionError
from ...fusion import GlobalUpdate, Layout

__all__ = ["load_layers", "save_layers"]

_LAYOUT = "layout"


def save_layers(update: GlobalUpdate, file: IO[bytes]) -> None:
    """Write a fused model as `.npz`: `layout`, a JSON text as bytes, and `layer_0`, `layer_1`, ... or, of a
    model that names its arrays, those."""
    if update.layers is None or update.layout is None:
        raise FusionError("The service never sees the weights of this fusion, so it cannot keep them.")
    layout = np.frombuffer(update.layout.to_json().encode(), np.uint8)
    arrays = dict(zip(update.layout.stored_names, update.layers, strict=True))
    np.savez(file, **{_LAYOUT: layout}, **arrays)  # type: ignore[arg-type]


def load_layers(
    file: IO[bytes],
) -> tuple[tuple[np.ndarray[tuple[int, ...], np.dtype[np.generic]], ...], Layout]:
    """Read what :func:`save_layers` wrote.

    Raises:
        FusionError: it is something else.
    """
    try:
        with np.load(file, allow_pickle=False) as found:
            layout = Layout.from_json(found[_LAYOUT].tobytes().decode())
            layers = tuple(found[name] for name in layout.stored_names)
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise FusionError(f"A fused model cannot be read ({type(error).__name__}).") from None
    return layers, layout
