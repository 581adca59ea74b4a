"""Puts trained weights into an untrained model, in a process of its own.

Loading a package runs whatever code is in it. So this file imports nothing of this project and only what the
framework needs: it runs in the interpreter that has the framework (Python 3.10 or newer), with a bare
environment, in an empty folder. JOB is a JSON file; success and failure go to its `report`.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LARGEST_PACKAGE = 8 * 1024**3
PICKLES = (".pickle", ".pkl", ".joblib")
FOLDER = Path("package")

Job = dict[str, Any]


class Unusable(Exception):
    """Package, weights and framework do not go together; the text says why."""


class FrameworkMissing(Exception):
    """Something must be installed first; the text is its name in the package index."""


def main(job_file: str) -> int:
    """Do the job in `job_file`; 0 if the model was made."""
    job: Job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    makers = {"scikit-learn": scikit_learn, "tensorflow": tensorflow, "pytorch": pytorch, "trees": trees}
    report: Job = {"python": platform.python_version(), "notes": [], "unit": "weights"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            report |= makers[job["framework"]](job)
        except FrameworkMissing as error:
            report["missing"] = str(error)
        except Unusable as error:
            report["error"] = str(error)
        except Exception as error:  # noqa: BLE001 - a package may raise anything
            report["error"] = f"{type(error).__name__}: {error}"
    versions = {str(each.message) for each in caught if "Version" in each.category.__name__}
    report["notes"] += sorted(" ".join(text.split())[:300] for text in versions)
    Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")
    return 0 if "made" in report else 1


def read_weights(job: Job) -> list[Any]:
    """Return the arrays in their order; nothing in an npz is unpickled."""
    import numpy as np

    with np.load(job["weights"], allow_pickle=False) as stored:
        return [stored[f"layer_{index}"] for index in range(len(stored.files))]


def unpack(job: Job) -> list[str]:
    """Unpack the package, whose own code may import from it; return its files, none if it is no zip."""
    if not zipfile.is_zipfile(job["package"]):
        return []
    with zipfile.ZipFile(job["package"]) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if sum(info.file_size for info in files) > LARGEST_PACKAGE:
            raise Unusable("The package is larger than 8 GiB.")
        archive.extractall(FOLDER)
    sys.path.insert(0, str(FOLDER.resolve()))
    return [info.filename for info in files if not info.filename.startswith("__MACOSX/")]


def the_only(names: Sequence[str], what: str) -> Path:
    """Return the one file of the package that may be the model."""
    if len(names) != 1:
        raise Unusable(f"The package has {len(names) or 'no'} {what}; exactly one is needed.")
    return FOLDER / names[0]


def scikit_learn(job: Job) -> Job:
    """Set `coef_` and `intercept_` of a linear model, or the centres of k-means; save it with joblib."""
    try:
        import joblib
        import sklearn
    except ImportError:
        raise FrameworkMissing("scikit-learn") from None
    names = unpack(job)
    path = the_only([name for name in names if name.endswith(PICKLES)], "pickle") if names else job["package"]
    model = joblib.load(path)
    weights = read_weights(job)
    if len(weights) != 1:
        raise Unusable(f"Weights of {len(weights)} layers do not fit a scikit-learn model.")
    notes: list[str] = []
    if hasattr(model, "n_clusters"):
        set_centres(model, weights[0])
    elif hasattr(model, "partial_fit") and hasattr(model, "fit_intercept"):
        notes = set_linear(model, weights[0], job["classes"])
    else:
        raise Unusable(f"{type(model).__name__} is neither a linear model nor k-means.")
    joblib.dump(model, job["output"])
    made = f"{type(model).__name__} of scikit-learn {sklearn.__version__}"
    return {"made": made, "count": int(weights[0].size), "notes": notes}


def set_linear(model: Any, table: Any, classes: list[Any] | None) -> list[str]:
    """Set a linear model from rows of coefficients with the intercept last; return what was assumed."""
    import numpy as np
    from sklearn.base import is_classifier

    rows = np.atleast_2d(table)
    coef, intercept = np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1])
    notes = []
    if is_classifier(model):
        count = 2 if len(rows) == 1 else len(rows)
        if classes is not None:
            model.classes_ = np.array(classes)
        elif not hasattr(model, "classes_"):
            model.classes_ = np.arange(count)
            notes = [f"The package names no classes; they are taken to be 0 to {count - 1}. See --classes."]
        if len(model.classes_) != count:
            raise Unusable(f"The weights are of {count} classes, {len(model.classes_)} are named.")
    elif len(rows) != 1:
        raise Unusable(f"Weights of {len(rows)} rows do not fit {type(model).__name__}.")
    model.coef_ = coef if is_classifier(model) else coef[0]
    model.intercept_ = intercept
    model.n_features_in_ = coef.shape[1]
    model.t_, model.n_iter_ = 1.0, 1
    return notes


def set_centres(model: Any, centres: Any) -> None:
    """Set the centres of k-means; matching may have found more or fewer than the package asks for."""
    import numpy as np
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    if centres.ndim != 2:
        raise Unusable("The weights are not cluster centres.")
    model.n_clusters = model._n_features_out = len(centres)
    model.cluster_centers_ = np.ascontiguousarray(centres)
    model.n_features_in_ = centres.shape[1]
    model._n_threads = _openmp_effective_n_threads()


def trees(job: Job) -> Job:
    """Put boosted trees into a `HistGradientBoosting` estimator; save it with joblib."""
    try:
        import joblib
        import sklearn
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    except ImportError:
        raise FrameworkMissing("scikit-learn") from None
    import numpy as np

    with np.load(job["weights"], allow_pickle=False) as stored:
        found = {name: stored[name] for name in stored.files}
    features, classes = len(found["thresholds_of_feature"]), found["classes"]
    made = HistGradientBoostingClassifier if len(classes) else HistGradientBoostingRegressor
    # A fit to anything at all makes what an estimator has beside its trees, in every release.
    count = 4 * max(1, len(classes))
    anything = np.random.default_rng(0).normal(size=(count, features))
    model = made(max_iter=1, early_stopping=False)
    model.fit(anything, np.resize(classes, count) if len(classes) else anything[:, 0])
    model._baseline_prediction = found["baseline"]
    model._predictors = predictors(found)
    known = model.get_params()
    model.set_params(
        **{name: value for name, value in job["parameters"].items() if name in known and name != "loss"}
    )
    joblib.dump(model, job["output"])
    rounds = f"{len(model._predictors)} rounds"
    text = f"{made.__name__} of scikit-learn {sklearn.__version__}, {rounds}"
    return {"made": text, "count": len(found["value"]), "unit": "nodes"}


def predictors(found: dict[str, Any]) -> list[list[Any]]:
    """Return the trees of each round as this scikit-learn has them."""
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    nodes = np.zeros(len(found["value"]), PREDICTOR_RECORD_DTYPE)
    for name in set(nodes.dtype.names) & set(found):
        nodes[name] = found[name]
    ends = np.cumsum(found["nodes_of_tree"])
    no_categories = np.zeros((0, 8), np.uint32)
    made = [
        TreePredictor(nodes[end - size : end], no_categories, no_categories)
        for end, size in zip(ends, found["nodes_of_tree"], strict=True)
    ]
    per_round = found["baseline"].shape[1]
    return [made[at : at + per_round] for at in range(0, len(made), per_round)]


def tensorflow(job: Job) -> Job:
    """Load a SavedModel or HDF5 file, set its weights, save it as the output's name asks."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        import tensorflow as tf
    except ImportError:
        raise FrameworkMissing("tensorflow") from None
    keras = tf.keras
    if tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16):
        # Keras 3 cannot load a SavedModel as a model.
        try:
            keras = importlib.import_module("tf_keras")
        except ImportError:
            raise FrameworkMissing("tf_keras") from None
    model = keras.models.load_model(saved_model(unpack(job)))
    weights = read_weights(job)
    check_shapes([weight.shape for weight in model.get_weights()], weights)
    model.set_weights(weights)
    save_keras(model, job["output"])
    made = f"{type(model).__name__} of TensorFlow {tf.__version__}"
    return {"made": made, "count": sum(int(weight.size) for weight in weights)}


def saved_model(names: list[str]) -> Path:
    """Return the folder or file of the package that Keras loads."""
    folders = [str(Path(name).parent) for name in names if Path(name).name == "saved_model.pb"]
    if folders:
        return FOLDER if "." in folders else the_only(folders, "folders with saved_model.pb")
    return the_only([name for name in names if name.endswith((".h5", ".hdf5"))], "SavedModel or .h5 file")


def save_keras(model: Any, output: str) -> None:
    """Save as HDF5, Keras' own format, a zipped SavedModel or a SavedModel, by the output's name."""
    if output.endswith((".h5", ".keras")):
        model.save(output)
    elif output.endswith(".zip"):
        model.save("trained", save_format="tf")
        shutil.make_archive(output.removesuffix(".zip"), "zip", "trained")
    else:
        model.save(output, save_format="tf")


def pytorch(job: Job) -> Job:
    """Load a whole module, set its parameters in their order, save the module or its state."""
    try:
        import torch
    except ImportError:
        raise FrameworkMissing("torch") from None
    names = unpack(job)
    # What torch.save writes is a zip itself.
    is_model_itself = not names or any(name.endswith("/data.pkl") for name in names)
    inside = [name for name in names if name.endswith((".pt", ".pth"))]
    path = job["package"] if is_model_itself else the_only(inside, ".pt file")
    model = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(model, torch.nn.Module):
        raise Unusable(f"The package holds a {type(model).__name__}, not a whole module.")
    weights = read_weights(job)
    parameters = list(model.parameters())
    check_shapes([tuple(parameter.shape) for parameter in parameters], weights)
    with torch.no_grad():
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.copy_(torch.from_numpy(weight.copy()))
    torch.save(model.state_dict() if job["state_dict"] else model, job["output"])
    buffered = "Buffers, such as the averages of a batch normalisation, are those of the package."
    return {
        "made": f"{type(model).__name__} of PyTorch {torch.__version__}",
        "count": sum(int(weight.size) for weight in weights),
        "notes": [buffered] if any(True for _ in model.buffers()) else [],
    }


def check_shapes(wanted: Sequence[Sequence[int]], weights: list[Any]) -> None:
    """Refuse weights that are of another model."""
    given = [weight.shape for weight in weights]
    if [tuple(shape) for shape in wanted] != given:
        raise Unusable(
            f"The weights do not fit the package's model: it has {shown(wanted)}, they are {shown(given)}."
        )


def shown(shapes: Sequence[Sequence[int]]) -> str:
    """Return the number of arrays and the first shapes."""
    first = ", ".join(str(list(shape)) for shape in shapes[:4])
    return f"{len(shapes)} arrays ({first}{', ...' if len(shapes) > 4 else ''})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
