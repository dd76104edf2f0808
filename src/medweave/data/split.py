"""Dividing the cases by subject into training, validation and test."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from medweave.core.counting import counted
from medweave.core.errors import DataError
from medweave.core.files import read_json, write_json
from medweave.data.case import Case

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")

Side = TypeVar("Side", bound=Hashable)


@dataclass(frozen=True)
class Split:
    """Case ids of the three parts; no subject (nor a duplicate of one) is in two of them.

    Attributes:
        train: For fitting.
        val: For selection.
        test: Touched by the evaluation alone; may be empty.

    Raises:
        DataError: A case is in two parts.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        counts = Counter([*self.train, *self.val, *self.test])
        repeated = [case_id for case_id, count in counts.items() if count > 1]
        if repeated:
            raise DataError(
                "a split holds a case more than once", got=", ".join(repeated[:5]), fix="restore the split."
            )

    def part(self, name: Part) -> tuple[str, ...]:
        """Return the case ids of a part."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    def save(self, path: Path) -> None:
        """Write split.json."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Split":
        """Read split.json.

        Raises:
            DataError: The file is absent or is not a split.
        """
        content = read_json(path)
        try:
            return cls(**{name: tuple(case_ids) for name, case_ids in content.items()})
        except (AttributeError, TypeError) as error:
            raise DataError("not a split of a data set", where=path, got=error, fix="restore the file.") from error


def draw_split(
    cases: Sequence[Case],
    *,
    shares: Mapping[Part, float],
    seed: int,
    stratify_by: str | None = None,
    linked_cases: Sequence[Sequence[str]] = (),
) -> Split:
    """Draw the parts by subject, stratified by a classification target where there is one.

    Subjects are shuffled within each class and dealt so that every part keeps its share of every class as closely as
    whole subjects allow (largest remainder). A subject of several classes counts in its most frequent one. A part whose
    share is positive gets at least one subject.

    Args:
        cases: The cases to divide.
        shares: Share of the subjects for each part, summing to 1.
        seed: Of the shuffle; the order of `cases` does not matter.
        stratify_by: Name of a target; None takes each case's first.
        linked_cases: Groups of case ids that must stay together (duplicates).

    Raises:
        DataError: There are fewer subjects than parts.
    """
    groups = subject_groups(cases, linked_cases)
    wanted = [part for part in PARTS if shares[part] > 0]
    if len(groups) < len(wanted):
        raise DataError(
            "too few subjects to split",
            got=f"{counted(len(groups), 'subject')} with labels",
            wanted=f"at least {len(wanted)} ({', '.join(wanted)})",
            fix="add labelled cases, or set data.split.test to 0.",
        )
    members = deal(groups, {part: shares[part] for part in wanted}, seed=seed, stratify_by=stratify_by)
    return Split(**{part: members.get(part, ()) for part in PARTS})


def deal(
    groups: Sequence[Sequence[Case]], shares: Mapping[Side, float], *, seed: int, stratify_by: str | None
) -> dict[Side, tuple[str, ...]]:
    """Deal groups of cases onto sides, at least one each, so that every side keeps its share of every class.

    Args:
        groups: Cases that stay together, from `subject_groups`; at least as many as sides.
        shares: Positive share of the groups for each side.
        seed: Of the shuffle within each class.
        stratify_by: Name of a target; None takes each case's first.

    Returns:
        Sorted case ids of each side.
    """
    total = sum(shares.values())
    counts = _apportion(len(groups), list(shares.values()), minimum=1)
    remaining = dict(zip(shares, counts, strict=True))
    members: dict[Side, list[str]] = defaultdict(list)
    owed = dict.fromkeys(shares, 0.0)  # carried from class to class, so that roundings cancel
    for stratum in _strata(groups, stratify_by, np.random.default_rng(seed)):
        owed = {side: owed[side] + share / total * len(stratum) for side, share in shares.items()}
        for group in stratum:
            open_sides = [side for side in shares if remaining[side] > 0]
            due = max(open_sides, key=lambda side: (owed[side], remaining[side]))
            owed[due] -= 1
            remaining[due] -= 1
            members[due] += [case.case_id for case in group]
    return {side: tuple(sorted(members[side])) for side in shares}


def subject_groups(cases: Sequence[Case], linked_cases: Sequence[Sequence[str]]) -> list[list[Case]]:
    """Join the cases of one subject, and subjects that share linked cases.

    Args:
        cases: The cases.
        linked_cases: Groups of case ids that count as one subject (duplicates); others may be among them.
    """
    leader = {case.case_id: case.case_id for case in cases}

    def find(case_id: str) -> str:
        while leader[case_id] != case_id:
            case_id = leader[case_id]
        return case_id

    by_subject: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        by_subject[case.subject_id].append(case.case_id)
    for group in [*by_subject.values(), *linked_cases]:
        known = [case_id for case_id in group if case_id in leader]
        for case_id in known[1:]:
            first, second = sorted((find(known[0]), find(case_id)))
            leader[second] = first
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: case.case_id):
        groups[find(case.case_id)].append(case)
    return [groups[name] for name in sorted(groups)]


def linked_through_all(cases: Sequence[Case], copies: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the ids of the cases that stay together, also where only a case that is not used links them.

    Args:
        cases: All cases of the data.
        copies: Groups of case ids that count as one subject (duplicates).
    """
    return [[case.case_id for case in group] for group in subject_groups(cases, copies)]


def as_one_subject(cases: Sequence[Case], linked_cases: Sequence[Sequence[str]]) -> tuple[Case, ...]:
    """Return the cases, those of one group of `subject_groups` with one subject, in order of their names."""
    joined = [
        replace(case, subject_id=group[0].subject_id) for group in subject_groups(cases, linked_cases) for case in group
    ]
    return tuple(sorted(joined, key=lambda case: case.case_id))


def _strata(
    groups: Sequence[Sequence[Case]], stratify_by: str | None, rng: np.random.Generator
) -> list[list[Sequence[Case]]]:
    """Put the groups of one class together, each class in random order."""
    by_class: dict[str, list[Sequence[Case]]] = defaultdict(list)
    for group in groups:
        classes = Counter(
            case.targets.get(stratify_by, "") if stratify_by else next(iter(case.targets.values()), "")
            for case in group
        )
        by_class[classes.most_common(1)[0][0]].append(group)
    return [[by_class[name][member] for member in rng.permutation(len(by_class[name]))] for name in sorted(by_class)]


def _apportion(total: int, shares: Sequence[float], *, minimum: int) -> list[int]:
    """Divide `total` by shares, rounding by largest remainder, each at least `minimum`."""
    exact = [total * share / sum(shares) for share in shares]
    counts = [int(value) for value in exact]
    for index in sorted(range(len(shares)), key=lambda i: counts[i] - exact[i])[: total - sum(counts)]:
        counts[index] += 1
    while min(counts) < minimum:
        counts[counts.index(max(counts))] -= 1
        counts[counts.index(min(counts))] += 1
    return counts
