from pathlib import Path

import pytest

from medweave.data.finding import Finding


@pytest.mark.parametrize(
    ("path", "case_ids", "where"),
    [
        (Path("/data/a.nii"), "a", "/data/a.nii"),
        (None, "ab", "cases a, b"),
        (None, "abcde", "cases a, b, c and 2 more"),
    ],
)
def test_the_place_is_the_file_or_the_first_cases(path: Path | None, case_ids: str, where: str) -> None:
    finding = Finding(severity="error", code="x", case_ids=tuple(case_ids), path=path, message="m", fix="f.")
    assert finding.where == where


@pytest.mark.parametrize("path", [None, Path("/data/a.nii")])
def test_json_round_trip(path: Path | None) -> None:
    finding = Finding(severity="error", code="truncated", case_ids=("a",), path=path, message="short", fix="copy it.")
    assert Finding.from_json(finding.to_json()) == finding
