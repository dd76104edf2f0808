"""Shortcuts: facts beside the content of the images that give a class away.

A network that can tell the hospital from an image's size, format or scanner may learn the hospital instead of the
disease, and fails where that changes (Zech et al., PLoS Med 2018;15(11):e1002683).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import hypergeom

from medweave.data.facts import CaseFacts
from medweave.preprocessing.readers.medical import image_suffix

#: A value counts from this many subjects on.
MIN_SUBJECTS = 5
#: Share of a value's subjects that must have the class.
MIN_PURITY = 0.95
#: Share of a class's subjects that such values must cover.
MIN_COVERAGE = 0.5
#: Chance that a target without shortcuts has one reported.
FALSE_ALARM = 0.05
#: Numbers with more different values are compared by the intervals between as many quantiles.
MAX_NUMBERS = 10

Value = str | float
#: Subjects of each class that have a value; a subject in two classes counts in both.
Counts = Mapping[str, int]


@dataclass(frozen=True)
class Shortcut:
    """A class that a property gives away.

    Attributes:
        target: Name of the target.
        class_name: The class.
        property_name: Such as "size along x of image 'mri'", or the name of an attribute.
        coverage: Share of the class's subjects with a value that gives it away.
        example: The most frequent such value.
    """

    target: str
    class_name: str
    property_name: str
    coverage: float
    example: str


def find_shortcuts(facts: Sequence[CaseFacts]) -> list[Shortcut]:
    """Return the classes that a property of the files, or an attribute, gives away.

    A value gives a class away if at least 5 subjects have it, at least 95 % of them are of the class, and that is no
    chance (hypergeometric test at 5 %, Bonferroni over all values and classes of the target). A property gives a class
    away if such values together, or one interval of numbers, cover at least half of its subjects.

    Args:
        facts: Of every case.
    """
    found = [_properties(case) for case in facts]
    names = sorted({name for properties in found for name in properties})
    columns = {name: _column([properties.get(name) for properties in found]) for name in names}
    targets = sorted({target for case in facts for target in case.targets})
    return [shortcut for target in targets for shortcut in _of_target(target, facts, columns)]


@dataclass(frozen=True)
class _Column:
    """The values of a property, as text: of each case one, or every interval that its number lies in."""

    values: Sequence[tuple[str, ...]]
    is_of_intervals: bool = False


def _properties(case: CaseFacts) -> dict[str, Value]:
    """Return what is known of a case beside the content of its images."""
    properties: dict[str, Value] = {name: _number_or_text(text) for name, text in case.attributes.items()}
    properties["which images there are"] = " + ".join(sorted(case.images))
    properties["which label maps there are"] = " + ".join(sorted(case.label_maps)) or "none"
    for name, image in case.images.items():
        of_image = f"of image {name!r}"
        properties[f"file format {of_image}"] = image_suffix(image.path.name).lower()
        properties[f"pixel type {of_image}"] = image.pixel_type
        properties[f"channels {of_image}"] = str(image.n_channels)
        properties[f"header axes {of_image}"] = image.sampling.orientation
        for axis, size, spacing in zip("xyz", image.grid.size_voxels, image.grid.spacing_mm, strict=False):
            properties[f"size along {axis} {of_image}"] = float(size)
            properties[f"spacing along {axis} {of_image}"] = round(spacing, 3)
    return properties


def _number_or_text(text: str) -> Value:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _column(values: Sequence[Value | None]) -> _Column:
    numbers = [value for value in values if isinstance(value, float)]
    if len(set(numbers)) <= MAX_NUMBERS:
        return _Column([_groups(value, ()) for value in values])
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, MAX_NUMBERS + 1)))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    intervals = [(low, high) for low, high in combinations(edges, 2) if (low, high) != (edges[0], edges[-1])]
    return _Column([_groups(value, intervals) for value in values], is_of_intervals=True)


def _groups(value: Value | None, intervals: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    """Return a value as text, or the intervals that a number lies in where there are some."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(f"{low:g} to {high:g}" for low, high in intervals if low <= value < high) or (f"{value:g}",)


def _of_target(target: str, facts: Sequence[CaseFacts], columns: Mapping[str, _Column]) -> Iterator[Shortcut]:
    members = {(case.targets[target], case.subject_id) for case in facts if target in case.targets}
    sizes = Counter(class_name for class_name, _ in members)
    tables = {name: _table(target, facts, column.values) for name, column in columns.items()}
    n_tests = len(sizes) * sum(len(table) for table in tables.values())
    for name, table in tables.items():
        for class_name, size in sorted(sizes.items()):
            telling = {
                value: counts[class_name]
                for value, counts in table.items()
                if _gives_away(class_name, counts, sizes, n_tests=n_tests)
            }
            covered = [0, *telling.values()]
            coverage = min((max(covered) if columns[name].is_of_intervals else sum(covered)) / size, 1.0)
            if coverage >= MIN_COVERAGE:
                yield Shortcut(target, class_name, name, coverage, max(telling, key=lambda value: telling[value]))


def _table(target: str, facts: Sequence[CaseFacts], values: Sequence[tuple[str, ...]]) -> dict[str, Counts]:
    """Return the subjects of each class by value; a property without a difference has none."""
    members: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for case, own in zip(facts, values, strict=True):
        for value in own if target in case.targets else ():
            members[value].add((case.targets[target], case.subject_id))
    if len(members) < 2:
        return {}
    return {
        value: Counter(class_name for class_name, _ in subjects)
        for value, subjects in members.items()
        if len(subjects) >= MIN_SUBJECTS
    }


def _gives_away(class_name: str, counts: Counts, sizes: Counts, *, n_tests: int) -> bool:
    having, of_class = sum(counts.values()), counts.get(class_name, 0)
    if of_class < MIN_PURITY * having:
        return False
    chance = hypergeom.sf(of_class - 1, sum(sizes.values()), sizes[class_name], having)
    return bool(chance * n_tests <= FALSE_ALARM)
