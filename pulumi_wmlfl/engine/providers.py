"""Providers: one process of the SDK's dynamic provider for each provider resource.

The contract is `pulumi.ResourceProvider` (proto/pulumi/provider.proto). The dynamic provider knows no
secrets: it gets plain values, and what it returns is marked again (pkg/resource/plugin/provider_plugin.go).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2

from ..errors import EngineError
from .children import Child
from .outcomes import Diff, InitError, ProviderError, ProviderLost, ReadResult
from .state import Resource
from .stubs import provider_pb2, provider_services, status_pb2
from .urns import name_of, split_reference, type_of
from .values import Properties, Unknown, equal, fill_struct, from_struct, holds, remark_secrets

_CANCEL_SECONDS = 5.0
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
]


class Provider:
    """One provider resource's process; it is started and configured when it is first called."""

    def __init__(self, inputs: Properties, start: Callable[[], Child]) -> None:
        self.inputs = inputs
        # With settings that are not known yet (preview) there is nothing to call.
        self.known = not holds(inputs, Unknown)
        self._start = start
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._channel: Any = None
        self._stub: Any = None

    def check(self, urn: str, olds: Properties, news: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """Return the checked inputs and the failures as (property, reason)."""
        if not self.known:
            return news, []
        request = provider_pb2.CheckRequest(urn=urn, name=name_of(urn), type=type_of(urn))
        fill_struct(request.olds, olds, plain=True)
        fill_struct(request.news, news, plain=True)
        answer = self._call("Check", request)
        inputs = from_struct(answer.inputs)
        remark_secrets(inputs, news)
        return inputs, [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, old: Resource, news: Properties, *, ignore_changes: list[str], urn: str = "") -> Diff:
        """Return what would change between an existing object and the wanted inputs.

        `urn` is the resource's name in the program, where it is another one than in the state.
        """
        urn = urn or old.urn
        request = provider_pb2.DiffRequest(
            id=old.id, urn=urn, name=name_of(urn), type=type_of(urn), ignoreChanges=ignore_changes
        )
        fill_struct(request.olds, old.outputs, plain=True)
        fill_struct(request.news, news, plain=True)
        fill_struct(request.old_inputs, old.inputs, plain=True)
        answer = self._call("Diff", request)
        changes = {provider_pb2.DiffResponse.DIFF_NONE: False, provider_pb2.DiffResponse.DIFF_SOME: True}
        return Diff(
            changes.get(answer.changes),
            list(answer.replaces),
            answer.deleteBeforeReplace,
            [[key] for key in answer.diffs],
        )

    def create(self, new: Resource) -> tuple[str, Properties]:
        """Create the object; returns its id and outputs."""
        request = provider_pb2.CreateRequest(
            urn=new.urn,
            name=name_of(new.urn),
            type=type_of(new.urn),
            timeout=new.custom_timeouts.get("create", 0),
        )
        fill_struct(request.properties, new.inputs, plain=True)
        answer = self._call("Create", request, secrets=new.inputs)
        if not answer.id:
            raise ProviderError(f"plugin returned empty resource.ID from create '{new.urn}'")
        return answer.id, self._outputs(answer.properties, new.inputs)

    def update(self, old: Resource, new: Resource) -> Properties:
        """Update the object; returns its outputs."""
        request = provider_pb2.UpdateRequest(
            id=old.id,
            urn=new.urn,
            name=name_of(new.urn),
            type=type_of(new.urn),
            timeout=new.custom_timeouts.get("update", 0),
            ignoreChanges=new.ignore_changes,
        )
        fill_struct(request.olds, old.outputs, plain=True)
        fill_struct(request.news, new.inputs, plain=True)
        fill_struct(request.old_inputs, old.inputs, plain=True)
        answer = self._call("Update", request, secrets=new.inputs)
        return self._outputs(answer.properties, new.inputs)

    def delete(self, old: Resource) -> None:
        """Delete the object."""
        request = provider_pb2.DeleteRequest(
            id=old.id,
            urn=old.urn,
            name=name_of(old.urn),
            type=type_of(old.urn),
            timeout=old.custom_timeouts.get("delete", 0),
        )
        fill_struct(request.properties, old.outputs, plain=True)
        fill_struct(request.old_inputs, old.inputs, plain=True)
        self._call("Delete", request)

    def read(
        self, urn: str, identity: str, outputs: Properties, inputs: Properties, timeout: float
    ) -> ReadResult:
        """Return the object as it is."""
        request = provider_pb2.ReadRequest(id=identity, urn=urn, name=name_of(urn), type=type_of(urn))
        if timeout:
            request.timeout = timeout  # a field that older SDKs lack, as they do the option
        fill_struct(request.properties, outputs, plain=True)
        fill_struct(request.inputs, inputs, plain=True)
        answer = self._call("Read", request, secrets=outputs)
        found = None
        if answer.HasField("inputs"):
            found = _known(answer.inputs)
            remark_secrets(found, inputs)
        return ReadResult(answer.id, self._outputs(answer.properties, outputs), found)

    def _outputs(self, struct: Any, secrets: Properties) -> Properties:
        outputs = _known(struct)
        remark_secrets(outputs, secrets)
        return outputs

    def _call(self, method: str, request: Any, *, secrets: Properties | None = None) -> Any:
        stub = self._ready()
        try:
            return getattr(stub, method)(request)
        except grpc.RpcError as error:
            raise self._error(error, secrets or {}) from None

    def _error(self, error: Any, secrets: Properties) -> ProviderError:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return ProviderLost("the provider process ended during the operation")
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status = status_pb2.Status.FromString(value)
                for detail in status.details:
                    failed = provider_pb2.ErrorResourceInitFailed()
                    if detail.Is(failed.DESCRIPTOR):
                        detail.Unpack(failed)
                        inputs = from_struct(failed.inputs) if failed.HasField("inputs") else None
                        outputs = self._outputs(failed.properties, secrets)
                        return InitError(list(failed.reasons), failed.id, outputs, inputs)
                return ProviderError(status.message or error.details())
        return ProviderError(error.details() or "the provider failed without saying why")

    def _ready(self) -> Any:
        with self._lock:
            if self._stub is None:
                self._child = self._start()
                port = self._child.read_first_line()
                if not port.isdigit():
                    raise ProviderError("the provider process ended before it was ready")
                self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
                stub = provider_services.ResourceProviderStub(self._channel)
                self._configure(stub)
                self._stub = stub
            return self._stub

    def _configure(self, stub: Any) -> None:
        request = provider_pb2.ConfigureRequest(acceptSecrets=True, acceptResources=True)
        inputs = {key: value for key, value in self.inputs.items() if key not in ("version", "__internal")}
        fill_struct(request.args, inputs)
        try:
            stub.Configure(request, wait_for_ready=True, timeout=60)
        except grpc.RpcError as error:
            raise self._error(error, {}) from None

    def cancel(self) -> None:
        """Ask the provider to stop waiting for what takes long; what it is asked to do it may still do."""
        stub = self._stub
        if stub is not None:
            with contextlib.suppress(grpc.RpcError):
                stub.Cancel(empty_pb2.Empty(), timeout=_CANCEL_SECONDS)

    def end(self, *, at_once: bool = False) -> None:
        """End the process."""
        if self._channel is not None and not at_once:
            # Nobody asks any more; a channel that is open would print that the server goes away.
            self._channel.close()
        child = self._child
        if child is not None:
            child.end(at_once=at_once)
        if self._channel is not None:
            self._channel.close()


def _known(struct: Any) -> Properties:
    found = from_struct(struct)
    if holds(found, Unknown):
        raise ProviderError(
            "unexpected unknown property value: the provider returned a value that is not known"
        )
    return found


class Providers:
    """The provider processes of one run, by provider reference (`<urn>::<id>`)."""

    def __init__(
        self,
        *,
        interpreter: str,
        folder: Path,
        project: str,
        on_line: Callable[[str], None],
        address: Future[str],
        spare: list[Child],
    ) -> None:
        self._interpreter = interpreter
        self._folder = folder
        self._environment = {"PULUMI_PROJECT": project}
        self._on_line = on_line
        self._address = address
        self._lock = threading.Lock()
        self._known: dict[str, Provider] = {}
        # Processes that were started ahead of their first use.
        self._spare = spare

    def register(self, reference: str, inputs: Properties) -> None:
        """Make the provider known under its reference; one with other settings takes its place."""
        urn = split_reference(reference)[0]
        with self._lock:
            before = self._known.get(urn)
            if before is not None and equal(before.inputs, inputs):
                return
            self._known[urn] = Provider(inputs, self._take)
        if before is not None:
            before.end()

    def get(self, reference: str) -> Provider:
        """Return the provider of a reference.

        Raises:
            EngineError: it is neither in the state nor in the program.
        """
        with self._lock:
            provider = self._known.get(split_reference(reference)[0])
        if provider is None:
            raise EngineError(f"unknown provider {reference}")
        return provider

    def cancel(self) -> None:
        """Ask every provider to stop waiting."""
        with self._lock:
            known = list(self._known.values())
        for provider in known:
            provider.cancel()

    def end(self, *, at_once: bool = False) -> None:
        """End every process."""
        with self._lock:
            for provider in self._known.values():
                provider.end(at_once=at_once)
            for child in self._spare:
                child.end(at_once=at_once)
            self._spare.clear()

    def _take(self) -> Child:
        with self._lock:
            child = self._spare.pop() if self._spare else self._spawn()
        child.tell(self._address.result(timeout=60))
        return child

    def _spawn(self) -> Child:
        return Child(
            "provider_process.py",
            interpreter=self._interpreter,
            folder=self._folder,
            environment=self._environment,
            on_line=self._on_line,
            first_line=True,
        )
