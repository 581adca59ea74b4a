# ruff: noqa: A002
"""A provider whose objects are files in a folder, and a resource that takes any properties."""

import json
import os
import signal
import time
import uuid
from pathlib import Path

import pulumi
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
from pulumi.output import Unknown


def world() -> Path:
    return Path(os.environ["WORLD"])


def say(method, *arguments):
    with (world() / "calls.jsonl").open("a") as file:
        file.write(json.dumps([method, *arguments], default=lambda value: "<unknown>", sort_keys=True) + "\n")


def plain(props):
    return {key: value for key, value in props.items() if key != "__provider"}


def wait_for(name):
    """Wait until the test lets the object go on."""
    deadline = time.monotonic() + 30
    while not (world() / f"go-{name}").exists():
        if time.monotonic() > deadline:
            raise TimeoutError(name)
        time.sleep(0.01)


class Objects(ResourceProvider):
    serialize_as_secret_always = False

    def configure(self, req):
        say("configure", {key: req.config.get(key) for key in ("objects:region", "objects:token")})

    def check(self, olds, news):
        say("check", plain(olds), plain(news))
        bad = news.get("bad")
        return CheckResult(
            news, [CheckFailure("bad", "this is bad")] if bad and not isinstance(bad, Unknown) else []
        )

    def diff(self, id, olds, news):
        say("diff", id, plain(olds), plain(news))
        if news.get("lazy"):
            return DiffResult()
        ignored = {"made", "__provider"}
        keys = sorted(key for key in {*olds, *news} - ignored if olds.get(key) != news.get(key))
        return DiffResult(
            changes=bool(keys),
            replaces=[key for key in keys if key.startswith("fixed")],
            delete_before_replace=bool(news.get("first_delete")),
        )

    def create(self, props):
        say("create", plain(props))
        name = props["label"]
        if props.get("wait"):
            (world() / f"began-{name}").touch()
            wait_for(name)
        if props.get("fail") == "create":
            raise RuntimeError(f"no room for {props.get('secret', name)}")
        if props.get("fail") == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        identity = f"{name}-{uuid.uuid4().hex[:8]}"
        (world() / f"{identity}.json").write_text(json.dumps(plain(props)))
        return CreateResult(identity, {**props, "made": f"made {name}"})

    def update(self, id, olds, news):
        say("update", id, plain(olds), plain(news))
        if news.get("fail") == "update":
            raise RuntimeError("cannot change")
        (world() / f"{id}.json").write_text(json.dumps(plain(news)))
        return UpdateResult({**news, "made": olds["made"]})

    def delete(self, id, props):
        say("delete", id, plain(props))
        if (world() / "no-delete").exists():
            raise RuntimeError("cannot delete")
        (world() / f"{id}.json").unlink(missing_ok=True)

    def read(self, id, props):
        say("read", id, plain(props))
        path = world() / f"{id}.json"
        if not path.exists():
            return ReadResult("", {})
        found = json.loads(path.read_text())
        return ReadResult(id, {**props, **found, "made": f"made {found['label']}"}, found)


class Thing(Resource, module="objects", name="Thing"):
    made: pulumi.Output[str]

    def __init__(self, name, props, opts=None):
        super().__init__(Objects(), name, {"label": name, "made": None, **props}, opts)
