"""`wmlfl party run` as a person types it: a process, its configuration file, its lines and exit codes."""

import json
import os
import re
import subprocess
import sys

import pytest

from pulumi_wmlfl.errors import ConfigurationError
from pulumi_wmlfl.party import read_settings
from pulumi_wmlfl.party.models import read_model_option
from pulumi_wmlfl.party.settings import platform_of
from tests.party.samples import HANDLER, handler_file
from tests.party.scripted import scripted


def wmlfl(*arguments, cwd, **environment):
    """Run `wmlfl`; returns the finished process."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WMLFL_")}
    return subprocess.run(
        [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", *map(str, arguments)],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def kit(folder, **changes):
    """Write a configuration with the keys of IBM's party; None removes a key."""
    handler_file(folder, HANDLER)
    config = {
        "wml": {"project_id": "p", "ca_file": "ca.pem", "party": "clinic"},
        "aggregator": {"ip": "127.0.0.1:1/ml/v4/trainings/t/aggregator"},
        "connection": {"info": {"id": "rts-1"}},
        "data": {"name": "Blobs", "path": "data_handler.py", "info": {"seed": 3}},
        "protocol_handler": {"name": "PartyProtocolHandler", "path": "ibmfl.party.party_protocol_handler"},
        "model": {"estimator": "SGDClassifier", "classes": [0, 1, 2]},
        **changes,
    }
    config = {key: value for key, value in config.items() if value is not None}
    (folder / "party.yml").write_text(json.dumps(config))
    (folder / "ca.pem").touch()
    return folder


def test_a_kit_trains_and_tells_each_round(tmp_path):
    async def script(party, _):
        await party.admit()
        first = await party.train(1)
        await party.train(2, {"weights": first.payload["weights"]})
        aggregator.state = "completed"
        await party.stop()

    folder = tmp_path / "kit"
    with scripted(tmp_path, script) as aggregator:
        kit(folder, aggregator={"ip": aggregator.url.removeprefix("https://")})
        options = ("--training-id", "t", "--ca-file", aggregator.ca_file)
        done = wmlfl("party", "run", folder, *options, cwd=tmp_path, WMLFL_APIKEY="secret-key")
    assert done.returncode == 0, done.stderr
    assert "clinic  round 2/3 [#############.......] trained in" in done.stdout
    assert done.stdout.splitlines()[-1] == "clinic: the training is completed after 2 rounds."
    assert "secret-key" not in done.stdout + done.stderr


def test_for_programs_every_event_is_an_envelope_on_a_line(tmp_path):
    async def script(party, _):
        await party.admit()
        first = await party.train(1)
        await party.train(2, {"weights": first.payload["weights"]})
        aggregator.state = "completed"
        await party.stop()

    with scripted(tmp_path, script) as aggregator:
        done = wmlfl(
            *("party", "run", "--json", "--url", aggregator.url, "--ca-file", aggregator.ca_file),
            *("--training-id", "t", "--rts-id", "r", "--project-id", "p", "--model", "SGDClassifier"),
            *("--data-handler", f"{handler_file(tmp_path)}:Blobs"),
            cwd=tmp_path,
            WMLFL_TOKEN="a.b.c",
        )
    assert done.returncode == 0, done.stderr
    *told, last = envelopes(done)
    assert {kind for kind, _ in told} == {"party-event"}
    events = [data for _, data in told]
    assert [event["event"] for event in events if event["round"] == 1][:2] == ["training", "trained"]
    kind, result = last
    assert (kind, result["state"], len(result["rounds"])) == ("party-result", "completed", 2)


def test_for_programs_a_failure_is_an_envelope_too(tmp_path):
    for arguments in (("run", "--json"), ("run", "--json", "--model", "no-such"), ("kit", "--json")):
        done = wmlfl("party", *arguments, cwd=tmp_path)
        ((kind, error),) = envelopes(done)
        assert (kind, error["exit_code"]) == ("error", done.returncode)
        assert done.stderr.splitlines()[-1] == f"error: {error['message']} [{error['code']}]"


def test_a_number_that_is_none_is_null_for_programs(tmp_path):
    (tmp_path / "net.py").write_text(
        """class Net:
    def get_weights(self):
        return []

    def set_weights(self, weights):
        pass

    def fit(self, x, y):
        pass

    def evaluate(self, x, y):
        return {"loss": float("nan")}
"""
    )
    network = {"name": "TensorFlowFLModel", "path": "ibmfl.model.tensorflow_fl_model", "spec": {}}

    async def script(party, _):
        await party.admit(model_config=network)
        await party.train(1)
        aggregator.state = "completed"
        await party.stop()

    with scripted(tmp_path, script) as aggregator:
        done = wmlfl(
            *("party", "run", "--json", "--url", aggregator.url, "--ca-file", aggregator.ca_file),
            *("--training-id", "t", "--rts-id", "r", "--project-id", "p", "--model", tmp_path / "net.py:Net"),
            *("--data-handler", f"{handler_file(tmp_path)}:Blobs"),
            cwd=tmp_path,
            WMLFL_TOKEN="a.b.c",
        )
    assert done.returncode == 0, done.stderr
    assert [data["metrics"] for _, data in envelopes(done)[:-1] if data["event"] == "trained"] == [
        {"loss": None}
    ]


def envelopes(done):
    """Return kind and data of each line."""
    found = [json.loads(line, parse_constant=pytest.fail) for line in done.stdout.splitlines()]
    assert {(*envelope.keys(), envelope["version"]) for envelope in found} == {("version", "kind", "data", 1)}
    return [(envelope["kind"], envelope["data"]) for envelope in found]


def test_a_wrong_configuration_is_one_line_and_an_exit_code(tmp_path):
    done = wmlfl("party", "run", kit(tmp_path / "kit", aggregator=None), cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("error: The party's configuration lacks wml.url (--url); ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aggregator": None}, "lacks wml.url (--url); wml.training_id (--training-id)"),
        ({"connection": {"info": {}}}, "lacks connection.info.id (--rts-id)"),
        ({"conection": {}}, "unknown key conection"),
        ({"wml": {"project": "p"}}, "unknown key wml.project"),
        ({"wml": {"project_id": "p", "space_id": "s"}}, "project_id or space_id, not both"),
        ({"wml": {"project_id": "p", "url": "http://x"}}, "It begins with https://"),
        ({"wml": {"project_id": "p", "platform": "x"}}, "'x' is not one of cloud, cpd, local"),
        ({"wml": {"project_id": "p", "ca_file": "no.pem"}}, "wml.ca_file: the file"),
        ({"wml": []}, "`wml` must be a map of keys"),
        ({"data": {"path": "none.py"}}, "data.path: the file"),
    ],
)
def test_a_wrong_key_of_the_configuration_is_named(tmp_path, changes, said):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        read_settings(kit(tmp_path / "kit", **changes), environment={})


@pytest.mark.parametrize("name", ["party.yml", "party.json"])
@pytest.mark.parametrize("text", ["a: [", "{", "[]", ""])
def test_an_unreadable_configuration_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=name):
        read_settings(tmp_path / name)


def test_the_keys_of_ibms_party_are_understood(tmp_path):
    folder = kit(
        tmp_path / "kit",
        wml={"space_id": "s"},
        connection={"info": {"id": "rts-1", "private": True}},
        data={"name": "Blobs", "path": "data_handler", "info": {"seed": 3}},
        hyperparams={"local": {"training": {"max_iter": 2}}},
        local_training={"name": "LocalTrainingHandler"},
        metrics_recorder={"name": "MetricsRecorder"},
    )
    found = read_settings(folder, environment={"WMLFL_APIKEY": "the-key"})
    assert (found.url, found.training_id, found.rts_id) == ("https://127.0.0.1:1", "t", "rts-1")
    assert (found.platform, found.scope, found.private) == ("local", {"space_id": "s"}, True)
    assert (found.data.path, found.data.info) == (folder / "data_handler.py", {"seed": 3})
    assert found.credentials.apikey == "the-key"
    assert "the-key" not in repr(found)


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://eu-de.ml.cloud.ibm.com", "cloud"),
        ("https://cpd.example.com", "cpd"),
        ("https://localhost:9443", "local"),
    ],
)
def test_the_platform_follows_from_the_address(url, platform):
    assert platform_of(url) == platform


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("LinearRegression", "neither an estimator nor a file. Estimators: SGDClassifier"),
        ('{"estimator": ', "--model cannot be read"),
        ("[1]", "neither an estimator nor a file"),
    ],
)
def test_a_wrong_model_is_named(model, said):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        read_model_option(model)


def test_a_model_is_an_estimator_a_description_or_a_class(tmp_path):
    (tmp_path / "net.py").touch()
    (tmp_path / "model.yml").write_text("estimator: KMeans\nparameters: {n_clusters: 3}\n")
    assert read_model_option("Perceptron") == {"estimator": "Perceptron"}
    assert read_model_option('{"estimator": "KMeans"}') == {"estimator": "KMeans"}
    assert read_model_option(str(tmp_path / "model.yml"))["parameters"] == {"n_clusters": 3}
    assert read_model_option(f"{tmp_path / 'net.py'}:Net") == {
        "path": str(tmp_path / "net.py"),
        "name": "Net",
    }
