"""`wmlfl import`: what a notebook made becomes program text and state, and neither engine sees a change."""

import json

import pytest

from pulumi_wmlfl.core.marker import new_marker
from pulumi_wmlfl.errors import NotFound
from tests.cli.commands import Commands
from tests.server.samples import made, model_body, party_body, project, training_body
from tests.support.stacks import ENGINES, Stack

KEYS = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "hush-hush-hush"}
STORAGE = {
    "type": "s3",
    "connection": {"endpoint_url": "https://s3.example.com", **KEYS},
    "location": {"bucket": "fl", "path": "."},
}
OTHER = "urn:pulumi:prod::test::pulumi-python:dynamic/wmlfl:Model::m"


@pytest.fixture
def stack_of(tmp_path, service):
    def make(engine):
        return Stack(tmp_path, "", engine=engine, WMLFL_READY_FILE=service.ready_file)

    return make


def notebook(service, **training):
    """Make what the notebook makes: a model with content, two parties, a training; return their ids."""
    http = service.http()
    model = made(http, "models", model_body(service, name="Untrained MNIST", custom={"untrained": True}))
    model_id = model["metadata"]["id"]
    content = b"\x1f\x8b the content of a model"
    path = f"/ml/v4/models/{model_id}/content"
    sent = http("PUT", path, params=project(service, content_format="native"), data=content)
    assert sent.status_code == 201, sent.text
    bodies = [party_body(service, name=f"Hospital {n}", organization={"name": n}) for n in "AB"]
    parties = [made(http, "remote_training_systems", body)["metadata"]["id"] for body in bodies]
    body = training_body(service, *parties, model_id=model_id, name="FL Aggregator", **training)
    return made(http, "trainings", body)["metadata"]["id"], model_id, parties


def commands(service, stack):
    """Run commands in the project in this process, which is quicker."""
    found = Commands(service, stack.folder)
    found.environment = stack.environment
    return found


def entries(stack):
    deployment = json.loads(stack.run("stack", "export"))["deployment"] or {}
    return {entry["urn"].rsplit("::", 1)[-1]: entry for entry in deployment.get("resources") or []}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_notebook_made_is_taken_over_without_a_change(stack_of, service, engine):
    training, model, parties = notebook(service, results_reference=STORAGE)
    stack = stack_of(engine)
    wanted = ("import", "--training", training, "--with-dependencies", "--protect=false")
    shown = stack.run(*wanted, "--content-dir", "content", "--preview-only", "--out", "__main__.py")
    assert (stack.folder / "__main__.py").read_text() == ""
    assert [path.name for path in stack.folder.iterdir() if path.is_dir()] == []
    assert entries(stack) == {}

    said = stack.run(*wanted, "--content-dir", "content", "--out", "__main__.py", "--force", "--yes")
    assert "Imported 4 objects into the stack dev." in said
    text = (stack.folder / "__main__.py").read_text()
    assert text in shown
    assert not any(value in text for value in (*parties, model, *KEYS.values()))
    content = stack.folder / "content" / "untrained-mnist.tar.gz"
    assert content.read_bytes() == b"\x1f\x8b the content of a model"
    assert all(entry.get("protect") is None for entry in entries(stack).values())

    assert stack.planned() == {}
    assert " 5 unchanged" in stack.run("refresh", "--yes", "--skip-preview")
    if engine == "pulumi":
        assert stack.planned(WMLFL_ENGINE="embedded") == {}
    (stack.folder / "__main__.py").write_text(text.replace('name="Hospital A"', 'name="Clinic A"'))
    assert "1 updated" in stack.up()
    client = service.client()
    assert client.get("remote_training_systems", parties[0], service.scope).metadata.name == "Clinic A"
    stack.destroy()
    with pytest.raises(NotFound):
        client.get("trainings", training, service.scope)
    assert list(client.list("models", service.scope)) == []
    written = b"".join(path.read_bytes() for path in stack.folder.parent.rglob("*") if path.is_file())
    assert KEYS["secret_access_key"].encode() not in written


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_imported_may_move_into_a_component(stack_of, service, engine):
    found = made(service.http(), "remote_training_systems", party_body(service, name="North"))
    stack = stack_of(engine)
    said = stack.run("import", "--rts", found["metadata"]["id"], "--yes", "--out", "__main__.py", "--force")
    assert "Imported 1 object into the stack dev." in said
    text = (stack.folder / "__main__.py").read_text()
    start, declared = text.split("\n\nnorth = ", 1)
    moved = "parent=self, aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)], protect=True"
    inside = declared.replace("protect=True", moved).strip()
    program = [
        start,
        "class Ward(pulumi.ComponentResource):",
        "    def __init__(self):",
        '        super().__init__("own:index:Ward", "ward")',
        *(f"        {line}" for line in inside.splitlines()),
        "Ward()",
    ]
    (stack.folder / "__main__.py").write_text("\n".join(program))
    assert stack.planned() == {}
    assert "1 created" in stack.up()
    assert entries(stack)["north"]["parent"].endswith("own:index:Ward::ward")


@pytest.mark.thorough
def test_what_is_imported_is_protected(stack_of, service):
    training, _, _ = notebook(service)
    stack = stack_of("embedded")
    data = commands(service, stack).json("import", "--training", training, "--yes", kind="import")
    assert data["imported"] is True
    assert "protect=True" in data["program"]
    assert data["resources"][0]["protected"] is True
    (stack.folder / "__main__.py").write_text(data["program"])
    assert stack.planned() == {}
    assert "protect" in stack.run("destroy", "--yes", "--skip-preview", code=1)


@pytest.mark.thorough
def test_a_tag_adds_what_is_not_in_the_stack_yet(stack_of, service):
    http = service.http()
    for name in ("Tagged", "Tagged", "研究所", "class"):
        made(http, "remote_training_systems", party_body(service, name=name, tags=["fl"]))
    stack = stack_of("embedded")
    first = stack.json("import", "--tag", "fl", "--yes", "--json")["data"]
    names = [entry["urn"].rsplit("::", 1)[-1] for entry in first["resources"]]
    assert names == ["tagged", "tagged-2", "研究所", "class"]
    (stack.folder / "__main__.py").write_text(first["program"])
    assert stack.planned() == {}
    assert "nothing left to import" in stack.run("import", "--tag", "fl", "--yes", code=4)
    later = made(http, "remote_training_systems", party_body(service, name="Later", tags=["fl"]))
    data = stack.json("import", "--tag", "fl", "--yes", "--json")["data"]
    assert [entry["id"] for entry in data["resources"]] == [later["metadata"]["id"]]
    assert len(data["notes"]) == 4


def test_what_cannot_be_imported_is_refused_and_nothing_is_written(stack_of, service):
    http = service.http()
    party = made(http, "remote_training_systems", party_body(service, name="Party"))["metadata"]["id"]
    twin = made(http, "remote_training_systems", party_body(service, name="Party"))["metadata"]["id"]
    foreign = made(http, "models", model_body(service, tags=[new_marker(OTHER)]))["metadata"]["id"]
    training, _, _ = notebook(service)
    stack = stack_of("embedded")
    wmlfl = commands(service, stack)
    refused = {
        ("--model", "no-such-id"): (6, "Could not read the model no-such-id"),
        ("--model", party): (6, f"{party} is a remote training system, not a model. Give it as --rts."),
        ("--tag", "nothing"): (6, "has the tag 'nothing'"),
        ("--model", foreign): (4, "carries the marker of another stack"),
        ("--rts", party, "--out", "__main__.py"): (4, "__main__.py is there already."),
        ("--rts", party, "--name", f"{twin}=other"): (2, f"{twin} is not among what is imported"),
        ("--rts", party, "--name", f"{party}=a/b"): (2, "give ID=NAME"),
        ("--rts", party, "--no-stack"): (2, "adds to a stack"),
        ("--rts", party, "--out", "no/folder.py"): (4, "no/folder.py cannot be written"),
        (): (2, "Say what to import"),
    }
    for arguments, (code, text) in refused.items():
        assert text in wmlfl("import", *arguments, "--yes", code=code)
    assert "Confirm with --yes" in wmlfl("import", "--rts", party, code=3)
    said = wmlfl("import", "-s", "other", "--rts", party, "--yes", code=6)
    assert (
        "no stack named 'other' found. Make it with `wmlfl stack init other`; `wmlfl stack ls` lists" in said
    )
    assert said.count("Make it") == 1
    assert entries(stack) == {}

    wmlfl("import", "--rts", party, "--yes")
    before = entries(stack)
    assert "is in the stack already, as 'party'" in wmlfl("import", "--rts", party, "--yes", code=4)
    assert f"--name {twin}=NAME" in wmlfl("import", "--rts", twin, "--yes", code=4)
    assert entries(stack) == before
    wmlfl("import", "--rts", twin, "--name", f"{twin}=twin", "--training", training, "--yes")
    assert {*entries(stack)} - {*before} == {"twin", "fl-aggregator"}


def test_an_object_of_another_stack_gets_this_stacks_marker_or_stays_as_it_is(stack_of, service):
    marker = new_marker(OTHER)
    bodies = {
        "models": model_body(service, tags=["a", marker]),
        "remote_training_systems": party_body(service, tags=["a", marker]),
    }
    ids = {kind: made(service.http(), kind, body)["metadata"]["id"] for kind, body in bodies.items()}
    client = service.client()

    def tags():
        return [client.get(kind, ids[kind], service.scope).metadata.tags for kind in bodies]

    stack = stack_of("embedded")
    locks = stack.folder.parent / "state/.pulumi/locks/organization/test/dev"
    locks.mkdir(parents=True)
    lock = {"pid": 1, "username": "somebody", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00Z"}
    (locks / "one.json").write_text(json.dumps(lock))
    wanted = ("import", "--tag", "a", "--from-other-stack", "--yes", "--out", "new.py", "--content-dir", "c")
    assert "currently locked" in stack.run(*wanted, code=1)
    assert tags() == [["a", marker]] * 2
    assert not (stack.folder / "new.py").exists()
    assert not (stack.folder / "c").exists()
    (locks / "one.json").unlink()

    stack.run(*wanted)
    assert all(found[0] == "a" and found[1] not in ("a", marker) for found in tags())
    (stack.folder / "__main__.py").write_text("import new")
    assert stack.planned() == {}
    assert "There are no orphans." in stack.run("orphans", "--older-than", "0")


@pytest.mark.thorough
def test_what_this_stack_lost_is_found_again(stack_of, service):
    stack = stack_of("embedded")
    program = (
        "from pulumi_wmlfl import RemoteTrainingSystem\n"
        'RemoteTrainingSystem("r", allowed_identities=[{"id": "IBMid-local", "type": "user"}])\n'
    )
    (stack.folder / "__main__.py").write_text(program)
    stack.up()
    known = entries(stack)
    empty = {"version": 3, "deployment": {"resources": []}}
    stack.run("stack", "import", text=json.dumps(empty))
    said = stack.run("import", "--rts", known["r"]["id"], "--protect=false", "--yes")
    assert "was made by this stack" in said
    assert stack.planned() == {}
    assert entries(stack)["r"]["outputs"] == known["r"]["outputs"]
