"""What is in a model package, by the names in it alone: the package itself is never loaded.

A package may hold pickles and code. The service reads a zip's list of names, and passes the bytes on.
Source: party protocol, "Model package" (layouts that IBM's party accepts).
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import ServiceError
from ...protocol import Framework

__all__ = ["model_spec_of"]

# A hundred thousand files.
_LARGEST_DIRECTORY = 8 << 20
_END = struct.Struct("<4s4H2LH")
_LONGEST_END = _END.size + (1 << 16) + 20
_SAVED_MODEL = "saved_model.pb"
_FILES = {
    Framework.TENSORFLOW: (".h5", ".hdf5"),
    Framework.PYTORCH: (".pt", ".pth"),
    Framework.SCIKIT_LEARN: (".pickle", ".pkl", ".joblib"),
}


def model_spec_of(package: Path, framework: Framework) -> dict[str, Any]:
    """Return the entries of `model_config.spec` that say where in the package the model is.

    Raises:
        ServiceError: it is no zip, or has no model of this framework, or several.
    """
    names = _names(package)
    if framework is Framework.TENSORFLOW:
        if _SAVED_MODEL in names:
            return {"is_model_working_dir": True}
        folders = [
            str(PurePosixPath(name).parent) for name in names if PurePosixPath(name).name == _SAVED_MODEL
        ]
        if folders:
            return {"model_definition": _one(folders, f"folders with {_SAVED_MODEL}")}
    wanted = _FILES[framework]
    found = [name for name in names if name.lower().endswith(wanted)]
    if not found:
        also = f"{_SAVED_MODEL} or " if framework is Framework.TENSORFLOW else ""
        raise ServiceError(f"The model's zip has no {also}{' or '.join(wanted)} file for {framework}.")
    return {"model_definition": _one(found, f"{' or '.join(wanted)} files")}


def _names(package: Path) -> list[str]:
    try:
        if _directory_bytes(package) > _LARGEST_DIRECTORY:
            raise ServiceError("The model's zip has too many files in it.")
        with zipfile.ZipFile(package) as archive:
            infos = archive.infolist()
    # A seek to where no file can be is an OSError.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise ServiceError("The model's content is not a zip, which is what parties unpack.") from None
    return [
        info.filename
        for info in infos
        # Archives made on a Mac carry copies of no use.
        if info.filename and not info.filename.endswith("/") and not info.filename.startswith("__MACOSX/")
    ]


def _directory_bytes(package: Path) -> float:
    """Return the size of a zip's list of files, which reading it takes many times of in memory.

    It stands in the record at the end, which may have a comment after it; a record in the format for large
    zips before that would count instead. Source: APPNOTE.TXT of the ZIP format, 4.3.14 to 4.3.16.
    """
    with package.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_END))
        end = file.read()
    plain = len(end) - _END.size
    at = (
        plain
        if end[max(plain, 0) :].startswith(b"PK\5\6") and end.endswith(b"\0\0")
        else end.rfind(b"PK\5\6")
    )
    if at < 0 or len(end) - at < _END.size:
        raise zipfile.BadZipFile
    if b"PK\6\7" in end[max(0, at - 20) : at]:
        return math.inf
    return float(_END.unpack_from(end, at)[5])


def _one(found: Sequence[str], what: str) -> str:
    if len(found) > 1:
        shown = ", ".join(sorted(found)[:3])
        raise ServiceError(f"The model's zip has {len(found)} {what} ({shown}); it must have exactly one.")
    return found[0]
