"""A data handler as IBM documents them, for IBM's parties and ours: shares of scikit-learn's digits."""

import numpy as np
from sklearn.datasets import load_digits

try:
    from ibm_watson_machine_learning.federated_learning.data_handler import DataHandler
except ImportError:
    from ibm_watsonx_ai.federated_learning.data_handler import DataHandler


class Digits(DataHandler):
    """A share of the digits; `info` names `share` and `shares`, and the `form` of x and y."""

    def __init__(self, data_config=None):
        super().__init__()
        digits = load_digits()
        share, shares = data_config["share"], data_config["shares"]
        form = data_config.get("form", "rows")
        x = (digits.data / 16).astype("float64" if form in ("rows", "number") else "float32")
        y = digits.target
        if form == "binary":
            y = (y > 4).astype("int64")
        if form == "number":
            y = y.astype("float64")
        if form == "image":
            x = x.reshape(-1, 8, 8, 1)
        if form == "mnist":
            x = np.kron(x.reshape(-1, 8, 8), np.ones((1, 3, 3), "float32"))
            x = np.pad(x, ((0, 0), (2, 2), (2, 2))).reshape(-1, 1, 28, 28)
        mine = np.arange(len(y)) % shares == share
        test = np.arange(len(y)) % 7 == 0
        # `avg` counts the samples of this attribute.
        self.x_train = x[mine & ~test]
        self.sets = ((self.x_train, y[mine & ~test]), (x[mine & test], y[mine & test]))

    def get_data(self):
        """Return training and test data."""
        return self.sets
