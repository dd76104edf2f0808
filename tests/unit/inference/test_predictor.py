from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy import special

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.inference.gate.appearance import Appearance, TrainingAppearance
from medweave.inference.gate.features import fit_feature_space
from medweave.inference.gate.gate import InputGate
from medweave.inference.run_model import build_predictor
from medweave.preprocessing.geometry import Grid, to_array, to_image
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe

LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
SMALL = (
    "model.encoders.mri.channels=[4,8,8]",
    "preprocessing.mri.spacing_mm=[3,3,3]",
    "patches.size_voxels=[16,16,16]",
)


def _predictor(*overrides):
    recipe = complete_recipe(load_recipe("heart_small", [*SMALL, *overrides]), "heart_small")
    torch.manual_seed(0)
    return build_predictor(recipe, build_model(recipe).eval())


def _case(image, folder, name="image.nii.gz"):
    sitk.WriteImage(image, str(folder / name))
    return Case("c1", "s1", images={"image": folder / name})


def _image(direction=(1, 0, 0, 0, 1, 0, 0, 0, 1), *, spacing=(3.0, 3.0, 3.0), size=(18, 20, 17)):
    values = np.random.default_rng(0).normal(size=size).astype(np.float32)
    return to_image(values, Grid(size, spacing, (12.0, -7.0, 30.0), direction))


def _answer(predictor, case, **settings):
    return predictor.predict(case, **settings).segmentations["heart"]


@pytest.mark.parametrize(
    ("direction", "spacing"),
    [
        ((1, 0, 0, 0, 1, 0, 0, 0, 1), (3.0, 3.0, 3.0)),
        ((-1, 0, 0, 0, -1, 0, 0, 0, 1), (3.0, 3.0, 3.0)),
        ((0, 0, -1, 1, 0, 0, 0, -1, 0), (2.0, 3.0, 4.0)),
        ((0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1), (3.0, 3.0, 3.0)),
        ((1, 0, 0, 0, 1, 0, 0, 0, 1), (1.0, 1.5, 7.0)),
    ],
    ids=["straight", "flipped", "permuted", "oblique", "anisotropic"],
)
def test_the_answer_lies_on_the_input_s_grid(direction, spacing, tmp_path):
    case = _case(_image(direction, spacing=spacing), tmp_path)
    answer = _answer(_predictor(), case, keep_probabilities=True)
    native = Grid.of(sitk.ReadImage(str(case.images["image"])))
    assert Grid.of(answer.label_map).difference(native) is None
    assert answer.probabilities["left_atrium"].shape == native.size_voxels
    assert set(np.unique(to_array(answer.label_map))) <= {0, 1}


@pytest.mark.parametrize("letters", ["RAS", "SAL", "PIR"])
def test_the_order_of_the_file_s_axes_does_not_change_the_answer(letters, tmp_path):
    predictor, image = _predictor(), _image()
    straight = _answer(predictor, _case(image, tmp_path)).label_map
    turned = _answer(predictor, _case(sitk.DICOMOrient(image, letters), tmp_path, "turned.nii.gz")).label_map
    assert 0.1 < to_array(straight).mean() < 0.9
    assert np.array_equal(to_array(sitk.DICOMOrient(turned, "LPS")), to_array(straight))


def test_volumes_are_the_voxels_times_their_size(tmp_path):
    answer = _answer(_predictor(), _case(_image(spacing=(1.0, 2.0, 5.0)), tmp_path))
    assert answer.volumes_ml == {"left_atrium": pytest.approx(to_array(answer.label_map).sum() * 0.01)}


def test_probabilities_are_kept_only_where_asked_for_and_decide(tmp_path):
    predictor, case = _predictor(), _case(_image(), tmp_path)
    assert _answer(predictor, case).probabilities == {}
    answer = _answer(predictor, case, keep_probabilities=True)
    assert np.array_equal(to_array(answer.label_map) == 1, answer.probabilities["left_atrium"] > 0.5)


def test_the_logits_of_a_window_that_suffices_are_the_plain_network_s(tmp_path):
    predictor = _predictor("patches.size_voxels=[32,32,32]")
    inputs = {"mri": predictor.source.read_input(_case(_image(size=(16, 20, 12)), tmp_path), "mri")}
    image = torch.from_numpy(inputs["mri"].image)[None]
    with torch.inference_mode():
        expected = predictor.networks[0].model({"mri": image}, {"mri": torch.tensor([True])})["heart"][0][0]
    assert predictor.logits(inputs)["heart"] == pytest.approx(expected.numpy(), abs=1e-4)


@pytest.mark.parametrize(
    ("mirrored", "axes"),
    [("[0,1,2]", [(), (2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]), ("[1]", [(), (3,)]), ("[]", [()])],
)
def test_flips_average_the_answers_to_mirrored_inputs(mirrored, axes, tmp_path):
    case = _case(_image(size=(16, 20, 12)), tmp_path)
    predictor = _predictor(
        "patches.size_voxels=[32,32,32]", "prediction.flips=true", f"prediction.flip_axes={mirrored}"
    )
    inputs = {"mri": predictor.source.read_input(case, "mri")}
    image = torch.from_numpy(inputs["mri"].image)[None]
    with torch.inference_mode():
        answers = [
            predictor.networks[0].model({"mri": image.flip(axis)}, {"mri": torch.tensor([True])})["heart"][0].flip(axis)
            for axis in axes
        ]
    expected = torch.stack(answers).mean(dim=0)[0].numpy()
    assert predictor.logits(inputs)["heart"] == pytest.approx(expected, abs=1e-4)


def test_only_the_largest_component_is_kept_where_the_recipe_says_so(tmp_path):
    case = _case(_image(), tmp_path)
    whole, largest = (
        to_array(_answer(_predictor(f"prediction.largest_component={flag}"), case).label_map) for flag in ("no", "yes")
    )
    assert 0 < largest.sum() < whole.sum()
    assert whole[largest == 1].all()


def test_a_case_without_any_input_is_refused():
    with pytest.raises(DataError, match=r"no input of the model \(case c1\): got images none; wanted image"):
        _predictor().predict(Case("c1", "s1", images={}))


def test_a_predictor_knows_the_files_of_a_head(tmp_path):
    predictor = _predictor()
    case = Case("c1", "s1", images={"image": tmp_path / "i"}, label_maps={"image": tmp_path / "l"})
    assert predictor.image_path(case, "heart") == tmp_path / "i"
    assert predictor.truth_path(case, "heart") == tmp_path / "l"
    assert predictor.truth_path(Case("c2", "s2", images={}), "heart") is None


def test_a_recipe_whose_patch_size_is_not_resolved_is_refused():
    with pytest.raises(ValueError, match=r"size_voxels is still auto"):
        _predictor("patches.size_voxels=auto")


MIXED = {
    "name": "mixed",
    "data": {
        "inputs": {"mri": {"channels": ["mri"]}, "xray": {"spatial_dims": 2, "channels": ["xray"], "colour": "rgb"}},
        "heads": {
            "heart": {"kind": "segmentation", "structures": {"atrium": 7}, "of": "mri"},
            "side": {"kind": "classification", "classes": ["left", "right", "both"]},
            "signs": {"kind": "classification", "classes": ["a", "b"], "multi_label": True},
        },
    },
    "patches": {"size_voxels": {"mri": [8, 8, 4], "xray": [8, 8]}},
    "model": {
        "encoders": {
            "mri": {"name": "monai_unet", "channels": [4, 4], "residual_units": 1},
            "xray": {"name": "monai_unet", "channels": [4, 4], "residual_units": 1},
        },
        "fusion": {"name": "concat"},
        "heads": {
            "heart": {"name": "monai_unet_decoder", "residual_units": 1},
            "side": {"name": "pooled_mlp", "hidden": [], "dropout": [0]},
            "signs": {"name": "pooled_mlp", "hidden": [], "dropout": [0]},
        },
    },
    "losses": {"heart": "dice_ce", "side": "cross_entropy", "signs": "cross_entropy"},
    "training": {"precision": "float32"},
}


def _mixed(**settings):
    recipe = Recipe.model_validate(MIXED)
    torch.manual_seed(0)
    model = build_model(recipe).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return build_predictor(recipe, model, **settings)


@pytest.fixture
def mixed_case(tmp_path):
    """A volume and a colour picture whose sizes are no multiples of the network's steps."""
    rng = np.random.default_rng(2)
    volume = to_image(
        rng.normal(size=(9, 11, 5)).astype(np.float32), Grid((9, 11, 5), (1.0, 1.0, 2.0), (0.0,) * 3, LPS)
    )
    sitk.WriteImage(volume, str(tmp_path / "mri.nii.gz"))
    picture = sitk.GetImageFromArray(rng.integers(256, size=(7, 9, 3)).astype(np.uint8), isVector=True)
    sitk.WriteImage(picture, str(tmp_path / "xray.png"))
    return Case("c1", "s1", images={"mri": tmp_path / "mri.nii.gz", "xray": tmp_path / "xray.png"})


def _without(case, *names):
    return replace(case, images={name: path for name, path in case.images.items() if name not in names})


def test_a_mixed_study_answers_with_a_label_map_and_classes(mixed_case):
    prediction = _mixed().predict(mixed_case)
    label_map = prediction.segmentations["heart"].label_map
    assert Grid.of(label_map).difference(Grid.of(sitk.ReadImage(str(mixed_case.images["mri"])))) is None
    assert set(np.unique(to_array(label_map))) == {0, 7}
    side, signs = prediction.classifications["side"], prediction.classifications["signs"]
    assert list(side.probabilities) == ["left", "right", "both"]
    assert sum(side.probabilities.values()) == pytest.approx(1)
    assert list(signs.probabilities) == ["a", "b"]
    assert prediction.missing_inputs == ()


def test_the_network_sees_each_input_whole_and_padded_by_its_border(mixed_case):
    predictor = _mixed()
    inputs = {name: predictor.source.read_input(mixed_case, name) for name in ("mri", "xray")}
    padding = {"mri": ((0, 0), (0, 1), (0, 1), (0, 1)), "xray": ((0, 0), (0, 1), (0, 1))}
    images = {
        name: torch.from_numpy(np.pad(found.image, padding[name], mode="edge"))[None] for name, found in inputs.items()
    }
    present = {name: torch.tensor([True]) for name in images}
    with torch.inference_mode():
        expected = predictor.networks[0].model(images, present)
    logits = predictor.logits(inputs)
    assert logits["heart"] == pytest.approx(expected["heart"][0][0, :, :9, :11, :5].numpy(), abs=1e-4)
    for head in ("side", "signs"):
        assert logits[head] == pytest.approx(expected[head][0][0].numpy(), abs=1e-4)


@pytest.mark.parametrize("missing", ["mri", "xray"])
def test_any_subset_of_the_inputs_is_answered_and_what_is_missing_is_told(mixed_case, missing):
    predictor = _mixed()
    whole, partial = predictor.predict(mixed_case), predictor.predict(_without(mixed_case, missing))
    assert partial.missing_inputs == (missing,)
    assert list(partial.segmentations) == (["heart"] if missing == "xray" else [])
    assert list(partial.classifications) == ["side", "signs"]
    assert not np.allclose(partial.classifications["side"].logits, whole.classifications["side"].logits)
    if missing == "xray":
        masks = [to_array(answer.segmentations["heart"].label_map) for answer in (whole, partial)]
        assert np.array_equal(*masks)


def test_a_case_without_any_of_several_inputs_is_refused_with_their_names(mixed_case):
    with pytest.raises(DataError, match=r"no input of the model \(case c1\): got images none; wanted mri, xray"):
        _mixed().predict(_without(mixed_case, "mri", "xray"))


def test_temperatures_soften_probabilities_and_leave_logits_and_answers(mixed_case):
    plain = _mixed().predict(mixed_case).classifications["side"]
    soft = _mixed(temperatures={"side": 4.0}).predict(mixed_case).classifications["side"]
    assert np.array_equal(soft.logits, plain.logits)
    assert list(soft.probabilities.values()) == pytest.approx(special.softmax(plain.logits / 4))
    assert soft.classes == plain.classes


def _ensemble(**settings):
    first, second = _mixed(**settings), _mixed(**settings)
    for parameter in second.networks[0].model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    members = [first.networks[0], second.networks[0]]
    first.networks = members
    return first, members


def test_the_probabilities_of_the_networks_of_an_ensemble_are_averaged_and_their_spread_is_told(mixed_case):
    predictor, members = _ensemble()
    answers = []
    for member in members:
        alone = _mixed()
        alone.networks = [member]
        answers.append(alone.predict(mixed_case, keep_probabilities=True))
    prediction = predictor.predict(mixed_case, keep_probabilities=True)
    assert (prediction.members, answers[0].members) == (2, 1)
    voxels = [answer.segmentations["heart"].probabilities["atrium"] for answer in answers]
    assert np.abs(voxels[0] - voxels[1]).max() > 0.1
    assert prediction.segmentations["heart"].probabilities["atrium"] == pytest.approx(np.mean(voxels, axis=0), abs=1e-6)
    for name in ("left", "right", "both"):
        chances = [answer.classifications["side"].probabilities[name] for answer in answers]
        assert prediction.classifications["side"].probabilities[name] == pytest.approx(np.mean(chances), abs=1e-6)
        assert prediction.classifications["side"].deviations[name] == pytest.approx(np.std(chances, ddof=1), abs=1e-5)
    volumes = [answer.segmentations["heart"].volumes_ml["atrium"] for answer in answers]
    found = prediction.segmentations["heart"].volume_deviations_ml["atrium"]
    assert found == pytest.approx(np.std(volumes, ddof=1), abs=1e-6)
    assert answers[0].classifications["side"].deviations == answers[0].segmentations["heart"].volume_deviations_ml == {}


def test_mirrored_copies_of_each_network_are_members(mixed_case):
    predictor, _ = _ensemble()
    predictor.window = replace(predictor.window, flips=True)
    read = predictor.read(mixed_case)
    (outputs,) = predictor.run([read.inputs], keep_voxels=True)
    assert outputs.spread.members == 16
    assert len(outputs.features) == 2
    for alone, beside_logits in zip(predictor.features(read.inputs), outputs.features, strict=True):
        assert alone.keys() == beside_logits.keys() == {"mri", "xray"}
        assert all(np.array_equal(alone[name], beside_logits[name]) for name in alone)
    prediction = predictor.complete(read, outputs)
    deviation = prediction.segmentations["heart"].deviations["atrium"]
    assert deviation.shape == (9, 11, 5)
    assert deviation == pytest.approx(outputs.spread.voxels["heart"][0], abs=1e-6)


def test_cases_of_one_size_share_a_batch_and_have_their_own_answers(mixed_case, tmp_path):
    predictor = _mixed()
    first = predictor.read(mixed_case).inputs
    second = {name: replace(found, image=found.image[:, ::-1].copy()) for name, found in first.items()}
    batches = []
    backend = predictor.networks[0]

    class Counting:
        size_divisors = backend.size_divisors

        def __call__(self, images, present):
            batches.append(len(present["mri"]))
            return backend(images, present)

    expected = [predictor.logits(inputs) for inputs in (first, second)]
    predictor.networks = [Counting()]
    found = predictor.run([first, second])
    assert batches == [2]
    for outputs, logits in zip(found, expected, strict=True):
        assert list(outputs.logits) == ["heart", "side", "signs"]
        for head, values in logits.items():
            assert outputs.logits[head] == pytest.approx(values, abs=1e-4)


def test_features_are_of_the_inputs_that_the_case_has(mixed_case):
    predictor = _mixed()
    (outputs,) = predictor.run([predictor.read(_without(mixed_case, "mri")).inputs])
    (features,) = outputs.features
    assert {name: values.shape for name, values in features.items()} == {"xray": (4,)}


def test_the_gate_s_warnings_reach_the_prediction(mixed_case):
    predictor = _mixed()
    inputs = predictor.read(mixed_case).inputs
    (features,) = predictor.run([inputs])[0].features
    channels = {name: predictor.source.read_channels(mixed_case, name) for name in inputs}
    appearances = {
        name: TrainingAppearance.of(
            [Appearance.of([channel * (9 if name == "mri" else 1) for channel in images], preprocessor)],
            is_resized=False,
        )
        for name, images in channels.items()
        for preprocessor in [predictor.source.inputs[name].preprocessor]
    }
    offsets = np.random.default_rng(0).normal(size=(12, 4)) * 1e-3
    near = fit_feature_space(list(features["mri"] + offsets), [])
    far = fit_feature_space(list(features["xray"] + 100 + offsets), [])
    predictor.gate = InputGate(appearances, ({"mri": near, "xray": far},))
    found = [(warning.code, warning.input_name) for warning in predictor.predict(mixed_case).warnings]
    assert found == [("intensity", "mri"), ("features", "xray")]
    predictor.gate = None
    assert predictor.predict(mixed_case).warnings == ()


def test_the_spread_of_a_sliding_window_is_that_of_its_mirrored_passes(tmp_path):
    predictor = _predictor("prediction.flips=true")
    inputs = predictor.read(_case(_image(size=(24, 20, 17)), tmp_path)).inputs
    (outputs,) = predictor.run([inputs], keep_voxels=True)
    assert not predictor.takes_whole_cases
    assert outputs.spread.members == 8
    assert outputs.spread.voxels["heart"].shape == (1, *inputs["mri"].image.shape[1:])
    assert 0 < outputs.spread.voxels["heart"].max() <= np.sqrt(8 / 7) / 2 + 1e-6
