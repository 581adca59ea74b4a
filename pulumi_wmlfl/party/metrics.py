"""What a scikit-learn model is worth on a party's test data, under the names IBM's party reports.

Same keys, same rounding, so that parties of both kinds can stand in one table. The names that begin with
`Negative` are IBM's; the values under them are positive there too. Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["classification_metrics", "plain_metrics", "regression_metrics"]

Array = npt.NDArray[Any]
_DIGITS = 2


def classification_metrics(y_true: Array, y_pred: Array) -> dict[str, float]:
    """Return `score` and `acc` (exact), F1, precision, recall and, for two classes, three more."""
    from sklearn import metrics
    from sklearn.utils.multiclass import unique_labels

    accuracy = float(np.mean(y_true == y_pred))
    found: dict[str, float] = {"score": accuracy, "acc": accuracy}
    rates = {"f1": metrics.f1_score, "precision": metrics.precision_score, "recall": metrics.recall_score}
    labels = unique_labels(y_true, y_pred)
    if len(labels) > 2:
        for average in ("micro", "macro", "weighted"):
            for name, rate in rates.items():
                value = rate(y_true, y_pred, average=average, zero_division=0)
                found[f"{name} {average}"] = round(float(value), _DIGITS)
        return found
    positive = labels[-1]
    for name, rate in rates.items():
        found[name] = round(float(rate(y_true, y_pred, pos_label=positive, zero_division=0)), _DIGITS)
    if len(np.unique(y_true)) == 2:
        true, predicted = (y_true == positive).astype(float), (y_pred == positive).astype(float)
        found["average precision"] = round(float(metrics.average_precision_score(true, predicted)), _DIGITS)
        found["roc auc"] = round(float(metrics.roc_auc_score(true, predicted)), _DIGITS)
        found["negative log loss"] = round(float(metrics.log_loss(true, predicted)), _DIGITS)
    return found


def regression_metrics(y_true: Array, y_pred: Array) -> dict[str, float]:
    """Return `score` (R², exact) and the errors; the logarithmic ones only where nothing is negative."""
    from sklearn import metrics

    score = float(metrics.r2_score(y_true, y_pred))
    squared = float(metrics.mean_squared_error(y_true, y_pred))
    found = {
        "score": score,
        "Negative root mean squared error": float(np.sqrt(squared)),
        "Negative mean absolute error": float(metrics.mean_absolute_error(y_true, y_pred)),
        "Explained Variance": float(metrics.explained_variance_score(y_true, y_pred)),
        "Negative mean squared error": squared,
        "Negative median absolute error": float(metrics.median_absolute_error(y_true, y_pred)),
        "R2": score,
    }
    if np.min(y_true) >= 0 and np.min(y_pred) >= 0:
        logarithmic = float(metrics.mean_squared_log_error(y_true, y_pred))
        found["Negative mean squared log error"] = logarithmic
        found["Negative root mean squared log error"] = float(np.sqrt(logarithmic))
    return {key: value if key == "score" else round(value, _DIGITS) for key, value in found.items()}


def plain_metrics(found: Mapping[object, object]) -> dict[str, float]:
    """Return the numbers of a metrics mapping as plain floats; anything else is left out."""
    numbers = (int, float, np.integer, np.floating)
    return {
        str(key): float(value)
        for key, value in found.items()
        if isinstance(value, numbers) and not isinstance(value, bool)
    }
