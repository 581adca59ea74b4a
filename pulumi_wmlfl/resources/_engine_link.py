"""What Pulumi's dynamic server has no way for.

Clean one-line errors, partial state, live status on a resource's row, more than four threads.

These touch internals of the SDK (frames of its server, its private pool), so they live here alone, are found
at run time, and where they are not found the caller falls back to a plain exception.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from .._redaction import redact
from ..errors import WmlflError

__all__ = [
    "clean_errors",
    "end_with_the_engine",
    "fail_with_partial_state",
    "progress_of_this_call",
    "timeout_of_this_call",
    "urn_of_this_call",
    "warn",
    "when_cancelled",
    "when_the_deployment_ends",
    "widen_thread_pool",
]

_THREADS = 64
_warned: set[tuple[str, str]] = set()
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
        return error.with_code() if isinstance(error, WmlflError) else redact(original(limit, chain))

    format_exc._wmlfl = True  # type: ignore[attr-defined]
    traceback.format_exc = format_exc


def widen_thread_pool() -> None:
    """Let more than four calls run at once: a training that waits must not stall the rest of the stack.

    Calls that came before this one was served wait already, and no later call need come that would start a
    thread for them.
    """
    server = _server()
    with suppress(AttributeError):
        pool = server._state.thread_pool
        with pool._shutdown_lock:
            if pool._max_workers < _THREADS:
                pool._max_workers = _THREADS
                for _ in range(pool._work_queue.qsize()):
                    pool._adjust_thread_count()


def when_cancelled(action: Callable[[], None]) -> None:
    """Call `action` when the engine asks to stop, at the first Ctrl-C; the server ignores that."""
    import grpc
    from google.protobuf import empty_pb2

    def cancel(_request: Any, _context: Any) -> Any:
        action()
        return empty_pb2.Empty()

    handler = grpc.unary_unary_rpc_method_handler(
        cancel,
        request_deserializer=empty_pb2.Empty.FromString,
        response_serializer=empty_pb2.Empty.SerializeToString,
    )
    server = _server()
    with suppress(AttributeError):
        # The first handler of a method's name is the one that is called.
        named = grpc.method_handlers_generic_handler("pulumirpc.ResourceProvider", {"Cancel": handler})
        server._state.generic_handlers.insert(0, named)
        # Where newer stubs name it to the server besides.
        known = server._state.registered_method_handlers
        known |= {name: handler for name in known if name == "/pulumirpc.ResourceProvider/Cancel"}


def urn_of_this_call() -> str:
    """Return the URN of the resource that this call is about; empty where the server hides it."""
    call = _current_call()
    return str(getattr(call[0], "urn", "")) if call else ""


def when_the_deployment_ends(action: Callable[[], None]) -> None:
    """Call `action` when the engine ends this process in order.

    The engine interrupts its providers at the end of a deployment, when everything is in the state; a crash
    of the engine interrupts nobody. The main thread then ends, before threads that still wait are joined.
    """

    def watch() -> None:
        threading.main_thread().join()
        action()

    # The threads that serve calls are daemons, and their children would be too.
    threading.Thread(target=watch, name="wmlfl-end", daemon=False).start()


def end_with_the_engine(*, every: float = 2.0) -> None:
    """End this process when the engine is gone: the dynamic server would live for ever.

    `every`: seconds between two looks at the engine's address.
    """
    if len(sys.argv) < 2 or ":" not in sys.argv[1]:
        return
    host, _, port = sys.argv[1].rpartition(":")

    def watch() -> None:
        missed = 0
        while missed < 3:
            time.sleep(every)
            try:
                socket.create_connection((host, int(port)), timeout=every).close()
                missed = 0
            except OSError:
                missed += 1
        # Not in order: what the engine was told of may not be in the state.
        os._exit(1)

    threading.Thread(target=watch, name="wmlfl-engine", daemon=True).start()


def progress_of_this_call() -> Callable[[str], None]:
    """Return a function that shows a text as live status on the row of the resource of this call."""
    urn = urn_of_this_call()
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


def warn(text: str) -> None:
    """Show a warning on the row of the resource of this call, once in a deployment."""
    urn = urn_of_this_call()
    if urn and len(sys.argv) > 1 and (urn, text) not in _warned:
        _warned.add((urn, text))
        with suppress(Exception):
            _log(urn, text, severity="WARNING", ephemeral=False)


def timeout_of_this_call() -> float | None:
    """Return the seconds of the resource option `custom_timeouts` for this call; None if there is none."""
    call = _current_call()
    seconds = getattr(call[0], "timeout", 0) if call else 0
    return float(seconds) or None


def fail_with_partial_state(object_id: str, outputs: dict[str, Any], reason: str) -> None:
    """Make the running call, which is about to fail, keep the object's id and outputs in the state.

    Does nothing where the server's internals are not as expected.
    """
    call = _current_call()
    if call is None:
        return
    request, context = call
    from google.protobuf import any_pb2, struct_pb2
    from pulumi.runtime.proto import provider_pb2

    sent = getattr(request, "properties", None) or request.news
    properties = struct_pb2.Struct()
    properties.update({**outputs, "__provider": sent["__provider"]})
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=object_id, properties=properties, inputs=sent, reasons=[reason]
        )
    )
    _set_status(context, reason, [detail])


def _set_status(context: Any, message: str, details: list[Any]) -> None:
    from pulumi.runtime.proto import status_pb2

    status = status_pb2.Status(code=2, message=message, details=details)
    context.set_trailing_metadata(((_DETAILS, status.SerializeToString()),))


def _log(urn: str, text: str, *, severity: str = "INFO", ephemeral: bool = True) -> None:
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    with grpc.insecure_channel(sys.argv[1]) as channel:
        request = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.Value(severity),
            message=redact(text),
            urn=urn,
            ephemeral=ephemeral,
        )
        engine_pb2_grpc.EngineStub(channel).Log(request, timeout=5)


def _server() -> Any:
    """Return the dynamic server of this process; None where it is not as expected."""
    for frame in sys._current_frames().values():
        for caller in _callers(frame):
            if caller.f_code.co_name == "main" and hasattr(caller.f_locals.get("server"), "_state"):
                return caller.f_locals["server"]
    return None


def _current_call() -> tuple[Any, Any] | None:
    """Return request and context of the RPC that this thread serves.

    The frame that has them is the server's method, or in newer SDKs a function that wraps it.
    """
    for frame in _callers(sys._getframe()):
        found = frame.f_locals
        if {"self", "request", "context"} <= set(found) and hasattr(
            found["context"], "set_trailing_metadata"
        ):
            return found["request"], found["context"]
    return None


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Give the engine our errors by their text alone; turn `SystemExit` and its like into errors.

    Leaving a method with one of those would hang the deployment.
    """
    try:
        yield
    except WmlflError as error:
        call = _current_call()
        if call is not None and not call[1].trailing_metadata():
            _set_status(call[1], error.with_code(), [])
        raise
    except Exception:
        raise
    except BaseException as error:
        raise WmlflError(f"The provider was asked to stop ({type(error).__name__}).") from error
