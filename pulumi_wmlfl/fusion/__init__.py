"""Fuses the parties' model updates of a round into one global update. Pure numpy, no files, no network.

`supported` says whether a training can be carried out, `create_fusion` makes its fusion, `Termination` says
when it ends. A fusion is used round after round: `start_round`, `add` per party, `finish`.

`EncryptedMean` is `crypto_iter_avg`; its keys travel with `protocol.key_exchange`.
`Boosting` is `xgb_classifier` and `xgb_regressor`: trees that grow here; its steps are `protocol.boosting`.

May import `errors` only.
"""

from .boosting import Boosting, BoostingParameters, Ensemble, Gradients, Introduction
from .contract import Accumulator, Fusion, GlobalUpdate
from .encrypted import EncryptedMean, has_pyhelayers
from .registry import FUSION_TYPES, create_fusion, supported
from .termination import Predicate, Termination, accuracy_of
from .updates import Array, Form, Layout, Update, read_update
from .weights import WeightFusion

__all__ = [
    "FUSION_TYPES",
    "Accumulator",
    "Array",
    "Boosting",
    "BoostingParameters",
    "EncryptedMean",
    "Ensemble",
    "Form",
    "Fusion",
    "GlobalUpdate",
    "Gradients",
    "Introduction",
    "Layout",
    "Predicate",
    "Termination",
    "Update",
    "WeightFusion",
    "accuracy_of",
    "create_fusion",
    "has_pyhelayers",
    "read_update",
    "supported",
]
