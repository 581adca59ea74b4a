"""Makes an untrained model in an environment of IBM's: `model.py KIND FILE.zip`."""

import sys
import tempfile
import zipfile
from pathlib import Path


def scikit_learn(folder):
    import joblib
    import numpy as np
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", random_state=0)
    model.classes_ = np.arange(10)
    joblib.dump(model, folder / "model.pickle")


def keras(folder):
    import tensorflow as tf

    model = tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(8, 3, activation="relu", input_shape=(8, 8, 1)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(10, activation="softmax"),
        ]
    )
    accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(), metrics=[accuracy])
    model.save(folder)


def pytorch(folder):
    import torch

    layers = (torch.nn.Flatten(), torch.nn.Linear(784, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    torch.save(torch.nn.Sequential(*layers, torch.nn.LogSoftmax(dim=1)), folder / "net.pt")


def main():
    kind, target = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(target, "w") as archive:
        folder = Path(name)
        {"scikit-learn": scikit_learn, "keras": keras, "pytorch": pytorch}[kind](folder)
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))


main()
