import pytest

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.serving.uploaded_case import read_uploaded, without_paths


def test_a_message_names_the_image_and_not_its_path(tmp_path):
    case = Case("a", "a", {"ed": tmp_path / "0.nii", "es": tmp_path / "1.nii"})
    path = case.images["es"]
    error = without_paths(DataError("cannot be read", where=path, got=f"bad file {path}", fix="send it again."), case)
    assert str(error) == "image 'es': cannot be read: got bad file 1.nii. Fix: send it again."
    assert str(without_paths(error, case)) == str(error)


def test_what_itk_says_is_not_passed_on(monkeypatch, served, tmp_path):
    def fail(case):
        raise RuntimeError(f"itk::ERROR {tmp_path}")

    monkeypatch.setattr(served["xray"].predictor, "read", fail)
    with pytest.raises(DataError, match=r"^an image cannot be read\. Fix: convert or send it again\.$"):
        read_uploaded(served["xray"].predictor, Case("a", "a", {"image": tmp_path / "0.png"}))


def test_a_sound_image_is_read(served, picture, tmp_path):
    (tmp_path / "0.png").write_bytes(picture)
    found = read_uploaded(served["xray"].predictor, Case("a", "a", {"image": tmp_path / "0.png"}))
    assert found.inputs["xray"].image.shape == (1, 6, 4)
