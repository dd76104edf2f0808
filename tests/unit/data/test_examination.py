import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.data.case import Case
from medweave.data.examination import examine, examine_all
from medweave.data.facts import CaseFacts
from medweave.data.index import DatasetIndex

STRUCTURES = {"image": {"atrium": 1, "ventricle": 2}}


def volume() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(100, 20, (6, 7, 8)).astype(np.float32)


def labels() -> NDArray[np.uint8]:
    label_map = np.zeros((6, 7, 8), np.uint8)
    label_map[1:3, 1:3, 1:3] = 1
    label_map[4, 4, 4] = 2
    return label_map


def write(array: NDArray[np.generic], path: Path, *, spacing: tuple[float, ...] = (2.0, 2.0, 5.0)) -> Path:
    image = sitk.GetImageFromArray(array.T)
    image.SetSpacing(spacing[: array.ndim])
    sitk.WriteImage(image, str(path))
    return path


def facts_of(image: Path, label_map: Path | None = None) -> CaseFacts:
    case = Case("case", "subject", {"image": image}, {"image": label_map} if label_map else {}, {"grade": "high"})
    return examine(case, structures=STRUCTURES)


def codes(facts: CaseFacts) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in facts.findings]


def test_a_good_case_is_described(tmp_path: Path) -> None:
    facts = facts_of(write(volume(), tmp_path / "i.nii.gz"), write(labels(), tmp_path / "l.nii.gz"))
    image, label_map = facts.images["image"], facts.label_maps["image"]
    assert facts.findings == ()
    assert (image.grid.size_voxels, image.grid.spacing_mm, image.n_channels) == ((6, 7, 8), (2.0, 2.0, 5.0), 1)
    assert image.intensity[0].mean == pytest.approx(volume().mean(), rel=1e-6)
    assert image.foreground_intensity[0].mean == pytest.approx(volume()[labels() > 0].mean(), rel=1e-6)
    assert label_map.voxels == {"atrium": 8, "ventricle": 1}
    assert label_map.volume_ml == pytest.approx({"atrium": 8 * 20 / 1000, "ventricle": 20 / 1000})
    assert label_map.n_background_voxels == 6 * 7 * 8 - 9
    assert image.histogram.counts.sum() >= 0.98 * volume().size


def test_a_picture_is_described_without_the_colours_that_repeat_its_grey(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (6, 7)).astype(np.uint8)
    for name, channels in (("grey.png", [grey] * 3), ("colour.png", [grey, grey, 0 * grey]), ("one.png", [grey])):
        images = [sitk.GetImageFromArray(channel.T) for channel in channels]
        sitk.WriteImage(sitk.Compose(images) if len(images) > 1 else images[0], str(tmp_path / name))
    found = [facts_of(tmp_path / name) for name in ("grey.png", "colour.png", "one.png")]
    assert [facts.images["image"].n_channels for facts in found] == [1, 3, 1]
    assert [facts.findings for facts in found] == [(), (), ()]
    assert found[0].images["image"].sha256 == found[2].images["image"].sha256
    assert found[1].images["image"].pixel_type == "8-bit unsigned integer"


def test_attributes_are_those_of_the_case(tmp_path: Path) -> None:
    case = Case("c", "s", {"image": write(volume(), tmp_path / "i.nii")}, attributes={"sex": "f"})
    facts = examine(case, structures={})
    assert facts.attributes == {"sex": "f"}
    assert facts.to_json()["attributes"] == {"sex": "f"}


def test_facts_are_json(tmp_path: Path) -> None:
    facts = facts_of(write(volume(), tmp_path / "i.nii.gz"), write(labels(), tmp_path / "l.nii.gz"))
    content = json.loads(json.dumps(facts.to_json(), allow_nan=False))
    assert content["images"]["image"]["grid"]["size_voxels"] == [6, 7, 8]
    assert content["images"]["image"]["orientation"] == "LPS"
    assert "thumbnail" not in content["images"]["image"]
    assert content["targets"] == {"grade": "high"}


def test_content_hash_does_not_depend_on_the_format(tmp_path: Path) -> None:
    hashes = {facts_of(write(volume(), tmp_path / f"i.{end}")).images["image"].sha256 for end in ("nii", "nrrd", "mha")}
    digest = hashlib.sha256(b"(6, 7, 8) (2.0, 2.0, 5.0)" + volume().T.tobytes()).hexdigest()
    assert hashes == {digest}
    assert facts_of(write(volume(), tmp_path / "s.nii", spacing=(1, 1, 1))).images["image"].sha256 != digest


def test_channels_of_a_4d_file_have_statistics_each(tmp_path: Path) -> None:
    channels = [sitk.GetImageFromArray(np.full((3, 3, 3), value, np.float32)) for value in (1, 2)]
    for channel in channels:
        channel[0, 0, 0] = 0
    sitk.WriteImage(sitk.JoinSeries(channels), str(tmp_path / "i.nii.gz"))
    image = facts_of(tmp_path / "i.nii.gz").images["image"]
    assert [channel.maximum for channel in image.intensity] == [1, 2]
    assert image.grid.spatial_dims == 3


def test_a_2d_image_is_described(tmp_path: Path) -> None:
    path = write((volume()[:, :, 0]).astype(np.uint8), tmp_path / "i.png")
    image = facts_of(path).images["image"]
    assert (image.grid.size_voxels, image.sampling.orientation, len(image.perceptual_hashes)) == ((6, 7), "", 1)


def test_without_a_schema_labels_are_named_by_number(tmp_path: Path) -> None:
    case = Case(
        "case", "s", {"image": write(volume(), tmp_path / "i.nii")}, {"image": write(labels(), tmp_path / "l.nii")}
    )
    assert examine(case, structures={}).label_maps["image"].voxels == {"1": 8, "2": 1}


class TestBadData:
    def test_absent(self, tmp_path: Path) -> None:
        facts = facts_of(tmp_path / "absent.nii.gz")
        assert codes(facts) == [("error", "unreadable")]
        assert facts.images == {}
        assert "not found" in facts.findings[0].message

    @pytest.mark.parametrize("content", [b"", b"not an image"])
    def test_unreadable(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "i.nii.gz").write_bytes(content)
        facts = facts_of(tmp_path / "i.nii.gz", write(labels(), tmp_path / "l.nii.gz"))
        assert codes(facts) == [("error", "unreadable")]
        assert facts.findings[0].path == tmp_path / "i.nii.gz"
        assert "image" in facts.label_maps

    def test_truncated(self, tmp_path: Path) -> None:
        path = write(volume(), tmp_path / "i.nii")
        path.write_bytes(path.read_bytes()[:-400])
        facts = facts_of(path)
        assert codes(facts) == [("error", "truncated")]
        assert facts.findings[0].fix == "copy the file again."

    def test_wrong_dimension(self, tmp_path: Path) -> None:
        case = Case("case", "s", {"image": write(volume(), tmp_path / "i.nii")})
        facts = examine(case, structures={}, spatial_dims={"image": 2})
        assert codes(facts) == [("error", "unreadable")]
        assert "wanted 2D" in facts.findings[0].message

    def test_dimension_of_another_image_does_not_matter(self, tmp_path: Path) -> None:
        case = Case("case", "s", {"image": write(volume(), tmp_path / "i.nii")})
        assert examine(case, structures={}, spatial_dims={"other": 2}).findings == ()

    def test_mask_of_grey_values(self, tmp_path: Path) -> None:
        picture = np.random.default_rng(0).integers(0, 255, (6, 7)).astype(np.uint8)
        mask = np.zeros((6, 7), np.uint8)
        mask[2:5, 2:5], mask[3, 3] = 255, 128
        paths = {"image": write(picture, tmp_path / "i.png")}, {"image": write(mask, tmp_path / "m.png")}
        facts = examine(Case("case", "s", *paths), structures={"image": {"lungs": 1}})
        assert codes(facts) == [("error", "grey_mask")]
        assert "got 3 of them, wanted black and white" in facts.findings[0].message

    def test_constant(self, tmp_path: Path) -> None:
        facts = facts_of(write(np.full((5, 5, 5), 3, np.float32), tmp_path / "i.nii"))
        assert codes(facts) == [("error", "empty_image")]
        assert "every voxel is 3" in facts.findings[0].message

    def test_not_finite(self, tmp_path: Path) -> None:
        array = volume()
        array[0, 0, 0], array[1, 1, 1] = np.nan, np.inf
        facts = facts_of(write(array, tmp_path / "i.nii"))
        assert codes(facts) == [("error", "not_finite")]
        assert "2 NaN" in facts.findings[0].message
        assert np.isfinite(facts.images["image"].intensity[0].mean)

    def test_nothing_finite(self, tmp_path: Path) -> None:
        facts = facts_of(write(np.full((5, 5, 5), np.nan, np.float32), tmp_path / "i.nii"))
        assert codes(facts) == [("error", "not_finite")]
        assert facts.images["image"].intensity == ()
        json.dumps(facts.to_json(), allow_nan=False)

    def test_label_map_of_another_shape(self, tmp_path: Path) -> None:
        facts = facts_of(write(volume(), tmp_path / "i.nii"), write(labels()[:-1], tmp_path / "l.nii"))
        assert codes(facts) == [("error", "geometry_mismatch")]
        assert "(6, 7, 8) and (5, 7, 8)" in facts.findings[0].message
        assert facts.images["image"].foreground_intensity == ()

    def test_label_map_of_another_spacing(self, tmp_path: Path) -> None:
        label_map = write(labels(), tmp_path / "l.nii", spacing=(2, 2, 4))
        facts = facts_of(write(volume(), tmp_path / "i.nii"), label_map)
        assert codes(facts) == [("error", "geometry_mismatch")]
        assert "spacing" in facts.findings[0].message

    def test_label_map_of_another_dimension(self, tmp_path: Path) -> None:
        facts = facts_of(write(volume(), tmp_path / "i.nii"), write(labels()[..., 1], tmp_path / "l.png"))
        assert codes(facts) == [("error", "geometry_mismatch")]
        assert "3D and 2D" in facts.findings[0].message

    def test_labels_outside_the_schema(self, tmp_path: Path) -> None:
        label_map = write(labels() * 3, tmp_path / "l.nii")
        facts = facts_of(write(volume(), tmp_path / "i.nii"), label_map)
        assert codes(facts) == [("error", "unexpected_labels")]
        assert "got [3, 6]" in facts.findings[0].message

    def test_labels_that_no_head_of_a_recipe_reads(self, tmp_path: Path) -> None:
        case = Case(
            "case",
            "subject",
            {"image": write(volume(), tmp_path / "i.nii")},
            {"image": write(labels() * 3, tmp_path / "l.nii")},
        )
        facts = examine(case, structures=STRUCTURES, structures_of_recipe=frozenset({"image"}))
        assert codes(facts) == []
        assert facts.label_maps["image"].unread == (3, 6)

    @pytest.mark.parametrize(("values", "is_grey"), [((1, 2), False), ((120, 200), True), (range(1, 20), True)])
    def test_few_small_values_of_a_picture_are_labels_that_no_head_reads(
        self, tmp_path: Path, values: tuple[int, ...], is_grey: bool
    ) -> None:
        picture = np.zeros((6, 7), np.uint8)
        picture.ravel()[: len(values)] = values
        label_maps = {"image": write(picture, tmp_path / "l.png")}
        case = Case(
            "case", "subject", {"image": write(volume()[..., 0].astype(np.uint8), tmp_path / "i.png")}, label_maps
        )
        facts = examine(case, structures={"image": {"lesion": 1}}, structures_of_recipe=frozenset({"image"}))
        assert codes(facts) == ([("error", "grey_mask")] if is_grey else [])

    @pytest.mark.parametrize("bad", [0.5, -1.0, 300.0, np.nan])
    def test_values_that_are_no_labels(self, tmp_path: Path, bad: float) -> None:
        label_map = write(np.where(labels() == 2, bad, labels()).astype(np.float32), tmp_path / "l.nii")
        facts = facts_of(write(volume(), tmp_path / "i.nii"), label_map)
        assert codes(facts) == [("error", "not_labels")]
        assert facts.label_maps == {}

    def test_all_background(self, tmp_path: Path) -> None:
        facts = facts_of(write(volume(), tmp_path / "i.nii"), write(labels() * 0, tmp_path / "l.nii"))
        assert codes(facts) == [("warning", "empty_label_map")]
        assert facts.images["image"].foreground_intensity == ()


def test_all_cases_are_examined_in_order_and_reported(tmp_path: Path) -> None:
    cases = tuple(Case(f"c{i}", f"c{i}", {"image": write(volume() + i, tmp_path / f"{i}.nii")}) for i in range(5))
    index = DatasetIndex("set", tmp_path, "msd", cases, {})
    seen: list[str] = []
    facts = examine_all(index, workers=3, on_case=lambda case: seen.append(case.case_id))
    assert [case.case_id for case in facts] == seen == ["c0", "c1", "c2", "c3", "c4"]
    assert [case.images["image"].intensity[0].minimum for case in facts] == pytest.approx(
        [float(volume().min()) + i for i in range(5)], rel=1e-5
    )
