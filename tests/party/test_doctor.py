"""`wmlfl party doctor` against the real service: a good kit, and each thing that can be wrong with one."""

import json
from pathlib import Path

import pytest

from pulumi_wmlfl.party.doctor import examine
from pulumi_wmlfl.party.kit import KitRequest, find_party_variables, make_kits
from tests.party.experiments import Experiment
from tests.party.samples import handler_file
from tests.party.test_run_command import wmlfl

CHECKS = [
    *("versions", "configuration", "data handler", "host name", "connection", "certificate"),
    *("sign-in", "training", "identity", "model", "admission"),
]


@pytest.fixture
def experiment(service):
    made = Experiment(service, ["north", "south"])
    made.reaches("accepting_parties")
    return made


@pytest.fixture
def kits(experiment, tmp_path):
    """The kits of an experiment, their data handlers filled in."""
    request = KitRequest(
        out=tmp_path / "kits",
        ca_file=Path(experiment.service.ca_file),
        data_handler=handler_file(tmp_path),
    )
    return make_kits(find_party_variables(experiment.variables), request)


def findings(kit, key, monkeypatch):
    monkeypatch.setenv("WMLFL_APIKEY", key)
    return {finding.check: finding for finding in examine(kit)}


def problems(found):
    return [finding.check for finding in found.values() if finding.status == "problem"]


def test_a_good_kit_has_no_problem(experiment, kits, tmp_path):
    key = experiment.users["north"]["apikey"]
    done = wmlfl("party", "doctor", "--json", kits["north"], cwd=tmp_path, WMLFL_APIKEY=key)
    envelope = json.loads(done.stdout)
    report = envelope["data"]
    assert [finding["check"] for finding in report["findings"]] == CHECKS
    assert {finding["status"] for finding in report["findings"]} == {"ok"}, report
    assert (done.returncode, report["problems"]) == (0, 0)
    assert (envelope["version"], envelope["kind"]) == (1, "party-doctor")
    assert experiment.events_of("north") == []
    assert key not in done.stdout + done.stderr


def test_an_untouched_kit_is_told_what_to_fill_in(experiment, tmp_path):
    request = KitRequest(out=tmp_path / "kits", ca_file=Path(experiment.service.ca_file))
    made = make_kits(find_party_variables(experiment.variables), request)
    done = wmlfl("party", "doctor", made["north"], cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "PROBLEM  data handler: data_handler.py is not filled in yet.\n         -> Edit get_data()"
        in done.stdout
    )
    assert "PROBLEM  sign-in: The party has no key.\n         -> Set WMLFL_APIKEY" in done.stdout
    assert "skipped  training: needs the sign-in" in done.stdout
    assert done.stdout.endswith("Problems: 2.\n")


def test_the_key_of_another_party_is_named(experiment, kits, monkeypatch):
    found = findings(kits["north"], experiment.users["south"]["apikey"], monkeypatch)
    assert problems(found) == ["identity", "admission"]
    assert experiment.users["south"]["user_id"] in found["identity"].detail
    assert "allowed_identities" in found["identity"].remedy
    assert "allowed_identities" in found["admission"].detail


def test_a_wrong_key_is_a_problem_of_the_sign_in(kits, monkeypatch):
    found = findings(kits["north"], "not-a-key-of-anybody", monkeypatch)
    assert problems(found) == ["sign-in"]
    assert "does not accept its key" in found["sign-in"].detail
    assert found["admission"].status == "skipped"


def test_another_authority_is_a_problem_of_the_certificate(experiment, kits, monkeypatch, tmp_path):
    import trustme

    trustme.CA().cert_pem.write_to_path(kits["north"] / "ca.pem")
    found = findings(kits["north"], experiment.users["north"]["apikey"], monkeypatch)
    assert problems(found) == ["certificate"]
    assert "--ca-file" in found["certificate"].remedy
    (kits["north"] / "ca.pem").write_text("nothing")
    found = findings(kits["north"], experiment.users["north"]["apikey"], monkeypatch)
    assert "holds no certificate" in found["certificate"].detail


@pytest.mark.parametrize(
    ("key", "value", "check", "said"),
    [
        ("url", "https://no-such-host.invalid", "host name", "has no address"),
        ("url", "https://127.0.0.1:1", "connection", "does not answer on port 1"),
        ("training_id", "t-0", "training", "404"),
        ("rts_id", "rts-0", "training", "does not name"),
        ("project_id", "p-0", "training", "40"),
        (
            "model",
            {"estimator": "SGDClassifier", "classes": [0, 1]},
            "model",
            "not among the model's classes",
        ),
    ],
)
def test_each_wrong_entry_is_named(experiment, kits, monkeypatch, key, value, check, said):
    monkeypatch.setenv("WMLFL_APIKEY", experiment.users["north"]["apikey"])
    platform = {"platform": "local"} if key == "url" else {}
    found = {f.check: f for f in examine(kits["north"], overrides={key: value, **platform})}
    assert check in problems(found)
    assert said in found[check].detail


def test_a_training_that_has_ended_needs_a_new_kit(experiment, kits, monkeypatch):
    experiment.service.control.move(experiment.id, "canceled")
    found = findings(kits["north"], experiment.users["north"]["apikey"], monkeypatch)
    assert problems(found) == ["training"]
    assert "new kit" in found["training"].remedy


def test_a_model_that_nobody_describes_is_named(service, tmp_path, monkeypatch):
    experiment = Experiment(service, ["north"], described=None)
    experiment.reaches("accepting_parties")
    request = KitRequest(
        out=tmp_path / "kits", ca_file=Path(service.ca_file), data_handler=handler_file(tmp_path)
    )
    kit = make_kits(find_party_variables(experiment.variables), request)["north"]
    found = findings(kit, experiment.users["north"]["apikey"], monkeypatch)
    assert problems(found) == ["model"]
