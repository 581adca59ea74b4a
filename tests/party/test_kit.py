"""`wmlfl party kit`: what is in a kit, and what never is."""

import json
import os
import re
import subprocess
import zipfile

import pytest

from pulumi_wmlfl.errors import ConfigurationError, UserCodeError
from pulumi_wmlfl.party import read_settings
from pulumi_wmlfl.party.handler import load_data
from pulumi_wmlfl.party.kit import KitRequest, find_party_variables, make_kits
from tests.party.test_run_command import wmlfl

VARIABLES = {
    "host": "https://cpd.example.com",
    "training_id": "t-1",
    "space_id": "s-1",
    "remote_training_systems": {"Northern Hospital": "rts-n", "../Ümläut: {x}": "rts-u"},
}
FILES = {"README.md", "data_handler.py", "party.yml", "requirements.txt", "run.sh"}


def test_the_outputs_of_a_stack_become_a_kit_per_party(tmp_path):
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps({"TRAINING_ID": "t-1", "party_variables": VARIABLES}))
    done = wmlfl("party", "kit", "--outputs", outputs, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    envelope = json.loads(done.stdout)
    assert (envelope["version"], envelope["kind"]) == (1, "party-kits")
    kits = {entry["party"]: entry["path"] for entry in envelope["data"]}
    assert kits == {"Northern Hospital": "kits/northern-hospital", "../Ümläut: {x}": "kits/ml-ut-x"}
    folder = tmp_path / kits["../Ümläut: {x}"]
    assert {path.name for path in folder.iterdir()} == FILES
    settings = read_settings(folder, environment={"WMLFL_APIKEY": "the-partys-own"})
    assert (settings.url, settings.platform) == ("https://cpd.example.com", "cpd")
    assert (settings.training_id, settings.rts_id) == ("t-1", "rts-u")
    assert (settings.scope, settings.name) == ({"space_id": "s-1"}, "../Ümläut: {x}")
    assert settings.data.info == {"party": "../Ümläut: {x}"}
    with pytest.raises(UserCodeError, match=r"Give the party's data here"):
        load_data(settings.data)
    assert "WMLFL_USERNAME" in (folder / "README.md").read_text()


def test_the_run_script_asks_for_the_partys_key(tmp_path):
    made = make_kits(find_party_variables(VARIABLES), KitRequest(out=tmp_path))
    script = made["Northern Hospital"] / "run.sh"
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "error: set WMLFL_APIKEY to the key of this party's user\n")


def test_a_kit_of_the_local_service_has_its_authority_and_no_key(tmp_path, service):
    variables = {**VARIABLES, "host": service.url}
    outputs = json.dumps({"party_variables": variables})
    (tmp_path / "outputs.json").write_text(outputs)
    done = wmlfl(
        *("party", "kit", "--outputs", "outputs.json", "--out", "out", "--model", "KMeans"),
        cwd=tmp_path,
        WMLFL_READY_FILE=str(service.ready_file),
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "out/northern-hospital"
    settings = read_settings(folder, environment={})
    assert settings.ca_file.read_bytes() == (service.data_dir / "ca.pem").read_bytes()
    assert (settings.platform, settings.model) == ("local", {"estimator": "KMeans"})
    everything = "".join(path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert service.apikey not in everything
    assert service.ready["control_token"] not in everything


def test_zips_are_the_same_every_time_and_keep_the_script_executable(tmp_path):
    variables = find_party_variables({"a": VARIABLES}, "a")
    first = make_kits(variables, KitRequest(out=tmp_path / "1", zipped=True, only=["Northern Hospital"]))
    second = make_kits(variables, KitRequest(out=tmp_path / "2", zipped=True, only=["Northern Hospital"]))
    assert list(first) == ["Northern Hospital"]
    one, two = first["Northern Hospital"], second["Northern Hospital"]
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert {name.partition("/")[2] for name in archive.namelist()} == FILES
        assert archive.getinfo("northern-hospital/run.sh").external_attr >> 16 == 0o755
    assert [path.name for path in one.parent.iterdir()] == ["northern-hospital.zip"]


def test_a_renewed_kit_keeps_the_data_handler(tmp_path):
    make_kits(find_party_variables(VARIABLES), KitRequest(out=tmp_path))
    handler = tmp_path / "northern-hospital/data_handler.py"
    handler.write_text("# filled in\n")
    with pytest.raises(ConfigurationError, match=r"northern-hospital exists.*--update"):
        make_kits(find_party_variables(VARIABLES), KitRequest(out=tmp_path))
    renewed = find_party_variables({**VARIABLES, "training_id": "t-2"})
    make_kits(renewed, KitRequest(out=tmp_path, update=True))
    assert handler.read_text() == "# filled in\n"
    assert "t-2" in (tmp_path / "northern-hospital/party.yml").read_text()


@pytest.mark.parametrize(
    ("outputs", "key", "said"),
    [
        ([], "", "no JSON object"),
        ({}, "", "pulumi.export('party_variables', training.party_variables)"),
        ({"a": VARIABLES, "b": VARIABLES}, "", "The stack has several: a, b."),
        ({"a": VARIABLES}, "c", "no output c"),
        ({"a": {"remote_training_systems": {}}}, "", "lacks host, training_id, remote_training_systems"),
        ({**VARIABLES, "project_id": "p"}, "", "lacks project_id or space_id"),
    ],
)
def test_outputs_that_are_not_enough_are_named(outputs, key, said):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        find_party_variables(outputs, key)


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, {"only": ["nobody"]}, "names no party nobody. It names"),
        ({"host": "https://127.0.0.1:1"}, {}, "Name its ca.pem with --ca-file"),
        ({}, {"data_handler": "none.py"}, "--data-handler: none.py cannot be read"),
    ],
)
def test_a_kit_that_cannot_be_made_leaves_nothing(tmp_path, changes, options, said):
    from pathlib import Path

    options = {key: Path(value) if key == "data_handler" else value for key, value in options.items()}
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        make_kits(find_party_variables({**VARIABLES, **changes}), KitRequest(out=tmp_path / "out", **options))
    assert not (tmp_path / "out").exists()
