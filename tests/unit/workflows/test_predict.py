"""The whole path with a network of a few lines; one test takes a trained run."""

import csv
import json
import os
import resource
import shutil
import tracemalloc

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import special

from medweave.core.errors import RunError, UsageError
from medweave.data.study import InputSource, SegmentationSource, StudySource, TargetSource
from medweave.inference.gate.appearance import Appearance, TrainingAppearance
from medweave.inference.gate.gate import InputGate
from medweave.inference.loading import ModelFacts
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.predictor import Predictor, WindowSettings
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor
from medweave.preprocessing.readers.medical import read_channels
from medweave.recipes.section import Component
from medweave.workflows import predict
from medweave.workflows.predict import PredictionOptions

GREY = Preprocessor(spatial_dims=2, intensity=IntensityNormalisation(method="range", lower=0, upper=255))
PLAIN = PredictionOptions(overlay=False)


class Network:
    """Says that what is brighter than one half is lung, and that an image is as ill as its right part is bright."""

    size_divisors = {"xray": (1, 1)}  # noqa: RUF012

    def __init__(self):
        self.batches = []

    def __call__(self, images, present):
        image = images["xray"]
        self.batches.append(len(image))
        ill = image[:, 0, image.shape[2] // 2 :].mean(axis=(1, 2))
        return {"lungs": (image - 0.5) * 20, "finding": np.stack([ill, np.zeros_like(ill)], axis=1)}


@pytest.fixture
def network(monkeypatch):
    """A model that `run` finds whatever path it is given."""
    network, model = Network(), {"sha256": "abc", "gate": None, "flips": False}

    def load(path, *, provider):
        return Predictor(
            source=StudySource(
                {"xray": InputSource(("image",), GREY)},
                {"lungs": SegmentationSource("xray", "image", {"lungs": 1})},
                {"finding": TargetSource("finding", ("ill", "well"))},
            ),
            segmentation_heads={"lungs": SegmentationHeadInfo({"lungs": 1}, "sigmoid", "xray", "image")},
            classification_heads={"finding": ClassificationHeadInfo(("ill", "well"))},
            networks=[network],
            window=WindowSettings({"xray": (8, 8)}, flips=model["flips"]),
            gate=model["gate"],
        )

    monkeypatch.setattr(predict, "load_predictor", load)
    monkeypatch.setattr(
        predict,
        "read_facts",
        lambda path: ModelFacts("run", Component(name="table"), model["sha256"], {"image": 2}),
    )
    network.model = model
    return network


def _picture(path, seed=0, *, size=(24, 20), dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, size=size).astype(dtype)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    return values


@pytest.fixture
def study(tmp_path):
    """Five pictures in a folder with a space and an umlaut, one of another size."""
    folder = tmp_path / "Röntgen images"
    for number in range(5):
        _picture(folder / f"fall {number} ä.png", number, size=(30, 20) if number == 2 else (24, 20))
    return folder


def _rows(folder):
    return list(csv.DictReader((folder / "predictions.csv").read_text(encoding="utf-8").splitlines()))


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_predicted_in_batches_of_equal_sizes_and_in_order(network, study, tmp_path):
    progress = []
    report = predict.run(
        tmp_path, [study], output=tmp_path / "new", options=PLAIN, on_progress=lambda *done: progress.append(done)
    )
    assert (report.n_cases, report.n_resumed, report.failures) == (5, 0, {})
    assert network.batches == [2, 1, 2]
    assert progress == [("predicting", number, 5) for number in range(1, 6)]
    assert [row["case_id"] for row in _rows(tmp_path / "new")] == [f"fall {number} ä" for number in range(5)]
    pictures = [sitk.GetArrayFromImage(sitk.ReadImage(str(study / f"fall {number} ä.png"))) for number in range(5)]
    for number, picture in enumerate(pictures):
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"new/fall {number} ä_lungs.nii.gz")))
        assert np.array_equal(mask, picture > 127.5)


def test_the_table_has_the_columns_of_the_known_csv_with_volumes_and_entropy(network, study, tmp_path):
    predict.run(tmp_path, [study / "fall 0 ä.png"], output=tmp_path / "new", options=PLAIN)
    (row,) = _rows(tmp_path / "new")
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(study / "fall 0 ä.png")))
    ill = special.expit(picture[:, 10:].mean() / 255)
    assert row["image_path"] == str(study / "fall 0 ä.png")
    assert (row["true_class"], row["pred_class"], row["status"]) == ("unknown", "ill", "done")
    assert float(row["prob_ill"]) == pytest.approx(ill, abs=1e-5)
    assert len(row["prob_ill"].partition(".")[2]) == 6
    assert float(row["lungs_cm2"]) == pytest.approx((picture > 127.5).sum() / 100, abs=1e-4)
    assert float(row["entropy_bits"]) == pytest.approx(-(ill * np.log2(ill) + (1 - ill) * np.log2(1 - ill)), abs=1e-4)


def test_each_case_has_a_record_with_model_hash_and_version(network, study, tmp_path):
    report = predict.run(tmp_path, [study / "fall 0 ä.png"], output=tmp_path / "new", options=PLAIN)
    record = json.loads((tmp_path / "new/fall 0 ä_prediction.json").read_text(encoding="utf-8"))
    assert report.records == (record,)
    assert record["made_by"]["model_sha256"] == "abc"
    assert record["made_by"]["medweave"]
    assert record["files"] == ["fall 0 ä_lungs.nii.gz"]
    whole = json.loads((tmp_path / "new/predictions.json").read_text(encoding="utf-8"))
    assert (whole["predictions"], whole["model"]["sha256"]) == ([record], "abc")


def test_a_case_table_is_predicted_with_its_true_classes(network, study, tmp_path):
    lines = ["case_id,image.image,target.finding", "p1,fall 0 ä.png,well", "p2,fall 1 ä.png,"]
    (study / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    predict.run(tmp_path, [study / "cases.csv"], output=tmp_path / "new", options=PLAIN)
    assert [(row["case_id"], row["true_class"]) for row in _rows(tmp_path / "new")] == [
        ("p1", "well"),
        ("p2", "unknown"),
    ]


def _bad_files(folder):
    (folder / "a empty.png").touch()
    (folder / "b cut.png").write_bytes((folder / "fall 0 ä.png").read_bytes()[:-20])
    sitk.WriteImage(sitk.Image(4, 4, 4, sitk.sitkUInt8), str(folder / "c volume.nii.gz"))
    sitk.WriteImage(sitk.Image([4, 4, 4, 2], sitk.sitkUInt8), str(folder / "d time.nii.gz"))
    sitk.WriteImage(sitk.Image([4, 4], sitk.sitkVectorUInt8, 2), str(folder / "e channels.nrrd"))


def test_bad_files_are_recorded_with_one_clear_reason_each_and_the_others_go_on(network, study, tmp_path):
    _bad_files(study)
    report = predict.run(tmp_path, [study], output=tmp_path / "new", options=PLAIN)
    reasons = {row["case_id"]: row["reason"] for row in _rows(tmp_path / "new") if row["status"] == "failed"}
    assert reasons == report.failures
    says = {
        "a empty": "image file has no content",
        "b cut": "image file is truncated",
        "c volume": "an image has the wrong dimension",
        "d time": "an image has the wrong dimension",
        "e channels": "an image has the wrong number of channels",
    }
    assert reasons.keys() == says.keys()
    for name, reason in reasons.items():
        assert reason.startswith(f"{says[name]} (case {name}, {study / name}")
        assert "Fix: " in reason
    assert sum(row["status"] == "done" for row in _rows(tmp_path / "new")) == 5


def test_a_file_that_vanishes_before_its_picture_is_drawn_is_recorded(network, study, tmp_path, monkeypatch):
    def draw(prediction, *, case, source, folder):
        if case.case_id == "fall 3 ä":
            case.images["image"].unlink()
        return [read_channels(case.images["image"], spatial_dims=2) and folder / "picture.png"]

    monkeypatch.setattr(predict, "write_picture", draw)
    report = predict.run(tmp_path, [study], output=tmp_path / "new", options=PredictionOptions())
    assert list(report.failures) == ["fall 3 ä"]
    assert report.failures["fall 3 ä"].startswith("image file not found")


def test_predictions_are_never_overwritten_and_resumed_where_they_are_not_done(network, study, tmp_path):
    new = tmp_path / "new"
    predict.run(tmp_path, [study], output=new, options=PLAIN)
    with pytest.raises(RunError, match=r"the output folder holds predictions .*--resume"):
        predict.run(tmp_path, [study], output=new, options=PLAIN)
    before = {path.name: path.read_bytes() for path in new.iterdir()}
    (new / "fall 1 ä_prediction.json").unlink()  # written last, so the case may be half done
    (new / "fall 3 ä_lungs.nii.gz").unlink()
    network.batches.clear()
    report = predict.run(tmp_path, [study], output=new, options=PLAIN, resume=True)
    assert (report.n_cases, report.n_resumed, sum(network.batches)) == (5, 3, 2)
    assert {path.name: path.read_bytes() for path in new.iterdir()} == before


def test_a_failed_case_is_tried_again_and_other_options_are_done_anew(network, study, tmp_path):
    (study / "z.png").touch()
    predict.run(tmp_path, [study], output=tmp_path / "new", options=PLAIN)
    _picture(study / "z.png")
    report = predict.run(tmp_path, [study], output=tmp_path / "new", options=PLAIN, resume=True)
    assert (report.n_resumed, report.failures) == (5, {})
    other = PredictionOptions(overlay=False, probabilities=True)
    report = predict.run(tmp_path, [study], output=tmp_path / "new", options=other, resume=True)
    assert report.n_resumed == 0
    assert "z_lungs_probability_lungs.nii.gz" in _names(tmp_path / "new")


def test_another_model_does_not_go_on_in_the_folder(network, study, tmp_path):
    predict.run(tmp_path, [study], output=tmp_path / "new", options=PLAIN)
    network.model["sha256"] = "def"
    with pytest.raises(RunError, match="predictions of another model"):
        predict.run(tmp_path, [study], output=tmp_path / "new", options=PLAIN, resume=True)


def test_a_full_disk_ends_the_run_leaves_no_half_written_file_and_can_be_resumed(network, study, tmp_path, monkeypatch):
    new, written, write_json = tmp_path / "new", [], predict.write_json
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(path, content):
        written.append(path)
        if len(written) == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        write_json(path, content)

    monkeypatch.setattr(predict, "write_json", fill_the_disk)
    try:
        with pytest.raises(RunError, match="cannot write"):
            predict.run(tmp_path, [study], output=new, options=PLAIN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [name for name in _names(new) if name.startswith((".", "predictions"))] == []
    for path in new.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    assert len(list(new.glob("*_prediction.json"))) == 2
    report = predict.run(tmp_path, [study], output=new, options=PLAIN, resume=True)
    assert report.n_resumed == 2
    assert len(_rows(new)) == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(network, study, tmp_path):
    (tmp_path / "new").mkdir(mode=0o500)
    with pytest.raises(RunError, match="cannot write"):
        predict.run(tmp_path, [study], output=tmp_path / "new", options=PLAIN)


def test_memory_does_not_grow_with_the_number_of_files(network, tmp_path):
    """A file more may cost less than half its label map (64 kB); its record and paths are a few kB.

    The peak varies by the few images (256 kB as float32) that happen to be in flight at once, which is why the
    second study is so much longer: 80 kept label maps would be 5 MB.
    """
    for number in range(96):
        _picture(tmp_path / f"images/{number:02}.png", number, size=(256, 256))
    peaks = []
    for count in (16, 96):
        files = sorted((tmp_path / "images").iterdir())[:count]
        tracemalloc.start()
        predict.run(tmp_path, files, output=tmp_path / f"new_{count}", options=PLAIN)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 80 * 32e3


def _gate(path):
    known = Appearance.of(read_channels(path, spatial_dims=2), GREY)
    return InputGate({"xray": TrainingAppearance.of([known], is_resized=False)})


@pytest.fixture
def doubtful(network, tmp_path):
    """A picture like the training pictures, and one of another intensity."""
    _picture(tmp_path / "images/known.png")
    values = _picture(tmp_path / "images/other.png")
    sitk.WriteImage(sitk.GetImageFromArray(values // 16), str(tmp_path / "images/other.png"))
    network.model["gate"] = _gate(tmp_path / "images/known.png")
    return tmp_path / "images"


def test_a_doubtful_input_is_answered_with_a_warning_in_every_output(doubtful, tmp_path):
    report = predict.run(tmp_path, [doubtful], output=tmp_path / "new")
    assert (report.doubtful, report.failures) == (1, {})
    known, other = _rows(tmp_path / "new")
    assert (known["warnings"], other["warnings"]) == ("", "intensity(xray)")
    record = json.loads((tmp_path / "new/other_prediction.json").read_text())
    assert [found["code"] for found in record["warnings"]] == ["intensity"]
    assert {"other_lungs.nii.gz", "other_lungs_overlay.png"} <= set(_names(tmp_path / "new"))


def test_strict_refuses_a_doubtful_input_and_no_validation_passes_it(doubtful, tmp_path):
    strict = PredictionOptions(overlay=False, strict=True)
    report = predict.run(tmp_path, [doubtful], output=tmp_path / "strict", options=strict)
    assert report.failures["other"].startswith("the input is unlike those that the model was trained on (case other")
    assert "[intensity]. Fix: " in report.failures["other"]
    assert "other_lungs.nii.gz" not in _names(tmp_path / "strict")
    blind = PredictionOptions(overlay=False, validate=False)
    report = predict.run(tmp_path, [doubtful], output=tmp_path / "blind", options=blind)
    assert (report.doubtful, report.failures) == (0, {})


def test_mirrored_copies_give_a_spread_in_table_record_and_image(network, study, tmp_path):
    options = PredictionOptions(overlay=False, flips=True, uncertainty=True)
    predict.run(tmp_path, [study / "fall 0 ä.png"], output=tmp_path / "new", options=options)
    (row,) = _rows(tmp_path / "new")
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(study / "fall 0 ä.png"))) / 255
    # Two of the four copies show the network the left half.
    chances = special.expit([picture[:, 10:].mean(), picture[:, :10].mean()])
    assert float(row["prob_sd_ill"]) == pytest.approx(np.std([*chances, *chances], ddof=1), abs=1e-5)
    assert float(row["lungs_cm2_sd"]) == 0  # each pixel is answered by itself
    spread = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "new/fall 0 ä_lungs_uncertainty_lungs.nii.gz")))
    assert spread == pytest.approx(np.zeros(picture.shape), abs=1e-6)


def test_one_network_without_mirrored_copies_has_no_uncertainty(network, study, tmp_path):
    with pytest.raises(UsageError, match=r"one network has no uncertainty .*--flips"):
        predict.run(tmp_path, [study], output=tmp_path / "new", options=PredictionOptions(uncertainty=True))
    assert not (tmp_path / "new").exists()


def test_nothing_to_predict_is_wrong_usage(network, tmp_path):
    with pytest.raises(UsageError, match="nothing to predict"):
        predict.run(tmp_path, [], output=tmp_path / "new")


def test_a_trained_run_predicts_files_and_studies_knows_its_images_and_doubts_others(tiny_run, heart_study, tmp_path):
    file = heart_study / "imagesTr/heart_000.nii.gz"
    options = PredictionOptions(probabilities=True)
    for name, source, count in (("file", file, 1), ("study", heart_study, 6)):
        report = predict.run(tiny_run, [source], output=tmp_path / name, options=options)
        assert (len(report.records), report.failures, report.doubtful) == (count, {}, 0)
    masks, probability = (
        [sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name / file))) for name in ("file", "study")]
        for file in ("heart_000_heart.nii.gz", "heart_000_heart_probability_left_atrium.nii.gz")
    )
    assert np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0] == 1, probability[0] > 0.5)
    assert len(list((tmp_path / "study").glob("*_heart_overlay.png"))) == 6
    image = sitk.ReadImage(str(file))
    other = sitk.GetImageFromArray(np.random.default_rng(0).normal(-1e4, 1, image.GetSize()[::-1]).astype(np.float32))
    other.CopyInformation(image)
    sitk.WriteImage(other, str(tmp_path / "noise.nii.gz"))
    report = predict.run(tiny_run, [tmp_path / "noise.nii.gz"], output=tmp_path / "noise", options=PLAIN)
    assert "intensity" in {found["code"] for found in report.records[0]["warnings"]}
    shutil.rmtree(tmp_path / "study")
