"""`wmlfl model materialize`: weights and package become a model, apart from us and on explicit word only."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier, SGDRegressor

from pulumi_wmlfl.protocol import write_weights
from tests.aggregator.parties import Party
from tests.aggregator.trainings import Experiment
from tests.support.environments import interpreter

WMLFL = Path(sys.executable).with_name("wmlfl")
DIGITS = load_digits()


def run(*arguments, code=0, **environment):
    """Run the command; return what it says."""
    done = subprocess.run(
        [WMLFL, "model", "materialize", *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def pack(folder, model, name="untrained_model.pickle"):
    """Zip a pickled model, as it is uploaded to WML."""
    with zipfile.ZipFile(folder / "package.zip", "w") as archive:
        archive.writestr(name, pickle.dumps(model))
    return folder / "package.zip"


def rows(model):
    """Weights as a scikit-learn party sends them: the intercept last."""
    if model.coef_.ndim == 1:
        return np.append(model.coef_, model.intercept_)
    return np.append(model.coef_, model.intercept_.reshape(-1, 1), axis=1)


def stored(folder, *layers):
    write_weights(folder / "weights.safetensors", layers)
    return folder / "weights.safetensors"


def untrained_digits():
    model = SGDClassifier(loss="log_loss", random_state=0)
    model.classes_ = np.arange(10)
    return model


@pytest.fixture(scope="module")
def trained_digits():
    return SGDClassifier(loss="log_loss", random_state=0).fit(DIGITS.data, DIGITS.target)


def local(folder, package, weights, *more):
    """The options for two local files."""
    return (
        "--package", package, "--weights", weights, "--framework", "sklearn",
        "--output", folder / "model.pickle", "--run-package-code", *more,
    )  # fmt: skip


def test_the_weights_of_the_digits_experiment_become_its_classifier(tmp_path, trained_digits):
    package, weights = pack(tmp_path, untrained_digits()), stored(tmp_path, rows(trained_digits))
    said = run(*local(tmp_path, package, weights))
    assert "SGDClassifier of scikit-learn" in said
    assert "650 trained weights" in said
    assert "RUNS ITS CODE" in said
    model = joblib.load(tmp_path / "model.pickle")
    assert np.array_equal(model.predict(DIGITS.data), trained_digits.predict(DIGITS.data))
    assert model.score(DIGITS.data, DIGITS.target) > 0.9
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.pickle",
        "package.zip",
        "weights.safetensors",
    }


def bundle(folder, model, weights, **about):
    """What a training stores: package, weights and a description in one zip."""
    pack(folder, model)
    layout = np.frombuffer(b"{}", np.uint8)
    np.savez(folder / "weights.npz", layout=layout, layer_0=weights)
    description = {
        "package": "package.zip",
        "weights": "weights.npz",
        "model_type": "scikit-learn_1.1",
    } | about
    with zipfile.ZipFile(folder / "model.zip", "w") as archive:
        archive.writestr("training.json", json.dumps(description))
        for name in ("package.zip", "weights.npz"):
            archive.write(folder / name, name)
    return folder / "model.zip"


def test_what_a_training_stores_becomes_a_model_without_further_words(tmp_path, trained_digits):
    trained = bundle(tmp_path, untrained_digits(), rows(trained_digits))
    run("--trained", trained, "--output", tmp_path / "m", "--run-package-code")
    model = joblib.load(tmp_path / "m")
    assert np.array_equal(model.predict(DIGITS.data), trained_digits.predict(DIGITS.data))


def test_centres_become_a_k_means_model(tmp_path):
    fitted = KMeans(10, n_init=1, random_state=0).fit(DIGITS.data)
    trained = bundle(tmp_path, KMeans(5), fitted.cluster_centers_)
    run("--trained", trained, "--output", tmp_path / "m", "--run-package-code")
    model = joblib.load(tmp_path / "m")
    assert np.array_equal(model.predict(DIGITS.data), fitted.predict(DIGITS.data))


def test_a_flat_list_of_weights_becomes_a_regressor(tmp_path):
    scaled = DIGITS.data / 16
    fitted = SGDRegressor(random_state=0).fit(scaled, DIGITS.target)
    package = pack(tmp_path, SGDRegressor())
    run(*local(tmp_path, package, stored(tmp_path, rows(fitted))))
    assert np.allclose(joblib.load(tmp_path / "model.pickle").predict(scaled), fitted.predict(scaled))


def test_a_package_without_classes_gets_those_of_the_command_line(tmp_path):
    target = np.where(DIGITS.target < 5, "low", "up")
    fitted = SGDClassifier(random_state=0).fit(DIGITS.data, target)
    package, weights = pack(tmp_path, SGDClassifier()), stored(tmp_path, rows(fitted))
    said = run(*local(tmp_path, package, weights))
    assert "they are taken to be 0 to 1. See --classes." in said
    run(*local(tmp_path, package, weights, "--force", "--classes", '["low", "up"]'))
    assert (joblib.load(tmp_path / "model.pickle").predict(DIGITS.data) == fitted.predict(DIGITS.data)).all()


class Witness:
    """Code in a package: leaves its environment behind when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (
            eval,
            (f"__import__('pathlib').Path({str(self.path)!r}).write_text(str(__import__('os').environ))",),
        )


def test_without_an_explicit_word_no_code_of_the_package_runs(tmp_path):
    left_behind = tmp_path / "seen"
    package, weights = pack(tmp_path, Witness(left_behind)), stored(tmp_path, np.ones(3))
    options = local(tmp_path, package, weights)
    said = run(*options[:-1], code=3)
    assert "RUNS ITS CODE" in said
    assert "--run-package-code" in said
    assert not left_behind.exists()
    run(*options, code=4)
    assert left_behind.exists(), "the package's code does run once it is allowed"


def test_the_package_s_code_does_not_get_the_keys(tmp_path):
    left_behind = tmp_path / "seen"
    package, weights = pack(tmp_path, Witness(left_behind)), stored(tmp_path, np.ones(3))
    run(*local(tmp_path, package, weights), code=4, WMLFL_APIKEY="key-1234", AWS_SECRET_ACCESS_KEY="key-1234")
    assert "key-1234" not in left_behind.read_text()


class Exit:
    """Code in a package that ends the process."""

    def __reduce__(self):
        return (os._exit, (3,))


@pytest.mark.parametrize(
    ("package", "weights", "reason"),
    [
        (Exit(), np.ones((10, 65)), "ended the process that loaded it (exit code 3"),
        ({"a": 1}, np.ones((10, 65)), "dict is neither a linear model nor k-means"),
        (untrained_digits(), np.ones((3, 65)), "of 3 classes, 10 are named"),
    ],
)
def test_what_does_not_fit_is_told_and_leaves_the_old_output(tmp_path, package, weights, reason):
    (tmp_path / "model.pickle").write_text("old")
    options = local(tmp_path, pack(tmp_path, package), stored(tmp_path, weights), "--force")
    assert reason in run(*options, code=4)
    assert (tmp_path / "model.pickle").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 3


def test_an_output_that_is_there_is_kept_unless_forced(tmp_path):
    (tmp_path / "model.pickle").write_text("old")
    options = local(tmp_path, pack(tmp_path, KMeans()), stored(tmp_path, np.ones((2, 2))))
    assert "is there already" in run(*options, code=3)
    assert (tmp_path / "model.pickle").read_text() == "old"


def test_a_missing_framework_is_one_line_with_the_remedy(tmp_path):
    options = local(tmp_path, pack(tmp_path, 1), stored(tmp_path, np.ones(3)))
    said = run(*options[:5], "pytorch", *options[6:], code=4)
    assert f"{sys.executable} has no torch. Install it: {sys.executable} -m pip install torch" in said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "not what a training stores"),
        ({"training.json": "[]"}, "not what a training stores"),
        ({"training.json": '{"weights": "w"}'}, "no model package"),
        ({"training.json": '{"package": "../../p", "weights": "w"}', "w": "x"}, "not what a training stores"),
    ],
)
def test_a_zip_of_something_else_is_refused(tmp_path, content, reason):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    said = run("--trained", tmp_path / "model.zip", "--output", tmp_path / "m", "--run-package-code", code=4)
    assert reason in said


def test_weights_that_are_pickles_are_refused(tmp_path):
    left_behind = tmp_path / "seen"
    np.savez(tmp_path / "w.npz", layer_0=np.array([Witness(left_behind)], dtype=object))
    options = local(tmp_path, pack(tmp_path, KMeans()), tmp_path / "w.npz")
    assert "cannot be read" in run(*options, code=4)
    assert not left_behind.exists()


@pytest.mark.parametrize(
    "options",
    [
        (), ("--training", "a", "--model", "b"), ("--package", __file__), ("--classes", "{}", "--model", "a"),
        ("--package", __file__, "--weights", __file__),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_told(tmp_path, options):
    assert "Error: " in run(*options, "--output", tmp_path / "m", code=2)


def train_digits(service):
    """Two parties train the digits on shares of their own; return the training and the best of the two."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("untrained_model.pickle", pickle.dumps(untrained_digits()))
    experiment = Experiment(service, content=buffer.getvalue(), learning={"fusion_type": "avg", "rounds": 3})
    experiment.reaches("accepting_parties")
    parties = []
    for share, rts_id in enumerate(experiment.rts):
        own = untrained_digits()
        data, target = DIGITS.data[share::2], DIGITS.target[share::2]

        def train(number, given, own=own, data=data, target=target):
            if given is not None:
                table = np.array(given["weights"])
                own.coef_, own.intercept_ = table[:, :-1].copy(), table[:, -1].copy()
            own.partial_fit(data, target, classes=np.arange(10))
            return {"weights": rows(own).tolist(), "train_counts": len(data)}

        parties.append(Party(service, experiment.id, rts_id, train=train))
    experiment.reaches("completed")
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    return experiment


def test_a_training_of_the_service_becomes_a_model_that_knows_the_digits(service, tmp_path):
    here = {"WMLFL_PLATFORM": "local", "WMLFL_READY_FILE": str(service.ready_file)}
    experiment = train_digits(service)
    output = tmp_path / "digits.pickle"
    said = run("--training", experiment.id, "--output", output, "--run-package-code", **here)
    assert "SGDClassifier of scikit-learn" in said
    assert joblib.load(output).score(DIGITS.data, DIGITS.target) > 0.85
    waiting = Experiment(service)
    said = run("--training", waiting.id, "--output", tmp_path / "m", "--run-package-code", code=4, **here)
    assert "it has no trained model" in said
    said = run("--model", waiting.model_id, "--output", tmp_path / "m", "--run-package-code", code=4, **here)
    assert "not what a training stores" in said
    assert "does not exist" in run("--training", "none", "--output", tmp_path / "m", code=6, **here)


MAKE_KERAS = """
import sys, numpy as np, tensorflow as tf
np.random.seed(0); tf.random.set_seed(0)
model = tf.keras.Sequential([tf.keras.layers.Dense(8, "relu", input_shape=(4,)),
                             tf.keras.layers.BatchNormalization(), tf.keras.layers.Dense(3, "softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
model.save(sys.argv[1] + "/untrained")
model.fit(np.random.rand(32, 4), np.random.randint(0, 3, 32), verbose=0)
np.savez(sys.argv[1] + "/weights.npz", **{f"layer_{i}": w for i, w in enumerate(model.get_weights())})
np.save(sys.argv[1] + "/expected.npy", model.predict(np.ones((2, 4)), verbose=0))
"""
USE_KERAS = """
import sys, numpy as np, tensorflow as tf
model = tf.keras.models.load_model(sys.argv[2])
given = model.predict(np.ones((2, 4)), verbose=0)
np.testing.assert_allclose(given, np.load(sys.argv[1] + "/expected.npy"), 1e-6)
"""
MAKE_TORCH = """
import sys, numpy as np, torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(),
                            torch.nn.Linear(8, 3), torch.nn.LogSoftmax(1))
torch.save(model, sys.argv[1] + "/untrained.pt")
for parameter in model.parameters(): torch.nn.init.uniform_(parameter)
weights = {f"layer_{i}": p.detach().numpy() for i, p in enumerate(model.parameters())}
np.savez(sys.argv[1] + "/weights.npz", **weights)
np.save(sys.argv[1] + "/expected.npy", model(torch.ones(2, 4)).detach().numpy())
"""
USE_TORCH = """
import sys, numpy as np, torch
model = torch.load(sys.argv[2])
if not callable(model):
    state, model = model, torch.load(sys.argv[1] + "/untrained.pt"); model.load_state_dict(state)
given = model(torch.ones(2, 4)).detach().numpy()
np.testing.assert_allclose(given, np.load(sys.argv[1] + "/expected.npy"), 1e-6)
"""


def script(python, text, *arguments):
    subprocess.run([python, "-W", "ignore", "-c", text, *map(str, arguments)], check=True, timeout=120)


@pytest.mark.ibm
def test_keras_weights_become_a_model_of_an_older_interpreter_s_tensorflow(tmp_path):
    python = interpreter("ibm-wml-tf")
    script(python, MAKE_KERAS, tmp_path)
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        for path in sorted((tmp_path / "untrained").rglob("*")):
            archive.write(path, path.relative_to(tmp_path / "untrained"))
    run(
        "--package", tmp_path / "package.zip", "--weights", tmp_path / "weights.npz", "--framework", "keras",
        "--output", tmp_path / "trained.zip", "--python", python, "--run-package-code",
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "trained.zip") as archive:
        archive.extractall(tmp_path / "unzipped")
    script(python, USE_KERAS, tmp_path, tmp_path / "unzipped")


@pytest.mark.ibm
def test_pytorch_weights_become_a_module_of_an_older_interpreter_s_torch(tmp_path):
    python = interpreter("ibm-wml-torch")
    script(python, MAKE_TORCH, tmp_path)
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        archive.write(tmp_path / "untrained.pt", "pytorch_sequence.pt")
    options = ("--weights", tmp_path / "weights.npz", "--framework", "pytorch", "--output", tmp_path / "m.pt")
    package = ("--package", tmp_path / "package.zip", "--run-package-code", "--force")
    for extra in ((), ("--state-dict",)):
        run(*package, *options, "--python", python, *extra)
        script(python, USE_TORCH, tmp_path, tmp_path / "m.pt")
    short = tmp_path / "short.npz"
    np.savez(short, layer_0=np.ones((8, 4), "float32"))
    said = run(
        "--package", tmp_path / "untrained.pt", *options, "--weights", short, "--python", python, "--force",
        "--run-package-code", code=4,
    )  # fmt: skip
    assert "it has 4 arrays ([8, 4], [8], [3, 8], [3]), they are 1 arrays ([8, 4])" in said
