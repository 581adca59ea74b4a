"""Run by IBM's own Python: reads frames with IBM's serializer, writes what it saw and what it sends itself.

`ibm_codec.py PACKAGE FOLDER`: for each `FOLDER/<name>.in` there will be `<name>.repr` (what IBM read) and
`<name>.out` (the same message, packed again by IBM). `own.out` is a message built here, with sketches and a
tree. `tree.step` is a step with a tree of ours: what it predicts for `grid.npy` goes to `predicted.npy`.
"""

import importlib.util
import sys
from pathlib import Path

package, folder = sys.argv[1], Path(sys.argv[2])
root = Path(importlib.util.find_spec(package).origin).parent
sys.path.insert(0, str(root / "libs" / "ibmfl" / "runtime-23-1"))

import numpy as np  # noqa: E402
from ddsketch.ddsketch import DDSketch  # noqa: E402
from ibmfl.message.message import Message  # noqa: E402
from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: E402

for path in sorted(folder.glob("*.in")):
    message = Message.deserialize(path.read_bytes())
    path.with_suffix(".repr").write_text(f"{type(message.message_type).__name__} {message.get_data()!r}")
    path.with_suffix(".out").write_bytes(message.serialize())

sketch = DDSketch(0.01)
for value in (1.0, 2.0, 3.0):
    sketch.add(value)
grid = np.arange(40.0).reshape(-1, 1)
tree = HistGradientBoostingRegressor(max_iter=1, min_samples_leaf=2).fit(grid, grid[:, 0])._predictors[0][0]
spread = DDSketch(0.05)
for value in (-3.0, -3.0, 0.0, 1e-9, 7.5, 7.5, 7.5, 1e12):
    spread.add(value)
step = Message.deserialize((folder / "tree.step").read_bytes())
ours = step.get_data()["payload"]["args"]["predictor"]
samples = np.load(folder / "grid.npy")
no_categories = np.zeros((0, 8), "u4"), np.zeros(samples.shape[1], "u4")
np.save(folder / "predicted.npy", ours.predict(samples, *no_categories, 1))
own = Message(message_type=7, id_request=21, sender_info="rts")
own.set_data(
    {
        "status": "success",
        "metrics": {"score": np.float64(0.5), "acc": np.float32(0.25), "ok": np.bool_(True)},
        "payload": {
            "weights": [np.arange(6, dtype="f4").reshape(2, 3), np.asfortranarray(np.ones((3, 2)))],
            "nested": np.arange(40.0).reshape(2, 20).tolist(),
            "class_counts": {0: 1, np.int64(1).item(): 2},
            "empty": np.zeros((0, 4)),
            "zero_d": np.array(3),
            "sketch": sketch,
            "spread": spread,
            "tree": tree,
            "dtype": np.dtype("float64"),
            "classes": np.array(["a", "bc"]),
        },
    }
)
(folder / "own.out").write_bytes(own.serialize())
