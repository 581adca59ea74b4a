"""The programs and changes that go through both engines."""

from .batches import BATCHES
from .generated import GENERATED
from .generated import scenario as generated
from .single import SINGLE

__all__ = ["BATCHES", "GENERATED", "SINGLE", "generated"]
