"""Does one step of arithmetic with ciphertexts, in a process of its own.

pyhelayers reads ciphertexts with native code, which bytes of a party may abort or hang. It then takes this
process along and nothing else. Standard input and output carry byte strings, each after its length (8 bytes,
little-endian): in, the key and ciphertexts; out, ciphertexts. Exit code 3: they cannot be read; 4: they
cannot be added. Imports nothing of ours.

Steps: `open KEY CIPHERTEXT...` reads ciphertexts and writes them again, `add KEY SUM... CIPHERTEXT...` adds
the second half to the first, `scale KEY FACTOR SUM...` multiplies by a number (as text).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

UNREADABLE = 3
UNLIKE = 4
_MOST_MEMORY = 16 * 2**30


def read_all(source: BinaryIO) -> list[bytes]:
    """Read byte strings to the end."""
    found = []
    while head := source.read(8):
        found.append(source.read(int.from_bytes(head, "little")))
    return found


def joined(strings: Sequence[bytes]) -> bytes:
    """Return byte strings, each after its length."""
    return b"".join(part for string in strings for part in (len(string).to_bytes(8, "little"), string))


def main(step: str) -> int:
    """Carry out one step; return the exit code."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    # The library writes to the standard output at will.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    key, *inputs = read_all(sys.stdin.buffer)
    factor = float(inputs.pop(0)) if step == "scale" else 1.0
    try:
        # A ciphertext needs its context alive.
        context, tensors = _load(key, inputs)
    except (RuntimeError, ValueError, IndexError, MemoryError):
        return UNREADABLE
    if step == "add":
        half = len(tensors) // 2
        sums, added = tensors[:half], tensors[half:]
        if [_kind(one) for one in sums] != [_kind(other) for other in added]:
            return UNLIKE
        for total, tensor in zip(sums, added, strict=True):
            total.add(tensor)
        tensors = sums
    elif step == "scale":
        for tensor in tensors:
            tensor.multiply_scalar(factor)
    answers.write(joined([tensor.save_to_buffer() for tensor in tensors]))
    answers.close()
    del tensors, context
    return 0


def _load(key: bytes, ciphertexts: Sequence[bytes]) -> tuple[Any, list[Any]]:
    import pyhelayers

    context = pyhelayers.DefaultContext()
    context.load_from_buffer(key)
    tensors = []
    for ciphertext in ciphertexts:
        tensor = pyhelayers.CTileTensor(context)
        tensor.load_from_buffer(ciphertext)
        tensors.append(tensor)
    return context, tensors


def _kind(tensor: Any) -> tuple[str, int]:
    """Return what must be equal for two ciphertexts to be added."""
    return str(tensor.get_shape()), tensor.get_chain_index()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
