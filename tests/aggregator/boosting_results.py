"""The trees that a training stored, as arrays and as an estimator of scikit-learn."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from pulumi_wmlfl.fusion import Ensemble, Layout
from tests.server.samples import project


def stored_bundle(experiment):
    """The bytes of the model.zip in the training's results."""
    folder = experiment.entity()["results_reference"]["location"]["assets_path"]
    path = f"{folder}/{experiment.id}/resources/wml_model/model.zip"
    answer = experiment.http("GET", f"/v2/asset_files/{path}", params=project(experiment.service))
    assert answer.status_code == 200, answer.text
    return answer.content


def stored_model(experiment):
    """The model in the training's results."""
    with (
        zipfile.ZipFile(io.BytesIO(stored_bundle(experiment))) as archive,
        np.load(io.BytesIO(archive.read("trees.npz")), allow_pickle=False) as found,
    ):
        layout = Layout.from_json(found["layout"].tobytes().decode())
        return Ensemble.from_layers([found[name] for name in layout.stored_names])


def materialized(experiment, folder, *more):
    """What `wmlfl model materialize` makes of the results, without a package and without a question."""
    (folder / "model.zip").write_bytes(stored_bundle(experiment))
    arguments = ("--trained", str(folder / "model.zip"), "--output", str(folder / "trees.pickle"), *more)
    done = subprocess.run(
        [Path(sys.executable).with_name("wmlfl"), "model", "materialize", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " rounds, " in done.stdout
    return folder / "trees.pickle"
