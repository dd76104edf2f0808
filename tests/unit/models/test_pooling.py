import pytest
import torch

from medweave.models.features import FeatureChannels, Features, SegmentationOutput
from medweave.models.pooling import FeaturePooling, cell_means, foreground_probability

SOURCES = FeatureChannels(
    pyramids={"mri": (4, 2), "ct": (4, 3)},
    decoded={"heart": 1, "lung": 5},
    activations={"heart": "sigmoid", "lung": "softmax"},
    inputs={"heart": "mri", "lung": "mri"},
)
#: Of one sample: the bottleneck of each input, and the decoded features and the logits of the first head.
MRI = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, -4.0], [8.0, 0.0]]]])
CT = torch.tensor([[[[1.0, 5.0]], [[2.0, 2.0]], [[-1.0, -3.0]]]])
DECODED = torch.arange(16.0).reshape(1, 1, 4, 4)
CERTAIN = 40.0


def _logits(mask):
    return CERTAIN * (2 * torch.tensor(mask, dtype=torch.float32)[None, None] - 1)


def _features(mask=((0, 0, 0, 0),) * 4, *, heart_is_there=True):
    heart = SegmentationOutput([_logits(mask).requires_grad_()], DECODED.clone().requires_grad_())
    lung = SegmentationOutput([torch.zeros(1, 3, 4, 4)], torch.zeros(1, 5, 4, 4))
    return Features(
        pyramids={"mri": [torch.zeros(1, 4, 4, 4), MRI], "ct": [torch.zeros(1, 4, 2, 4), CT]},
        segmentations={"heart": heart, "lung": lung} if heart_is_there else {},
        present={"mri": torch.tensor([heart_is_there]), "ct": torch.tensor([True])},
    )


def _pool(features, pool_from, pooling):
    layer = FeaturePooling(sources=SOURCES, pool_from=pool_from, pooling=pooling)
    vectors = layer(features)
    assert {name: vector.shape[1] for name, vector in vectors.items()} == layer.channels
    return {name: [round(value, 4) for value in vector[0].tolist()] for name, vector in vectors.items()}


def test_the_bottleneck_is_averaged():
    assert _pool(_features(), "bottleneck", "average") == {"mri": [3.0, 1.0], "ct": [3.0, 2.0, -2.0]}


def test_the_bottleneck_s_maximum_is_taken():
    assert _pool(_features(), "bottleneck", "max") == {"mri": [6.0, 8.0], "ct": [5.0, 2.0, -1.0]}


def test_the_first_head_s_decoded_features_are_pooled_and_the_bottleneck_where_there_is_no_head():
    assert _pool(_features(), "decoder", "average") == {"mri": [7.5], "ct": [3.0, 2.0, -2.0]}
    assert _pool(_features(), "decoder", "max") == {"mri": [15.0], "ct": [5.0, 2.0, -1.0]}


def test_the_mask_weighs_the_decoded_features():
    mask = ((0, 0, 0, 0), (0, 1, 1, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert _pool(_features(mask), "decoder", "mask") == {"mri": [5.5], "ct": [3.0, 2.0, -2.0]}


def test_the_mask_weighs_the_bottleneck_by_the_share_of_each_cell_that_it_covers():
    # The cells of two by two pixels hold 2, 0, 1 and 1 of them.
    mask = ((1, 1, 0, 0), (0, 0, 0, 0), (1, 0, 0, 1), (0, 0, 0, 0))
    expected = [(2 * 1 + 1 * 3 + 1 * 6) / 4, (2 * 0 + 1 * 8 + 1 * 0) / 4]
    assert _pool(_features(mask), "bottleneck", "mask")["mri"] == pytest.approx(expected, abs=1e-3)


def test_means_of_cells_are_those_of_area_interpolation():
    maps = torch.rand(2, 3, 8, 6, 4)
    expected = torch.nn.functional.interpolate(maps, size=(2, 3, 4), mode="area")
    torch.testing.assert_close(cell_means(maps, (2, 3, 4)), expected)


def test_an_empty_mask_weighs_all_alike():
    assert _pool(_features(), "decoder", "mask") == {"mri": [7.5], "ct": [3.0, 2.0, -2.0]}
    assert _pool(_features(), "bottleneck", "mask")["mri"] == [3.0, 1.0]


def test_no_gradient_flows_through_the_mask():
    features = _features(((1, 1, 0, 0),) * 4)
    vectors = FeaturePooling(sources=SOURCES, pool_from="decoder", pooling="mask")(features)
    vectors["mri"].sum().backward()
    heart = features.segmentations["heart"]
    assert heart.decoded.grad.abs().sum() > 0
    assert heart.logits[0].grad is None


@pytest.mark.parametrize("pooling", ["average", "max", "mask"])
@pytest.mark.parametrize(("pool_from", "length"), [("bottleneck", 2), ("decoder", 1)])
def test_an_input_that_no_sample_has_still_gives_vectors_of_its_length(pool_from, length, pooling):
    layer = FeaturePooling(sources=SOURCES, pool_from=pool_from, pooling=pooling)
    assert layer(_features(heart_is_there=False))["mri"].shape == (1, length)


@pytest.mark.parametrize(("pool_from", "pooling"), [("decoder", "average"), ("bottleneck", "mask")])
def test_without_a_segmentation_head_there_is_nothing_to_decode_or_to_mask(pool_from, pooling):
    sources = FeatureChannels(pyramids={"ct": (4, 3)}, decoded={}, activations={}, inputs={})
    with pytest.raises(ValueError, match="needs a segmentation head in the same recipe; set pool_from: bottleneck"):
        FeaturePooling(sources=sources, pool_from=pool_from, pooling=pooling)


def test_the_foreground_s_probability_is_that_of_any_structure():
    logits = torch.tensor([0.5, -1.0, 2.0]).reshape(1, 3, 1)
    exponentials = logits.exp().flatten()
    softmax = (exponentials[1:].sum() / exponentials.sum()).item()
    assert foreground_probability(logits, "softmax").item() == pytest.approx(softmax)
    assert foreground_probability(logits, "sigmoid").item() == pytest.approx(1 / (1 + 2.718281828**-2.0))
