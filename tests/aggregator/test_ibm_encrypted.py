"""`crypto_iter_avg` with IBM's own parties: they exchange keys, and the service fuses what it cannot read."""

import functools
import io
import zipfile

import numpy as np
import pytest

from pulumi_wmlfl.fusion import has_pyhelayers
from tests.aggregator.ibm_parties import IbmParty, made_package
from tests.aggregator.test_ibm_parties import accuracy, parties_of
from tests.aggregator.trainings import Experiment
from tests.server.samples import project
from tests.support.certificates import write_identities
from tests.support.environments import interpreter
from tests.support.service import start_service, wait_until

pytestmark = [
    pytest.mark.ibm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not has_pyhelayers(), reason="the extra `crypto` is not installed"),
]

SECONDS = 240
LEARNING = {"rounds": 5, "fusion_type": "crypto_iter_avg", "crypto": {"cipher_spec": "encryption_level_1"}}


def identity(folder, name):
    """The part of a party's configuration that names its certificates."""
    files = {
        "ca_cert_file_path": str(folder / "ca.pem"),
        "my_cert_file_path": str(folder / f"{name}.pem"),
        "asym_key_file_path": str(folder / f"{name}.key"),
    }
    manager = {"key_mgr_info": {"distribution": files}}
    return {"local_training": {"info": {"crypto": {"key_manager": manager}}}}


def stored_weights(service, experiment):
    """The weights among the results."""
    path = f"/ml/v4/trainings/{experiment.id}/results"
    files = experiment.http("GET", path, params=project(service)).json()["results"]
    bundle = next(file["path"] for file in files if file["path"].endswith("model.zip"))
    answer = experiment.http("GET", f"/v2/asset_files/{bundle}", params=project(service))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        weights = np.load(io.BytesIO(archive.read("weights.npz")))
        return [weights[name] for name in weights.files if name.startswith("layer_")]


def test_ibm_parties_train_encrypted_and_one_that_was_killed_gets_the_keys_again(tmp_path):
    python = interpreter("ibm-wml-crypto")
    content = made_package(python, "scikit-learn", tmp_path / "model.zip")
    write_identities(tmp_path, ["one", "two"])
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    write_identities(strangers, ["three"])
    with start_service(tmp_path / "service", pending_seconds=0.05) as service:
        experiment = Experiment(
            service, parties=3, content=content, learning=LEARNING, remote={"quorum": 0.6}
        )
        experiment.reaches("accepting_parties")
        ibm = functools.partial(IbmParty, python, service, experiment.id)
        info = [{"share": share, "shares": 2} for share in range(2)]
        with parties_of(
            ibm(experiment.rts[0], tmp_path / "p1", info=info[0], **identity(tmp_path, "one")),
            ibm(experiment.rts[1], tmp_path / "p2", info=info[1], **identity(tmp_path, "two")),
        ) as (one, two):
            wait_until(lambda: experiment.status().get("iteration", 0) >= 1, SECONDS)
            two.kill()
            with parties_of(
                ibm(experiment.rts[1], tmp_path / "p2b", info=info[1], **identity(tmp_path, "two")),
                ibm(experiment.rts[2], tmp_path / "p3", info=info[0], **identity(strangers, "three")),
            ) as (again, _):
                status = experiment.reaches("completed", SECONDS)
                assert [one.ended(SECONDS), again.ended(SECONDS)] == [0, 0], one.said + again.said
                assert "none trusts its certificate" in experiment.log_of(experiment.rts[2])[1]["reason"]
        assert "Decryption done" in again.said
        weights = stored_weights(service, experiment)
    values = accuracy(status)
    assert len(values) == 5
    assert values[-1] > 0.8
    assert [layer.shape for layer in weights] == [(10, 65)]
    assert np.isfinite(weights[0]).all()
    assert weights[0].any()
