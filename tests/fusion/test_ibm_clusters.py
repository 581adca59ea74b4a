"""`spahm` with IBM's own k-means parties of both generations, unchanged, through the service."""

import io
import subprocess
import zipfile

import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from pulumi_wmlfl.cli.trained import from_bundle, read_layers
from tests.aggregator.ibm_parties import IbmParty
from tests.aggregator.trainings import Experiment
from tests.server.samples import project
from tests.support.environments import interpreter

pytestmark = pytest.mark.thorough

MAKE = """
import sys, joblib
from sklearn.cluster import KMeans

joblib.dump(KMeans(n_clusters=10, n_init=2, random_state=0), sys.argv[1])
"""


@pytest.mark.ibm
def test_clusters_of_ibm_s_parties_are_matched(service, tmp_path):
    wml, watsonx = interpreter("ibm-wml"), interpreter("ibm-watsonx")
    subprocess.run([wml, "-W", "ignore", "-c", MAKE, tmp_path / "m.pickle"], check=True, timeout=120)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(tmp_path / "m.pickle", "m.pickle")
    learning = {"fusion_type": "spahm", "rounds": 1}
    experiment = Experiment(service, content=package.getvalue(), learning=learning)
    experiment.reaches("accepting_parties")
    parties = [
        IbmParty(
            python,
            service,
            experiment.id,
            rts_id,
            tmp_path / generation,
            generation=generation,
            info={"share": share, "shares": 2},
        )
        for share, (python, rts_id, generation) in enumerate(
            zip((wml, watsonx), experiment.rts, ("wml", "watsonx"), strict=True)
        )
    ]
    try:
        experiment.reaches("completed", 180)
        assert [party.ended() for party in parties] == [0, 0], parties[0].said + parties[1].said
    finally:
        for party in parties:
            party.kill()
    assert all("Error" not in party.said for party in parties), parties[0].said + parties[1].said
    location = experiment.entity()["results_reference"]["location"]
    path = f"{location['assets_path']}/{experiment.id}/resources/wml_model/model.zip"
    answer = experiment.http("GET", f"/v2/asset_files/{path}", params=project(service))
    (tmp_path / "model.zip").write_bytes(answer.content)
    trained = from_bundle(tmp_path / "model.zip", tmp_path)
    assert trained.framework == "scikit-learn"
    centres = read_layers(trained.weights)[0]
    data = load_digits().data / 16
    inertia = ((data[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1).sum()
    assert 10 <= len(centres) <= 20
    assert inertia < 1.1 * KMeans(10, n_init=2, random_state=0).fit(data).inertia_
