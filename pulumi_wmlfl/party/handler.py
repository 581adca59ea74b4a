"""Loads the party's own code: its data handler, and its model where that is a class of its own.

A data handler has the shape that IBM documents: a class built with `data_config=info`, whose `get_data()`
returns `((x, y), (x_test, y_test))`. A handler written for IBM's library runs unchanged: where that library
is not installed, its base class is stood in for. Imports `errors`.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigurationError, UserCodeError
from .settings import HandlerSource

__all__ = ["LocalData", "load_class", "load_data", "own_code"]

Array = npt.NDArray[Any]
_IBM_BASES = (
    "ibm_watson_machine_learning.federated_learning.data_handler",
    "ibm_watsonx_ai.federated_learning.data_handler",
    "ibmfl.data.data_handler",
)
# Parties may share a process; what an import changes for a moment belongs to one of them at a time.
_importing = threading.RLock()


@dataclass(frozen=True, slots=True)
class LocalData:
    """A party's data: rows of `x` belong to rows of `y`; the test set may be None."""

    x: Array
    y: Array
    x_test: Array | None
    y_test: Array | None

    @property
    def count(self) -> int:
        """How many samples the party trains on."""
        return len(self.x)


def load_data(source: HandlerSource) -> LocalData:
    """Build the data handler and take its data once.

    Raises:
        UserCodeError: the handler failed, or gives something else than data; named with file and line.
        ConfigurationError: the file has no such class.
    """
    handler_class = load_class(source.path, source.class_name, method="get_data", what="data handler")
    with own_code(source.path, f"The data handler {handler_class.__name__}"):
        handler = handler_class(data_config=dict(source.info))
        found = handler.get_data()
    return _checked(found, f"{source.path}: {handler_class.__name__}.get_data()")


def load_class(path: Path, class_name: str, *, method: str, what: str) -> type[Any]:
    """Import `path` and return its class: the named one, or the only one that has `method`."""
    module = _import(path, what)
    if class_name:
        found = getattr(module, class_name, None)
        if not inspect.isclass(found):
            raise ConfigurationError(f"{path} has no class {class_name}.")
        if not callable(getattr(found, method, None)):
            raise ConfigurationError(f"{path}: the class {class_name} is no {what}: it has no {method}().")
        return found
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__ and hasattr(value, method)
    ]
    if len(own) != 1:
        names = ", ".join(item.__name__ for item in own) or "none"
        raise ConfigurationError(
            f"{path} must have exactly one class with {method}(), the {what}; it has {names}.",
            hint=f"Name it: {path.name}:Class",
        )
    return own[0]


@contextmanager
def own_code(path: Path, what: str) -> Iterator[None]:
    """Turn whatever the party's own code raises into one error that names its file and line.

    Raises:
        UserCodeError: the block raised.
    """
    try:
        yield
    except UserCodeError:
        raise
    except Exception as error:
        place = _place(error, path)
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise UserCodeError(f"{what} failed at {place}: {said}.") from error


def _place(error: Exception, path: Path) -> str:
    """Return file and line of the party's code: the innermost frame in the file's folder."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    folder = str(path.parent)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == str(path)] or [
        frame
        for frame in frames
        if frame.filename.startswith(folder) and "site-packages" not in frame.filename
    ]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else str(path)


def _import(path: Path, what: str) -> types.ModuleType:
    name = f"wmlfl_party_{path.stem}_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"The {what} {path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    # Its own folder is where it expects its other modules, as when it is run as a script.
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    sys.modules[name] = module
    with _importing, own_code(path, f"The {what}"), _ibm_bases():
        spec.loader.exec_module(module)
    return module


@contextmanager
def _ibm_bases() -> Iterator[None]:
    """Let `from ibm_… import DataHandler` work where IBM's library is not installed."""
    added: list[str] = []
    for dotted in _IBM_BASES:
        if dotted.partition(".")[0] not in sys.modules and not _installed(dotted.partition(".")[0]):
            parts = dotted.split(".")
            for end in range(1, len(parts) + 1):
                name = ".".join(parts[:end])
                sys.modules[name] = types.ModuleType(name)
                sys.modules[name].__path__ = []
                added.append(name)
            sys.modules[dotted].DataHandler = _DataHandler  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


class _DataHandler:
    """Stands in for the base class of IBM's library: the attributes that handlers rely on."""

    def __init__(self, **_: Any) -> None:
        self.x_train: Any = None
        self.y_train: Any = None
        self.x_test: Any = None
        self.y_test: Any = None
        self.preprocessor: Any = None


def _checked(found: Any, where: str) -> LocalData:
    x_test: Any
    y_test: Any
    try:
        (x, y), test = found
        x_test, y_test = (None, None) if test is None else test
    except (TypeError, ValueError):
        raise UserCodeError(
            f"{where} must return ((x, y), (x_test, y_test)), four arrays in two pairs."
        ) from None
    if x_test is None or y_test is None:
        x_test = y_test = None
    train = _pair(x, y, f"{where}: the training data")
    if not len(train[0]):
        raise UserCodeError(f"{where}: the training data is empty.")
    if x_test is None:
        return LocalData(*train, None, None)
    test_pair = _pair(x_test, y_test, f"{where}: the test data")
    if test_pair[0].shape[1:] != train[0].shape[1:]:
        raise UserCodeError(
            f"{where}: a row of the test data has shape {test_pair[0].shape[1:]}, "
            f"one of the training data {train[0].shape[1:]}."
        )
    return LocalData(*train, *test_pair)


def _pair(x: object, y: object, where: str) -> tuple[Array, Array]:
    left, right = np.asarray(x), np.asarray(y)
    if left.dtype == object or left.ndim < 2:
        raise UserCodeError(f"{where}: x must be numbers in at least two dimensions (samples, features).")
    if right.ndim == 0 or len(left) != len(right):
        count = len(right) if right.ndim else "no"
        raise UserCodeError(f"{where}: x has {len(left)} rows, y has {count}.")
    return left, right
