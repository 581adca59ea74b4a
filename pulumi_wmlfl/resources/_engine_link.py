"""What Pulumi's dynamic server has no way for.

Clean one-line errors, partial state, live status on a resource's row, more than four threads.

These touch internals of the SDK (frames of its server, its private pool), so they live here alone, are found
at run time, and where they are not found the caller falls back to a plain exception.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from ..errors import WmlflError, redact

__all__ = ["clean_errors", "fail_with_partial_state", "progress_of_this_call", "widen_thread_pool"]

_THREADS = 64
_DETAILS = "grpc-status-details-bin"


def clean_errors() -> None:
    """Make the server report our errors by their text instead of a traceback.

    The server formats whatever a method raises with `traceback.format_exc`; our own errors need one line.
    """
    original = traceback.format_exc
    if getattr(original, "_wmlfl", False):
        return

    def format_exc(limit: int | None = None, chain: bool = True) -> str:  # noqa: FBT001, FBT002
        error = sys.exc_info()[1]
        return str(error) if isinstance(error, WmlflError) else redact(original(limit, chain))

    format_exc._wmlfl = True  # type: ignore[attr-defined]
    traceback.format_exc = format_exc


def widen_thread_pool() -> None:
    """Let more than four calls run at once: a training that waits must not stall the rest of the stack."""
    for frame in sys._current_frames().values():
        for caller in _callers(frame):
            server = caller.f_locals.get("server") if caller.f_code.co_name == "main" else None
            with suppress(AttributeError):
                pool = server._state.thread_pool  # type: ignore[union-attr]
                pool._max_workers = max(pool._max_workers, _THREADS)
                return


def progress_of_this_call() -> Callable[[str], None]:
    """Return a function that shows a text as live status on the row of the resource of this call."""
    call = _current_call()
    urn = getattr(call[0], "urn", "") if call else ""
    if not urn or len(sys.argv) < 2:
        return lambda _text: None
    said = ""

    def progress(text: str) -> None:
        nonlocal said
        if text != said:
            said = text
            with suppress(Exception):
                _log(urn, text)

    return progress


def fail_with_partial_state(object_id: str, outputs: dict[str, Any], reason: str) -> None:
    """Make the running call fail in a way that keeps the object's id and outputs in the state.

    Does not return where that works; returns where the server's internals are not as expected.
    """
    call = _current_call()
    if call is None:
        return
    request, context = call
    from google.protobuf import any_pb2, struct_pb2
    from pulumi.runtime.proto import provider_pb2, status_pb2

    sent = getattr(request, "properties", None) or request.news
    properties = struct_pb2.Struct()
    properties.update({**outputs, "__provider": sent["__provider"]})
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=object_id, properties=properties, inputs=sent, reasons=[reason]
        )
    )
    status = status_pb2.Status(code=2, message=reason, details=[detail])
    context.set_trailing_metadata(((_DETAILS, status.SerializeToString()),))


def _log(urn: str, text: str) -> None:
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    with grpc.insecure_channel(sys.argv[1]) as channel:
        request = engine_pb2.LogRequest(
            severity=engine_pb2.INFO, message=redact(text), urn=urn, ephemeral=True
        )
        engine_pb2_grpc.EngineStub(channel).Log(request, timeout=5)


def _current_call() -> tuple[Any, Any] | None:
    """Return request and context of the RPC that this thread serves."""
    for frame in _callers(sys._getframe()):
        found = frame.f_locals
        if frame.f_code.co_name == "wrapper" and {"request", "context"} <= set(found):
            return found["request"], found["context"]
    return None


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@contextmanager
def no_exits() -> Iterator[None]:
    """Turn `SystemExit` and its like into an error: leaving a method with one hangs the deployment."""
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        raise WmlflError(f"The provider was asked to stop ({type(error).__name__}).") from error
