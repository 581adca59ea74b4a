"""The SDK's real dynamic provider process, driven over gRPC as the engine drives it.

A `Provider` answers as the engine would see it: outputs as plain values, and which of them came as secrets.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import grpc
from google.protobuf import struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
TYPES = {"models": "Model", "remote_training_systems": "RemoteTrainingSystem", "trainings": "Training"}


class Failure(Exception):
    """What the provider answered instead; `id` and `outputs` where it kept a partial state."""

    def __init__(self, text, partial=None):
        super().__init__(text)
        self.id = partial.id if partial else ""
        self.outputs = plain(partial.properties) if partial else None


class Engine(engine_pb2_grpc.EngineServicer):
    """Keeps what the provider tells the engine: `(severity, urn, message)`."""

    def __init__(self):
        self.said = []

    def Log(self, request, _context):  # noqa: N802 - the contract's name
        from google.protobuf.empty_pb2 import Empty

        self.said.append((request.severity, request.urn, request.message))
        return Empty()


def struct(values):
    """Return values as the engine sends them."""
    return struct_pb2.Struct(fields={key: _value(item) for key, item in values.items()})


def _value(item):
    value = struct_pb2.Value()
    if isinstance(item, dict):
        value.struct_value.CopyFrom(struct(item))
    elif isinstance(item, list):
        value.list_value.values.extend(_value(entry) for entry in item)
        value.list_value.SetInParent()
    elif item is None:
        value.null_value = 0
    elif isinstance(item, bool):
        value.bool_value = item
    elif isinstance(item, int | float):
        value.number_value = item
    else:
        value.string_value = item
    return value


def wire(message):
    """Return a Struct as JSON values, secrets still wrapped."""
    from google.protobuf.json_format import MessageToDict

    return {key: value for key, value in MessageToDict(message).items() if key != "__provider"}


def plain(message):
    """Return a Struct as JSON values, secrets unwrapped."""
    return _unwrapped(wire(message))


def _unwrapped(value):
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return _unwrapped(value["value"])
        return {key: _unwrapped(item) for key, item in value.items()}
    return [_unwrapped(item) for item in value] if isinstance(value, list) else value


@dataclass
class Provider:
    """One provider process and the engine it talks to."""

    stub: provider_pb2_grpc.ResourceProviderStub
    engine: Engine
    process: subprocess.Popen
    output: list = field(default_factory=list)
    pickled: dict = field(default_factory=dict)
    stop_engine: object = None
    stack: str = "dev"
    name: str = "x"

    def urn(self, collection):
        kind = f"pulumi-python:dynamic/wmlfl:{TYPES[collection]}"
        return f"urn:pulumi:{self.stack}::test::{kind}::{self.name}"

    def end(self):
        """End it as the engine does when a deployment is over.

        The server's main thread may miss an interrupt that comes between its last look and its wait, on a
        machine with much else to do.
        """
        for _ in range(10):
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                assert self.process.wait(5) == 0, "".join(self.output)
                return
        raise AssertionError("it does not end")

    def kill(self):
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(15)

    def configure(self, config):
        self.stub.Configure(provider_pb2.ConfigureRequest(args=struct(config)), timeout=30)

    def check(self, collection, news, olds=None):
        """Return checked inputs and the failures' texts."""
        request = provider_pb2.CheckRequest(
            urn=self.urn(collection),
            olds=self._props(collection, olds or {}),
            news=self._props(collection, news),
        )
        answer = self._call(self.stub.Check, request)
        return plain(answer.inputs), [failure.reason for failure in answer.failures]

    def diff(self, collection, object_id, olds, news):
        """Return `(changes, replaces)`: `True`, `False`."""
        request = provider_pb2.DiffRequest(
            id=object_id,
            urn=self.urn(collection),
            olds=self._props(collection, olds),
            news=self._props(collection, news),
        )
        answer = self._call(self.stub.Diff, request)
        return answer.changes != provider_pb2.DiffResponse.DIFF_NONE, set(answer.replaces)

    def create(self, collection, inputs, timeout=0.0):
        request = provider_pb2.CreateRequest(
            urn=self.urn(collection), properties=self._props(collection, inputs), timeout=timeout
        )
        answer = self._call(self.stub.Create, request)
        return answer.id, plain(answer.properties)

    def create_raw(self, collection, inputs):
        """As `create`, secrets still wrapped."""
        request = provider_pb2.CreateRequest(
            urn=self.urn(collection), properties=self._props(collection, inputs)
        )
        answer = self._call(self.stub.Create, request)
        return answer.id, wire(answer.properties)

    def read(self, collection, object_id, outputs):
        """Return id, outputs, inputs."""
        request = provider_pb2.ReadRequest(
            id=object_id, urn=self.urn(collection), properties=self._props(collection, outputs)
        )
        answer = self._call(self.stub.Read, request)
        return answer.id, plain(answer.properties), plain(answer.inputs)

    def update(self, collection, object_id, olds, news):
        request = provider_pb2.UpdateRequest(
            id=object_id,
            urn=self.urn(collection),
            olds=self._props(collection, olds),
            news=self._props(collection, news),
        )
        return plain(self._call(self.stub.Update, request).properties)

    def delete(self, collection, object_id, outputs):
        request = provider_pb2.DeleteRequest(
            id=object_id, urn=self.urn(collection), properties=self._props(collection, outputs)
        )
        self._call(self.stub.Delete, request)

    def deployed(self, collection, declared):
        """Check and create; return id, checked inputs, outputs."""
        inputs, failures = self.check(collection, declared)
        assert failures == []
        return (*self.create(collection, inputs), inputs)

    def _props(self, collection, values):
        if collection not in self.pickled:
            self.pickled[collection] = pickled(collection)
        return struct({**values, "__provider": self.pickled[collection]})

    @staticmethod
    def _call(method, request):
        try:
            return method(request, timeout=60)
        except grpc.RpcError as error:
            raise _failure(error) from None


def _failure(error):
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if details is None:
        return Failure(error.details())
    status = status_pb2.Status.FromString(details)
    partial = None
    for detail in status.details:
        partial = provider_pb2.ErrorResourceInitFailed()
        detail.Unpack(partial)
    return Failure("; ".join(partial.reasons) if partial else status.message, partial)


def pickled(collection):
    """Return the provider as the program writes it into the state: by reference."""
    import pulumi_wmlfl.resources.remote_training_system as party
    from pulumi_wmlfl.resources import model, training

    classes = {
        "models": model.ModelProvider,
        "remote_training_systems": party.RemoteTrainingSystemProvider,
        "trainings": training.TrainingProvider,
    }
    return serialize_provider(classes[collection]())


@contextmanager
def start_provider(config, *, python=sys.executable, cwd=None, **environment):
    """Run `python -m pulumi.dynamic` until the block ends, configured with a stack's configuration."""
    engine = Engine()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    process = subprocess.Popen(
        [python, "-u", "-m", "pulumi.dynamic", f"127.0.0.1:{port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**os.environ, "PULUMI_PROJECT": "test", **environment},
    )
    output = []
    try:
        address = f"127.0.0.1:{int(process.stdout.readline())}"
        reader = threading.Thread(target=lambda: output.extend(process.stdout), daemon=True)
        reader.start()
        options = [("grpc.max_receive_message_length", 1 << 28)]
        with grpc.insecure_channel(address, options) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            provider = Provider(stub, engine, process, output)
            provider.stop_engine = lambda: server.stop(None).wait(5)
            provider.configure(config)
            yield provider
    finally:
        process.kill()
        process.wait(10)
        reader.join(5)
        process.stdout.close()
        server.stop(None).wait(5)


def local_config(service, **more):
    """Return the stack configuration of a service, scope included."""
    return {
        "wmlfl:platform": "local",
        "wmlfl:readyFile": str(service.ready_file),
        "wmlfl:projectId": service.project_id,
        **{f"wmlfl:{key}": value for key, value in more.items()},
    }


def texts(value):
    """Return a value as text, for searching secrets in it."""
    return json.dumps(value)
