import pytest

from medweave.exporting.description import describe_bundle
from medweave.exporting.model_card import LICENCE, WARNING, model_card
from medweave.exporting.parity import Parity
from medweave.inference.bundle import BundleFolder
from medweave.inference.bundle_description import NetworkDescription

PARITY = Parity(2, 3e-6, 1e-5, 0.99999, 1.0, {}, {})
SUMMARY = {
    "n_cases": 12,
    "n_subjects": 11,
    "heads": {
        "heart": {
            "kind": "segmentation",
            "structures": {"atrium": {"dice": {"mean": 0.9134, "ci95": [0.9, 0.9251]}, "hd95_mm": {"mean": None}}},
        },
        "side": {"kind": "classification", "accuracy": {"mean": 0.75, "ci95": [None, None]}},
    },
}


@pytest.fixture
def description(predictor, recipe, tmp_path):
    network = NetworkDescription(files=("model.onnx",), opset=18, precision="int8", inputs=("mri",), size_divisors={})
    manifest = {"data_hash": "d" * 64, "recipe_hash": "r" * 64, "versions": {}, "finished": "2026-01-01"}
    return describe_bundle(
        predictor, recipe, BundleFolder(tmp_path), network=network, manifest=manifest, cases={"train": 4, "val": 2}
    )


def test_the_card_says_what_the_model_does_with_what_and_how_well(description):
    card = model_card(description, PARITY, {"test": SUMMARY, "val": SUMMARY})
    assert card.startswith(f"# two_inputs\n\n**{WARNING}**")
    assert "- segments atrium (`heart`) on `mri`" in card
    assert "- classifies left, right, both (`side`)" in card
    assert "- `xray`: 2D, xray" in card
    assert "4 train, 2 val" in card
    assert "On the test part: 12 cases of 11 subjects" in card
    assert "| heart: atrium | dice | 0.913 (0.900 to 0.925) |" in card
    assert "| heart: atrium | hd95_mm | not defined |" in card
    assert "| side | accuracy | 0.750 |" in card
    assert card.index("the test part") < card.index("the validation part: 12 cases")
    assert "differ by at most 1.0e-05, 99.9990 %" in card
    assert "Precision of the network: int8" in card
    assert LICENCE in card


def test_a_model_that_was_not_evaluated_says_so(description):
    assert "nothing is known of how good it is" in model_card(description, PARITY, {})
