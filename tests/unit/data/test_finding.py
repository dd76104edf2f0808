from pathlib import Path

import pytest

from medweave.data.finding import Finding


@pytest.mark.parametrize("path", [None, Path("/data/a.nii")])
def test_json_round_trip(path: Path | None) -> None:
    finding = Finding(severity="error", code="truncated", case_ids=("a",), path=path, message="short", fix="copy it.")
    assert Finding.from_json(finding.to_json()) == finding
