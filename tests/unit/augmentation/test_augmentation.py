import pytest
import torch
from monai.data import get_track_meta
from monai.transforms import Compose, RandGaussianNoised

from medweave.augmentation.augmentation import AUGMENTATIONS, AugmentationPipeline, SampleKeys
from medweave.augmentation.intensity import noise
from medweave.augmentation.spatial import affine, flip

KEYS = SampleKeys(images=("mri",), label_maps=("heart",), spatial_dims=3)


def _sample():
    generator = torch.Generator().manual_seed(0)
    return {
        "mri": torch.randn(1, 8, 8, 8, generator=generator),
        "heart": torch.randint(0, 3, (1, 8, 8, 8), generator=generator).float(),
    }


def _pipeline():
    return AugmentationPipeline([flip(KEYS), affine(KEYS, probability=1.0), noise(KEYS, probability=1.0)])


def test_the_keys_are_images_then_label_maps_with_their_interpolation():
    assert KEYS.all == ("mri", "heart")
    assert KEYS.modes == ("bilinear", "nearest")


def test_one_seed_gives_one_result_whatever_was_drawn_before():
    pipeline = _pipeline()
    first = pipeline(_sample(), seed=3)
    pipeline(_sample(), seed=4)
    again, fresh = pipeline(_sample(), seed=3), _pipeline()(_sample(), seed=3)
    assert all(torch.equal(first[key], again[key]) and torch.equal(first[key], fresh[key]) for key in first)


def test_another_seed_gives_another_result():
    assert not torch.equal(_pipeline()(_sample(), seed=3)["mri"], _pipeline()(_sample(), seed=4)["mri"])


def test_transforms_of_one_kind_draw_apart():
    twice = AugmentationPipeline([RandGaussianNoised(["mri"], prob=1.0, sample_std=False) for _ in range(2)])
    once = AugmentationPipeline([RandGaussianNoised(["mri"], prob=1.0, sample_std=False)])
    zeros = {"mri": torch.zeros(1, 16, 16, 16)}
    assert abs(twice(zeros, seed=0)["mri"].std() / once(zeros, seed=0)["mri"].std() - 2**0.5) < 0.05


def test_the_sample_given_is_not_changed():
    sample = _sample()
    _pipeline()(sample, seed=3)
    assert all(torch.equal(sample[key], _sample()[key]) for key in sample)


def test_a_gpu_s_generator_is_left_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: pytest.fail("seeded"))
    _pipeline()(_sample(), seed=3)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    _pipeline()(_sample(), seed=3)
    assert torch.equal(torch.rand(2), expected)


def test_the_result_is_plain_tensors():
    assert {type(value) for value in _pipeline()(_sample(), seed=3).values()} == {torch.Tensor}


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
def test_the_result_is_monai_s_with_its_history(name):
    transforms = [AUGMENTATIONS.get(name)(KEYS, probability=1.0)]
    compose = Compose(transforms, map_items=False)
    for seed in range(3):
        compose.set_random_state(seed=seed)
        torch.manual_seed(seed)
        expected = compose(_sample())
        found = AugmentationPipeline(transforms)(_sample(), seed=seed)
        assert all(
            torch.equal(found[key], torch.as_tensor(expected[key]).as_subclass(torch.Tensor)) for key in KEYS.all
        )


def test_monai_tracks_again_afterwards_also_after_an_error():
    def fail(_):
        raise ValueError

    assert get_track_meta()
    _pipeline()(_sample(), seed=0)
    assert get_track_meta()
    with pytest.raises(RuntimeError):
        AugmentationPipeline([fail])(_sample(), seed=0)
    assert get_track_meta()
