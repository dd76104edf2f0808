from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medweave.data.facts import CaseFacts, Histogram, ImageFacts
from medweave.data.shortcuts import find_shortcuts
from medweave.preprocessing.geometry import Grid

IMAGE = ImageFacts(
    path=Path("image.png"),
    grid=Grid((256, 200), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0)),
    n_channels=1,
    pixel_type="8-bit unsigned integer",
    intensity=(),
    foreground_intensity=(),
    sha256="",
    perceptual_hashes=(),
    thumbnail=np.zeros(1, np.float32),
    histogram=Histogram(0.0, 0.0, np.zeros(1, np.int64)),
    foreground_histogram=None,
)


def case(number: int, class_name: str, *, image: ImageFacts = IMAGE, subject: str | None = None, **attributes: object):
    name = f"c{number}"
    facts = {key: str(value) for key, value in attributes.items()}
    return CaseFacts(name, subject or name, {"class": class_name}, {"x": image}, {}, (), facts)


def found(cases) -> list[tuple[str, str]]:
    return [(shortcut.class_name, shortcut.property_name) for shortcut in find_shortcuts(cases)]


def test_class_from_another_source_is_found() -> None:
    cases = [case(n, "ill" if n % 2 else "healthy", source="web" if n % 2 else "clinic") for n in range(20)]
    assert found(cases) == [("healthy", "source"), ("ill", "source")]
    shortcut = find_shortcuts(cases)[1]
    assert (shortcut.target, shortcut.coverage, shortcut.example) == ("class", 1.0, "web")


def test_class_of_several_sources_of_its_own_is_found_though_none_covers_it() -> None:
    sources = ("web", "journal", "archive")
    cases = [case(n, "ill", source=sources[n % 3]) for n in range(30)]
    cases += [case(n, ("healthy", "other")[n % 2], source="clinic") for n in range(30, 90)]
    assert found(cases) == [("ill", "source")]


def test_a_few_exceptions_do_not_hide_it() -> None:
    cases = [case(n, "ill" if n % 2 else "healthy", source="web" if n % 2 else "clinic") for n in range(80)]
    cases[0] = case(0, "healthy", source="web")
    assert found(cases) == [("healthy", "source"), ("ill", "source")]


def test_source_of_less_than_half_a_class_is_none() -> None:
    cases = [case(n, "ill", source="web" if n < 12 else "clinic") for n in range(30)]
    cases += [case(n, "healthy", source="clinic") for n in range(30, 60)]
    assert found(cases) == []


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases = [
        case(
            n,
            str(rng.choice(["a", "b", "c"])),
            source=rng.choice(["x", "y", "z"]),
            age=rng.normal(60, 10),
            scanner=rng.integers(40),
            name=f"n{n}",
        )
        for n in range(90)
    ]
    assert found(cases) == []


def test_many_cases_of_few_subjects_are_no_evidence() -> None:
    cases = [
        case(n, "ill" if n % 2 else "healthy", source="web" if n % 2 else "clinic", subject=f"s{n % 8}")
        for n in range(80)
    ]
    assert found(cases) == []


def test_five_subjects_of_each_of_two_classes_are_enough() -> None:
    assert len(found([case(n, str(n % 2), source=n % 2) for n in range(10)])) == 2
    assert found([case(n, str(n % 2), source=n % 2) for n in range(8)]) == []


def test_numbers_give_a_class_away_by_their_range() -> None:
    rng = np.random.default_rng(0)
    ages = [*rng.uniform(1, 10, 60), *rng.uniform(30, 90, 40)]
    cases = [case(n, "child" if n < 60 else "adult", age=age) for n, age in enumerate(ages)]
    assert set(found(cases)) == {("adult", "age"), ("child", "age")}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"grid": Grid((512, 200), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))}, "size along x of image 'x'"),
        ({"grid": Grid((256, 200), (1.0, 0.5), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))}, "spacing along y of image 'x'"),
        ({"path": Path("image.JPG")}, "file format of image 'x'"),
        ({"pixel_type": "16-bit unsigned integer"}, "pixel type of image 'x'"),
        ({"n_channels": 3}, "channels of image 'x'"),
    ],
)
def test_properties_of_the_file_are_looked_at(change: dict[str, object], name: str) -> None:
    other = replace(IMAGE, **change)
    cases = [case(n, "ill" if n % 2 else "healthy", image=other if n % 2 else IMAGE) for n in range(20)]
    assert found(cases) == [("healthy", name), ("ill", name)]


def test_which_files_there_are_is_looked_at() -> None:
    cases = [case(n, "ill" if n % 2 else "healthy") for n in range(20)]
    cases = [replace(c, images={} if c.targets["class"] == "ill" else c.images) for c in cases]
    assert ("ill", "which images there are") in found(cases)


def test_cases_without_the_target_or_the_attribute_do_not_matter() -> None:
    cases = [case(n, "ill" if n % 2 else "healthy", source="web" if n % 2 else "clinic") for n in range(20)]
    cases += [replace(case(n, "x", source="web"), targets={}) for n in range(20, 60)]
    cases += [case(n, "healthy") for n in range(60, 64)]
    assert found(cases) == [("healthy", "source"), ("ill", "source")]
