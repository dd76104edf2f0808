import pytest
import torch
from torch import nn

from medweave.models.features import FeatureChannels, Features
from medweave.models.fusion.concat import ConcatFusion
from medweave.models.fusion.single import SingleFusion
from medweave.models.heads.pooled_mlp import PooledMLPHead, VectorNorm

SOURCES = FeatureChannels(pyramids={"xray": (4, 64)}, decoded={}, activations={}, inputs={})


def _head(**parameters):
    torch.manual_seed(0)
    return PooledMLPHead(
        sources=SOURCES, make_fusion=lambda channels: SingleFusion(channels=channels), classes=4, **parameters
    )


def _features(batch=3):
    maps = torch.randn(batch, 64, 3, 2, generator=torch.Generator().manual_seed(1))
    return Features({"xray": [torch.zeros(batch, 4, 6, 4), maps]}, {}, {"xray": torch.ones(batch, dtype=torch.bool)})


def test_the_default_layers_are_those_of_the_chest_x_ray_system():
    layers = [
        nn.Dropout(0.5), nn.Linear(64, 256), nn.ReLU(), nn.BatchNorm1d(256),
        nn.Dropout(0.3), nn.Linear(256, 128), nn.ReLU(), nn.BatchNorm1d(128),
        nn.Dropout(0.2), nn.Linear(128, 4),
    ]  # fmt: skip
    own = _head().classifier
    assert [str(layer).replace("VectorNorm", "BatchNorm1d") for layer in own] == [str(layer) for layer in layers]
    assert sum(parameter.numel() for parameter in own.parameters()) == 50_820


def test_the_logits_are_those_of_the_layers_on_the_average():
    head = _head(dropout=(0, 0, 0)).train()
    reference = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.BatchNorm1d(256), nn.Linear(256, 128), nn.ReLU(), nn.BatchNorm1d(128),
        nn.Linear(128, 4),
    ).train()  # fmt: skip
    reference.load_state_dict(dict(zip(reference.state_dict(), head.classifier.state_dict().values(), strict=True)))
    features = _features()
    expected = reference(features.pyramids["xray"][1].mean(dim=(2, 3)))
    assert torch.allclose(head(features), expected, atol=1e-6)


def test_without_hidden_layers_it_is_a_linear_classifier():
    head = _head(hidden=(), dropout=(0,)).eval()
    linear = head.classifier[-1]
    vector = _features().pyramids["xray"][1].mean(dim=(2, 3))
    assert torch.allclose(head(_features()), vector @ linear.weight.T + linear.bias, atol=1e-6)
    assert [key for key, _ in head.classifier.named_parameters()] == ["1.weight", "1.bias"]


def test_normalisation_can_be_left_out():
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in _head(batch_norm=False).modules())


def test_dropout_acts_in_training_alone():
    head = _head(hidden=(), dropout=(0.5,))
    assert not torch.equal(head.train()(_features()), head(_features()))
    assert torch.equal(head.eval()(_features()), head(_features()))


@pytest.mark.parametrize(("hidden", "dropout"), [((8,), (0.5,)), ((), (0.5, 0.5)), ((8, 8), ())])
def test_dropout_of_another_length_is_refused(hidden, dropout):
    message = f"dropout needs one number more than hidden has layers, {len(hidden) + 1}; got {len(dropout)}"
    with pytest.raises(ValueError, match=message):
        _head(hidden=hidden, dropout=dropout)


def test_the_vectors_of_several_inputs_are_fused():
    sources = FeatureChannels(pyramids={"mri": (4, 2), "ct": (4, 3)}, decoded={}, activations={}, inputs={})
    head = PooledMLPHead(
        sources=sources,
        make_fusion=lambda channels: ConcatFusion(channels=channels),
        classes=2,
        hidden=(),
        dropout=(0,),
    ).eval()
    pyramids = {"mri": [torch.zeros(0), torch.randn(1, 2, 2, 2, 2)], "ct": [torch.zeros(0), torch.randn(1, 3, 2, 2)]}
    present = {"mri": torch.tensor([True]), "ct": torch.tensor([False])}
    vector = torch.cat((pyramids["mri"][1].mean(dim=(2, 3, 4)), torch.zeros(1, 3)), dim=1)
    linear = head.classifier[-1]
    expected = vector @ linear.weight.T + linear.bias
    assert torch.allclose(head(Features(pyramids, {}, present)), expected, atol=1e-6)


def test_a_batch_of_one_is_normalised_with_the_statistics_learnt_so_far_and_leaves_them():
    layer = VectorNorm(4)
    for _ in range(3):
        layer(torch.randn(5, 4))
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    vector = torch.randn(1, 4)
    result = layer.train()(vector)
    assert torch.equal(result, layer.eval()(vector))
    assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())


def test_larger_batches_are_normalised_as_by_torch():
    own, reference, vectors = VectorNorm(4), nn.BatchNorm1d(4), torch.randn(2, 4)
    assert torch.equal(own(vectors), reference(vectors))
    assert torch.equal(own.running_var, reference.running_var)


@pytest.mark.parametrize(("pool_from", "expected"), [("decoder", ["lungs", None]), ("bottleneck", [None, None])])
def test_it_says_whose_decoded_features_it_pools(pool_from, expected):
    sources = FeatureChannels(
        pyramids={"xray": (4, 8), "table": (4, 8)},
        decoded={"lungs": 4, "heart": 4},
        activations={"lungs": "softmax", "heart": "softmax"},
        inputs={"lungs": "xray", "heart": "xray"},
    )
    head = PooledMLPHead(
        sources=sources, make_fusion=lambda channels: ConcatFusion(channels=channels), classes=2, pool_from=pool_from
    )
    assert [head.decoder_of("xray"), head.decoder_of("table")] == expected
