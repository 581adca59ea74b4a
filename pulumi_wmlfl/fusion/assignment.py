"""The assignment problem: give every row a column of its own so that the sum of the costs is the least.

The shortest augmenting path method (Jonker and Volgenant, 1987) in numpy; O(rows^2 x columns). Matching
needs it for matrices of at most some hundred clusters or neurons, which is not worth a dependency on scipy.
"""

from __future__ import annotations

import numpy as np

from .updates import Array

__all__ = ["assign"]


def assign(costs: Array) -> Array:
    """Return the column of each row; `costs` is finite, rows x columns, with no more rows than columns."""
    rows, columns = costs.shape
    # Potentials of rows and columns; column 0 is the place where a row waits to be placed.
    row_potential, column_potential = np.zeros(rows + 1), np.zeros(columns + 1)
    row_of = np.zeros(columns + 1, np.intp)
    for row in range(1, rows + 1):
        row_of[0] = row
        column = 0
        shortest = np.full(columns + 1, np.inf)
        came_from = np.zeros(columns + 1, np.intp)
        done = np.zeros(columns + 1, np.bool_)
        while row_of[column]:
            done[column] = True
            here = row_of[column]
            reduced = costs[here - 1] - row_potential[here] - column_potential[1:]
            better = ~done[1:] & (reduced < shortest[1:])
            shortest[1:][better] = reduced[better]
            came_from[1:][better] = column
            following = int(np.where(done, np.inf, shortest).argmin())
            step = shortest[following]
            row_potential[row_of[done]] += step
            column_potential[done] -= step
            shortest[~done] -= step
            column = following
        while column:
            row_of[column] = row_of[came_from[column]]
            column = int(came_from[column])
    result = np.empty(rows, np.intp)
    placed = np.flatnonzero(row_of[1:])
    result[row_of[1:][placed] - 1] = placed
    return result
