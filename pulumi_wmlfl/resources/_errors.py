"""Errors that a program may catch, and that end it with one line where it does not."""

from __future__ import annotations

import pulumi

from ..errors import WmlflError

__all__ = ["ProgramError"]


class ProgramError(WmlflError, pulumi.RunError):
    """Base of them: of a `RunError` Pulumi shows the text, which ends with the code, and no traceback."""

    def __str__(self) -> str:
        return f"{super().__str__()} [{self.page()}]"

    def with_code(self) -> str:
        """Return the text, which has the code already."""
        return str(self)

    def page(self) -> str:
        """Return the code under which the documentation says what to do."""
        return self.code
