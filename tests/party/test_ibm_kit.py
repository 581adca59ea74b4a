"""Kits for IBM's party library: a party of each generation, and a light one, in one training."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pulumi_wmlfl.party import read_settings, run_party
from pulumi_wmlfl.party.kit import KitRequest, find_party_variables, make_kits
from tests.party.experiments import Experiment
from tests.support.environments import interpreter
from tests.support.service import start_service

pytestmark = pytest.mark.thorough

DIGITS = Path(__file__).parents[2] / "examples/digits"
NAMES = ["hospital-north", "hospital-south", "village-clinic"]
sys.path.insert(0, str(DIGITS))
from classifier import PARTY_MODEL  # noqa: E402 - the example's own description


def package():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.write(DIGITS / "untrained_model/model.pickle", "model.pickle")
    return content.getvalue()


@pytest.mark.ibm
def test_two_of_ibms_parties_and_a_light_one_train_together(tmp_path):
    pythons = [interpreter("ibm-wml"), interpreter("ibm-watsonx")]
    with start_service(tmp_path / "data", pending_seconds=0.05) as service:
        experiment = Experiment(service, NAMES, described=PARTY_MODEL, rounds=5, content=package())
        experiment.reaches("accepting_parties")
        request = KitRequest(
            out=tmp_path / "kits",
            ca_file=Path(service.ca_file),
            data_handler=DIGITS / "data_handler.py",
            ibm=True,
        )
        kits = make_kits(find_party_variables(experiment.variables), request)
        running = []
        for name, python in zip(NAMES, pythons, strict=False):
            user = experiment.users[name]
            keys = {"WMLFL_APIKEY": user["apikey"], "WMLFL_USERNAME": user["username"]}
            with (tmp_path / f"{name}.log").open("w") as log:
                running.append(
                    subprocess.Popen(
                        [python, "-W", "ignore", kits[name] / "run_ibm_party.py"],
                        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **keys},
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )
        try:
            light = read_settings(
                kits[NAMES[2]], environment={"WMLFL_APIKEY": experiment.users[NAMES[2]]["apikey"]}
            )
            result = run_party(light)
            assert [process.wait(60) for process in running] == [0, 0]
        finally:
            for process in running:
                process.kill()
                process.wait(10)
        metrics = experiment.status()["metrics"]
    assert result.state == "completed"
    assert [r.number for r in result.rounds] == [1, 2, 3, 4, 5]
    fused = {
        item["id"]: item["fused"]
        for item in metrics[-1]["ml_federated_metrics"]["acc"]["remote_training_systems"]
    }
    # All test with the same images and have the same model: they measure the same.
    assert set(fused) == set(experiment.rts.values())
    assert max(fused.values()) - min(fused.values()) < 1e-9
    assert result.rounds[-1].fused["acc"] == pytest.approx(fused[experiment.rts[NAMES[2]]])
    assert result.rounds[-1].fused["acc"] > 0.85
