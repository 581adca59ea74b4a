"""A toy cloud: a dynamic provider whose objects are files, and which writes down every call.

It is imported by the programs under test and by the provider process (both find it through PYTHONPATH).
Environment: TOY_WORLD, a folder for the objects; TOY_LOG, a file for the calls; TOY_FAULTS, a JSON list of
faults `{"call", "name", "kind"}`; TOY_KILL, see `_kill`.

A program's inputs choose the behaviour: a changed input whose name starts with `fixed` asks for replacement,
`diff` is "unknown" (the engine compares), "none" (never a change); `delete_first` asks for
delete-before-replace; `token` makes the provider answer with a secret of its own; `answer` adds outputs.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pulumi
from google.protobuf import any_pb2, json_format, struct_pb2
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, status_pb2

PROVIDER = "__provider"
COMPUTED = {"serial", "label", "token_value"}
NOT_COMPARED = {"kind", "resource_status_address", "resource_status_token", "randomSeed", "autonaming"}
_names = threading.Lock()


class ToyProvider(ResourceProvider):
    """Creates, reads, updates and deletes files."""

    serialize_as_secret_always = False

    def configure(self, req):
        _log({"call": "configure", "config": dict(sorted(req.config._props.items()))})

    def check(self, olds, news):
        with _call("check") as call:
            failures = [CheckFailure(p, "is refused") for p in ("bad", "bad_too") if p in news]
            if call.fault == "check":
                failures.append(CheckFailure("", "check refused as told"))
            checked = dict(news)
            if isinstance(checked.get("upper"), str):
                checked["upper"] = checked["upper"].upper()
            if "defaulted" in checked and checked["defaulted"] is None:
                checked["defaulted"] = "default"
            return CheckResult(checked, failures)

    def diff(self, id_, olds, news):
        with _call("diff"):
            mode = news.get("diff")
            if mode == "unknown":
                return DiffResult()
            if mode == "none":
                return DiffResult(changes=False)
            own = {PROVIDER, "answer", *COMPUTED, *(olds.get("answer") or {})}
            keys = (olds.keys() | news.keys()) - own
            changed = sorted(k for k in keys if olds.get(k) != news.get(k))
            return DiffResult(
                changes=bool(changed),
                replaces=[k for k in changed if k.startswith("fixed")],
                delete_before_replace=bool(news.get("delete_first")),
            )

    def create(self, props):
        with _call("create") as call:
            name = call.name
            with _names:
                counter = _world() / "serials" / name
                counter.parent.mkdir(parents=True, exist_ok=True)
                serial = int(counter.read_text()) + 1 if counter.exists() else 1
                counter.write_text(str(serial))
            id_ = f"{name}-{serial}"
            outputs = _outputs(name, serial, props)
            _write(id_, outputs)
            call.made(id_, outputs)
            return CreateResult(id_, outputs)

    def read(self, id_, props):
        with _call("read") as call:
            stored = _stored(id_)
            if stored is None:
                if "serial" not in props:
                    raise LookupError(f"there is no {id_}")
                return ReadResult("", {})
            call.made(id_, stored)
            if props.get("read_without_inputs"):
                return ReadResult(id_, stored)
            return ReadResult(id_, stored, {k: v for k, v in stored.items() if k not in COMPUTED})

    def update(self, id_, olds, news):
        with _call("update") as call:
            outputs = _outputs(call.name, olds.get("serial", 0.0), news)
            _write(id_, outputs)
            call.made(id_, outputs)
            return UpdateResult(outputs)

    def delete(self, id_, props):
        with _call("delete"):
            _object(id_).unlink(missing_ok=True)


class OtherProvider(ToyProvider):
    """The same under another name, so that a resource can change its provider."""


class Toy(Resource, module="toy", name="Toy"):
    """An object of the toy cloud."""

    def __init__(self, name, opts=None, *, provider=None, **inputs):
        props = {"serial": None, "label": None, "token_value": None, **inputs}
        super().__init__(provider or ToyProvider(), name, props, opts)


class Renamed(Resource, module="toy", name="Renamed"):
    """The same object under another type."""

    def __init__(self, name, opts=None, **inputs):
        super().__init__(ToyProvider(), name, {"serial": None, "label": None, **inputs}, opts)


class Group(pulumi.ComponentResource):
    """A component with any number of children."""

    def __init__(self, name, opts=None, type_="toy:index:Group", **outputs):
        super().__init__(type_, name, {}, opts)
        self.register_outputs(outputs)


class Environment(pulumi.ProviderResource):
    """An explicit provider instance with settings of its own."""

    def __init__(self, name, opts=None, **settings):
        super().__init__("pulumi-python", name, {f"toy:{k}": v for k, v in settings.items()}, opts)


class _call(contextlib.AbstractContextManager):  # noqa: N801
    """One call of the engine: written down at its begin and end, with what the engine really sent."""

    def __init__(self, method):
        self.method = method
        self.request, self.context = _rpc()
        self.urn = self.request.urn
        self.name = self.urn.rsplit("::", 1)[1]
        self.fault = next(
            (
                f["kind"]
                for f in json.loads(os.environ.get("TOY_FAULTS") or "[]")
                if f["call"] == method and f["name"] == self.name
            ),
            None,
        )

    def __enter__(self):
        sent = json_format.MessageToDict(self.request, preserving_proto_field_name=True)
        sent = {k: v for k, v in sent.items() if k not in NOT_COMPARED}
        _log({"call": self.method, "event": "begin", "urn": self.urn, "sent": sent})
        _kill(self.method, self.name, "begin")
        if self.fault == "before":
            self._fail()
        return self

    def made(self, id_, outputs):
        """Say what now exists: the point at which a fault can strike after the effect."""
        if self.fault == "after":
            self._fail()
        if self.fault == "partial":
            self._fail_partially(id_, outputs)

    def __exit__(self, kind, error, traceback):
        _log({"call": self.method, "event": "end", "urn": self.urn, "failed": bool(error)})
        _kill(self.method, self.name, "end")

    def _fail(self):
        raise RuntimeError(f"{self.method} of {self.name} fails as told")

    def _fail_partially(self, id_, outputs):
        sent = self.request.news if self.method == "update" else self.request.properties
        properties = struct_pb2.Struct()
        properties.update({**_plain(outputs), PROVIDER: sent[PROVIDER]})
        failed = provider_pb2.ErrorResourceInitFailed(
            id=id_, properties=properties, inputs=sent, reasons=[f"{self.name} is not ready"]
        )
        detail = any_pb2.Any()
        detail.Pack(failed)
        status = status_pb2.Status(code=2, message="not ready", details=[detail])
        metadata = (("grpc-status-details-bin", status.SerializeToString()),)
        self.context.set_trailing_metadata(metadata)
        self._fail()


def _outputs(name, serial, props):
    outputs = {k: v for k, v in props.items() if k not in {PROVIDER, *COMPUTED}}
    for dropped in props.get("forgets") or []:
        outputs.pop(dropped, None)
    outputs.update(props.get("answer") or {})
    outputs["serial"] = serial
    outputs["label"] = f"{name}#{int(serial)}"
    if props.get("token"):
        outputs["token_value"] = rpc.wrap_rpc_secret(f"token of {name}")
    return outputs


def _plain(outputs):
    return {k: rpc.unwrap_rpc_secret(v) for k, v in outputs.items()}


def _world():
    return Path(os.environ["TOY_WORLD"])


def _object(id_):
    return _world() / f"{id_}.json"


def _write(id_, outputs):
    _object(id_).write_text(json.dumps(outputs))


def _stored(id_):
    with contextlib.suppress(FileNotFoundError):
        return json.loads(_object(id_).read_text())
    return None


def _log(entry):
    line = json.dumps({"pid": os.getpid(), **entry}) + "\n"
    with open(os.environ["TOY_LOG"], "a") as log:  # noqa: PTH123
        log.write(line)


def _rpc():
    """Return request and context of the call that this thread serves."""
    frame = sys._getframe()
    while frame.f_code.co_name != "wrapper" or "context" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["request"], frame.f_locals["context"]


def _kill(method, name, event):
    """End the engine (its process id is in the file `pid_file`) at `at`, `"<call> <name> <event>"`."""
    told = json.loads(os.environ.get("TOY_KILL") or "null")
    if not told or told["at"] != f"{method} {name} {event}":
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(Path(told["pid_file"]).read_text()), signal.SIGKILL)
    if event == "begin":
        # An engine that is gone cannot ask for anything: this process must end with it.
        time.sleep(30)
        os._exit(3)
