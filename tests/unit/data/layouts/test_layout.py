from pathlib import Path

import pytest

from medweave.core.errors import DataError
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS, scan
from medweave.data.layouts.msd import MsdLayout


def test_layout_is_recognised(heart_study: Path) -> None:
    assert scan(heart_study) == scan(heart_study, layout=MsdLayout())
    assert scan(heart_study).layout == "msd"


def test_root_is_made_absolute(heart_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(heart_study.parent)
    assert scan(Path(heart_study.name)).root == heart_study


def test_absent_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data folder not found .*nowhere"):
        scan(tmp_path / "nowhere")


def test_empty_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data folder is empty"):
        scan(tmp_path)


def test_folder_of_no_known_shape_shows_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="matches no known layout") as caught:
        scan(tmp_path)
    assert "msd:\n  dataset.json" in str(caught.value)


def test_tables_of_other_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / "Befunde.csv").write_text("Bild;Befund\n")
    with pytest.raises(DataError, match=r"got Befunde\.csv, without the columns of a case table.*data\.layout"):
        scan(tmp_path)


def test_dicom_series_is_told_to_be_an_image(tmp_path: Path) -> None:
    (tmp_path / "1-01.dcm").write_bytes(b"\0" * 128 + b"DICM")
    with pytest.raises(DataError, match=r"got one DICOM series, which is an image.*cell of a case table"):
        scan(tmp_path)


def test_folder_of_two_shapes_asks_which(heart_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS._components, "twin", LAYOUTS.get("msd"))
    with pytest.raises(DataError, match=r"matches several layouts .*name one with --layout"):
        scan(heart_study)


def test_layout_without_cases_is_refused(heart_study: Path) -> None:
    class Empty:
        tree = ""

        def matches(self, root: Path) -> bool:
            return False

        def scan(self, root: Path) -> DatasetIndex:
            return DatasetIndex("x", root, "empty", (), {})

    with pytest.raises(DataError, match=r"holds no case .*got layout empty"):
        scan(heart_study, layout=Empty())
