"""A case of a study that the network can be asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medweave.data.case import Case
from medweave.data.preparation import PreparedCase


@dataclass(frozen=True)
class StudyCase:
    """A case's files and its prepared arrays."""

    case: Case
    prepared: PreparedCase


def evenly_chosen(cases: Sequence[StudyCase], most: int) -> list[StudyCase]:
    """Return all cases, or `most` of them at even distances in their order."""
    positions = np.linspace(0, len(cases) - 1, min(len(cases), most)).astype(int)
    return [cases[position] for position in positions]
