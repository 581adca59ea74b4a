"""Make `untrained_model/model.pickle`, the untrained scikit-learn classifier of this example.

Run it only to change the model. Pickles of scikit-learn are not backward compatible: made with the oldest
version that a party uses, the file loads in all of them.

    pip install scikit-learn==1.1.1 joblib==1.1.1 numpy==1.23.5        # Python 3.10, IBM's party 23.1
    python make_untrained_model.py
"""

from pathlib import Path

import joblib
import numpy as np
from classifier import CLASSES, PARAMETERS
from sklearn.linear_model import SGDClassifier


def main() -> None:
    """Save a linear classifier of ten digits that has seen no data."""
    model = SGDClassifier(**PARAMETERS)
    # Without the classes each party would derive them from its own labels, and shapes could differ.
    model.classes_ = np.array(CLASSES)
    joblib.dump(model, Path(__file__).parent / "untrained_model" / "model.pickle")


if __name__ == "__main__":
    main()
