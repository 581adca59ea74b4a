"""The light party: takes part in a training of WML or of the local service with numpy and scikit-learn.

    from pulumi_wmlfl.party import run_party
    result = run_party("kits/hospital-north")

It speaks the protocol of IBM's party and takes the same data handlers. Imports `protocol`, `errors`.
"""

from .events import EventKind, PartyEvent, PartyResult, Round
from .run import run_party
from .settings import Credentials, HandlerSource, PartySettings, read_settings
from .simulate import simulate

__all__ = [
    "Credentials",
    "EventKind",
    "HandlerSource",
    "PartyEvent",
    "PartyResult",
    "PartySettings",
    "Round",
    "read_settings",
    "run_party",
    "simulate",
]
