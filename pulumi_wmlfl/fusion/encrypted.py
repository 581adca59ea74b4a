"""`crypto_iter_avg`: the mean of weights that stay encrypted. Only the parties can read them.

Parties encrypt with a key pair that one of them made (CKKS, homomorphic encryption); the service has the
public part, adds ciphertexts and multiplies the sum by 1/n. Streaming: one model of ciphertexts, 131 KB per
2,048 weights of a layer; O(ciphertexts) per update. A party's ciphertexts cannot be checked for sense:
whoever encrypts nonsense spoils the mean. Cheon et al., "Homomorphic Encryption for Arithmetic of
Approximate Numbers", 2017.

The one fusion that starts processes: each party's ciphertexts are read in one of their own, because hostile
bytes can abort or hang the native library. Needs `pyhelayers` (extra `crypto`). Imports `errors`. Source:
IBM's party library, release 1.0.370, with pyhelayers 1.5.5.4.
"""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FusionError, MissingExtra
from .contract import GlobalUpdate
from .encrypted_worker import UNLIKE, joined, read_all
from .updates import Array, Layout

__all__ = ["EncryptedMean", "has_pyhelayers"]

_WORKER = Path(__file__).with_name("encrypted_worker.py")
_LARGEST_KEY = 2**26
_MOST_LAYERS = 100_000
_DIMENSIONS = 16


def has_pyhelayers() -> bool:
    """Tell whether the extra `crypto` is installed."""
    return importlib.util.find_spec("pyhelayers") is not None


class EncryptedMean:
    """Fuses encrypted updates; see the module. `use_key` comes before the first round.

    `timeout`: seconds that reading and adding one party's ciphertexts may take.
    """

    fusion_type = "crypto_iter_avg"
    holds_all_updates = False

    def __init__(self, *, timeout: float = 120.0) -> None:
        self._timeout = timeout
        self._key = b""
        self._sums: list[bytes] = []
        self._model: tuple[list[list[int]], np.dtype[Any]] | None = None
        self._parties: list[str] = []

    def use_key(self, public_key: bytes) -> None:
        """Use the public key that a party made (`he_pb` of its reply to GENERATE_KEYS).

        Raises:
            FusionError: it is not one.
            MissingExtra: pyhelayers is not installed.
        """
        if not has_pyhelayers():
            raise MissingExtra("crypto_iter_avg", "crypto")
        if not 0 < len(public_key) <= _LARGEST_KEY:
            raise FusionError("The party's public key has a wrong size.")
        self._step("open", [public_key], "The party's public key cannot be read.")
        self._key = public_key

    def start_round(self) -> None:
        """Forget the updates of the round before."""
        self._sums, self._parties = [], []

    def add(self, party: str, payload: object) -> None:
        """Add a party's ciphertexts to the sum.

        Raises:
            FusionError: they are not ciphertexts of the first party's model; the round is as it was before.
        """
        if not self._key:
            raise FusionError("The parties' keys have not been exchanged yet.")
        if party in self._parties:
            raise FusionError("The party's update is in this round already.")
        shapes, dtype, ciphertexts = _read(payload)
        if self._model is not None and self._model != (shapes, dtype):
            raise FusionError("The party's update is of another model: other shapes or another number type.")
        step = "add" if self._sums else "open"
        unreadable = "The party's encrypted weights cannot be read with its key."
        self._sums = self._step(step, [self._key, *self._sums, *ciphertexts], unreadable)
        self._model = shapes, dtype
        self._parties.append(party)

    def finish(self) -> GlobalUpdate:
        """Return the encrypted mean; its `layers` are None, for the service cannot read them.

        Raises:
            FusionError: there is no update.
        """
        if not self._sums or self._model is None:
            raise FusionError("There is no update to fuse.")
        factor = repr(1 / len(self._parties)).encode()
        scaled = self._step("scale", [self._key, factor, *self._sums], "The encrypted mean cannot be made.")
        shapes, dtype = self._model
        weights = [[ciphertext, shape] for ciphertext, shape in zip(scaled, shapes, strict=True)]
        parties = tuple(self._parties)
        self.start_round()
        return GlobalUpdate({"ct_weights": weights, "weights_dtype": dtype}, None, None, parties)

    def restore(self, layers: tuple[Array, ...], layout: Layout) -> GlobalUpdate:
        """Return stored weights, which a party has opened: parties take them in clear, too."""
        self.start_round()
        return GlobalUpdate({"weights": layout.to_wire(layers)}, layers, layout, ())

    def _step(self, step: str, inputs: Sequence[bytes], unreadable: str) -> list[bytes]:
        """Carry out one step in a process of its own; see `encrypted_worker`."""
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(_WORKER), step],
                input=joined(inputs),
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FusionError(f"{unreadable} It took more than {self._timeout:g} seconds.") from None
        if done.returncode == UNLIKE:
            raise FusionError("The party's ciphertexts are of another form than those of the other parties.")
        if done.returncode:
            raise FusionError(unreadable)
        return read_all(io.BytesIO(done.stdout))


def _read(payload: object) -> tuple[list[list[int]], np.dtype[Any], list[bytes]]:
    """Check a payload; return shapes, number type and ciphertexts."""
    if not isinstance(payload, Mapping):
        raise FusionError("The party's update has no encrypted weights.")
    weights, dtype = payload.get("ct_weights"), payload.get("weights_dtype")
    if not isinstance(weights, list) or not 0 < len(weights) <= _MOST_LAYERS:
        raise FusionError("The party's update has no encrypted weights.")
    if not isinstance(dtype, np.dtype) or dtype.kind != "f":
        raise FusionError("The party's update does not name the type of its weights.")
    layers = [_layer(layer) for layer in weights]
    return [shape for _, shape in layers], dtype, [ciphertext for ciphertext, _ in layers]


def _layer(layer: object) -> tuple[bytes, list[int]]:
    """Return a ciphertext and the shape beside it: `[ciphertext, shape]`."""
    if isinstance(layer, list) and len(layer) == 2 and isinstance(layer[1], list):
        ciphertext, shape = layer
        whole = all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape)
        if isinstance(ciphertext, bytes) and ciphertext and whole and len(shape) <= _DIMENSIONS:
            return ciphertext, shape
    raise FusionError("The party's update has a layer that is not a ciphertext with its shape.")
