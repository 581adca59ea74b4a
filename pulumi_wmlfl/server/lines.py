"""Texts of others in the log: one line each, that moves no cursor. Imports nothing of ours."""

from __future__ import annotations

__all__ = ["one_line"]

_LONGEST = 500


def one_line(text: object) -> str:
    """Return a text as it may stand in a line of the log, whoever wrote it."""
    shown = str(text)
    cut = f"{shown[:_LONGEST]} ..." if len(shown) > _LONGEST else shown
    return "".join(sign if sign.isprintable() else " " for sign in cut)
