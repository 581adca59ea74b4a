"""The parties' data: shares of scikit-learn's handwritten digits, unequal and skewed as in real life.

In a real experiment each party has a handler of its own, which reads its own files. Here one class gives each
party its share, by name. All of them test with the same images, which none of them trains on, so that their
models can be compared.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

# Which part of the images of the digits 0 ... 9 each party has. The village clinic sees few patients, and
# never a seven.
SHARES = {
    "hospital-north": [0.86, 0.85, 0.86, 0.85, 0.85, 0.12, 0.08, 0.08, 0.05, 0.05],
    "hospital-south": [0.08, 0.07, 0.06, 0.08, 0.09, 0.80, 0.84, 0.92, 0.87, 0.85],
    "village-clinic": [0.06, 0.08, 0.08, 0.07, 0.06, 0.08, 0.08, 0.00, 0.08, 0.10],
}
TEST_IMAGES = 360


class HospitalDigits:
    """Gives the images of one party; `data_config["party"]` is its name."""

    def __init__(self, data_config):
        self.party = data_config["party"]
        if self.party not in SHARES:
            raise ValueError(f"There is no share for {self.party}; there is one for {', '.join(SHARES)}.")

    def get_data(self):
        images, digits = load_digits(return_X_y=True)
        x, x_test, y, y_test = train_test_split(
            images / 16.0, digits, test_size=TEST_IMAGES, stratify=digits, random_state=0
        )
        chosen = np.concatenate([self.share_of(digit, y) for digit in range(10)])
        return (x[chosen], y[chosen]), (x_test, y_test)

    def share_of(self, digit, labels):
        """Return the places of this party's images of a digit; no image has two owners."""
        places = np.flatnonzero(labels == digit)
        names = list(SHARES)
        before = names[: names.index(self.party)]
        start = round(sum(SHARES[name][digit] for name in before) * len(places))
        end = round(sum(SHARES[name][digit] for name in [*before, self.party]) * len(places))
        return places[start:end]
