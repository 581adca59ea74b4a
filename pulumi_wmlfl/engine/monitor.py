"""The services that a program and its providers call: `ResourceMonitor` and `Engine`.

Contracts: proto/pulumi/resource.proto and engine.proto. What is not done here is refused by name, and the
SDK's questions for features are answered truthfully.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import grpc

from ..errors import EngineError
from .apply import Watcher
from .providers import CHANNEL_OPTIONS
from .registration import Registration, read_registration, refuse
from .stubs import engine_pb2, engine_services, resource_pb2, resource_services
from .values import Properties, fill_struct, from_struct

FEATURES = {
    "secrets": "RESOURCE_MONITOR_FEATURE_SECRETS",
    "resourceReferences": "RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES",
    "aliasSpecs": "RESOURCE_MONITOR_FEATURE_ALIAS_SPECS",
    "deletedWith": "RESOURCE_MONITOR_FEATURE_DELETED_WITH",
    "replaceWith": "RESOURCE_MONITOR_FEATURE_REPLACE_WITH",
}
# The SDK's own stubs lag behind the contract here: they do not name the third.
_RESULTS = {"success": 0, "fail": 1, "skip": 2}
_SEVERITIES = ("debug", "info", "warning", "error")


class Stopped(Exception):
    """The run was stopped: nothing that is asked for any more is done."""


@dataclass(slots=True)
class Answer:
    """What a registration led to: `result` is success, fail or skip; of an `unknown` one nothing is known."""

    urn: str
    id: str = ""
    outputs: Properties = field(default_factory=dict)
    result: str = "success"
    unknown: bool = False


class Program(Protocol):
    """What carries out what a program asks for."""

    info: dict[str, Any]

    def register(self, wanted: Registration) -> Future[Answer]:
        """Ask for a resource."""

    def read(self, wanted: Registration, identity: str) -> Future[Answer]:
        """Ask for a resource that is only read."""

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Set the outputs of a component."""

    def lookup(self, urn: str) -> Answer | None:
        """Return a resource that was registered before."""


class _Monitor(resource_services.ResourceMonitorServicer):  # type: ignore[misc]
    def __init__(self, program: Program, watcher: Watcher) -> None:
        self._program = program
        self._watcher = watcher

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        features = [resource_pb2.ResourceMonitorFeature.Value(name) for name in FEATURES.values()]
        return resource_pb2.DeploymentInfo(**self._program.info, supportedFeatures=features)

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in FEATURES)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            answer = self._program.register(read_registration(request)).result()
        except Stopped:
            _stop(context)
        except EngineError as error:
            self._fail(context, request.name, error)
        if answer.result != "success" and not request.supportsResultReporting:
            context.abort(grpc.StatusCode.INTERNAL, "resource registration failed")
        response = resource_pb2.RegisterResourceResponse(
            urn=answer.urn,
            id=answer.id,
            result=_RESULTS[answer.result],
        )
        if answer.unknown and "unknown" in response.DESCRIPTOR.fields_by_name:  # an older SDK lacks it
            response.unknown = True
        fill_struct(response.object, answer.outputs)
        return response

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        wanted = Registration(
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=True,
            inputs=from_struct(request.properties),
            dependencies=sorted(request.dependencies),
            provider=request.provider,
            additional_secret_outputs=list(request.additionalSecretOutputs),
        )
        try:
            if request.packageRef or request.version or request.pluginDownloadURL:
                refuse(request.name, "a versioned or parameterized package")
            answer = self._program.read(wanted, request.id).result()
        except Stopped:
            _stop(context)
        except EngineError as error:
            self._fail(context, request.name, error)
        if answer.result != "success":
            context.abort(grpc.StatusCode.INTERNAL, f"'{request.name}' could not be read")
        response = resource_pb2.ReadResourceResponse(urn=answer.urn)
        fill_struct(response.properties, answer.outputs)
        return response

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            self._program.register_outputs(request.urn, from_struct(request.outputs))
        except EngineError as error:
            self._fail(context, request.urn, error)
        return _empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.tok != "pulumi:pulumi:getResource":
            _refuse(context, f"the function {request.tok!r} (functions need a provider plugin)")
        urn = from_struct(request.args).get("urn", "")
        found = self._program.lookup(str(urn))
        if found is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown resource {urn}")
        assert found is not None  # noqa: S101
        response = resource_pb2.ResourceInvokeResponse()
        values = {"urn": found.urn, "id": found.id, "state": found.outputs}
        fill_struct(getattr(response, "return"), values)
        return response

    def Call(self, request: Any, context: Any) -> Any:  # noqa: N802
        _refuse(context, f"the method {request.tok!r} (methods need a provider plugin)")

    def RegisterPackage(self, request: Any, context: Any) -> Any:  # noqa: N802
        _refuse(context, f"the package {request.name!r} (packages need a provider plugin)")

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        _refuse(context, "stack transforms")

    def RegisterStackInvokeTransform(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        _refuse(context, "invoke transforms")

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        _refuse(context, "resource hooks")

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        _refuse(context, "error hooks")

    def ExistsResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        _refuse(context, f"the question whether {request.name!r} exists")

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        # The program serves nothing that is needed after it: transforms and hooks are refused.
        return _empty()

    def _fail(self, context: Any, name: str, error: EngineError) -> NoReturn:
        if not getattr(error, "reported", False):
            self._watcher.message("", "error", f"{name}: {error}" if name not in str(error) else str(error))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        raise AssertionError


class _Engine(engine_services.EngineServicer):  # type: ignore[misc]
    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def Log(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        self._watcher.message(
            request.urn, _SEVERITIES[request.severity], request.message, ephemeral=request.ephemeral
        )
        return _empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        _refuse(
            context,
            f"the condition {request.pulumi_version_range!r} on the Pulumi CLI's version (no CLI runs here)",
        )

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return engine_pb2.GetRootResourceResponse()

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return engine_pb2.SetRootResourceResponse()

    def StartDebugging(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        _refuse(context, "attaching a debugger")


def _empty() -> Any:
    from google.protobuf import empty_pb2

    return empty_pb2.Empty()


def _refuse(context: Any, what: str) -> NoReturn:
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED, f"The program uses {what}, which the embedded engine does not do."
    )
    raise AssertionError


def _stop(context: Any) -> NoReturn:
    context.abort(grpc.StatusCode.UNAVAILABLE, "the deployment was stopped")
    raise AssertionError


class Server:
    """Both services on a port of 127.0.0.1."""

    def __init__(self, program: Program, watcher: Watcher, *, threads: int) -> None:
        # Each resource in flight blocks one thread.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="monitor")
        self._server = grpc.server(self._pool, options=CHANNEL_OPTIONS)
        resource_services.add_ResourceMonitorServicer_to_server(_Monitor(program, watcher), self._server)
        engine_services.add_EngineServicer_to_server(_Engine(watcher), self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """End the services; what is under way is cut off."""
        self._server.stop(0).wait(5)
        self._pool.shutdown(wait=False)
