"""Gradient-boosted trees over the parties' samples, which stay with the parties: see `fusion`.

`parameters`: what a training asks for. `introductions`: what a party says, checked. `binning`: close values
and bins from sketches and ranks. `growing`: one tree. `ensemble`: the model. `fusion`: the rounds.
"""

from .ensemble import Ensemble
from .fusion import Boosting
from .introductions import Gradients, Introduction
from .parameters import BoostingParameters, boosting_problems

__all__ = ["Boosting", "BoostingParameters", "Ensemble", "Gradients", "Introduction", "boosting_problems"]
