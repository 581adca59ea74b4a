"""Make `untrained_model/`, the untrained Keras SavedModel of this example.

Run it only to change the model: the result is kept in the repository, so that deploying needs no TensorFlow.

    pip install tensorflow-cpu==2.12.0        # Python 3.10, the runtime of IBM's party 23.1
    python make_untrained_model.py
"""

import shutil
from pathlib import Path

import tensorflow as tf

TARGET = Path(__file__).parent / "untrained_model"


def main() -> None:
    """Build a small dense classifier for 28 x 28 grey images and save it untrained."""
    tf.keras.utils.set_random_seed(20)
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Flatten(input_shape=(28, 28, 1)),
            tf.keras.layers.Dense(32, activation="relu"),
            tf.keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=tf.keras.optimizers.SGD(learning_rate=0.1),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(),
        # Saved as the bare string "accuracy", the metric reports nonsense after the party reloads the model.
        metrics=[tf.keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    shutil.rmtree(TARGET, ignore_errors=True)
    model.save(TARGET, include_optimizer=True, save_traces=True)
    (TARGET / "assets").rmdir()


if __name__ == "__main__":
    main()
