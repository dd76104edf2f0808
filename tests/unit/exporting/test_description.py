import json

from medweave.data.layouts.layout import LAYOUTS
from medweave.exporting.description import describe_bundle
from medweave.inference.bundle import BundleFolder
from medweave.inference.bundle_description import BundleDescription, NetworkDescription
from medweave.measurements.measurement import MEASUREMENTS
from medweave.recipes.section import Component

MANIFEST = {"data_hash": "d" * 64, "recipe_hash": "r" * 64, "versions": {"torch": "2"}, "git_commit": None, "seed": 1}
NETWORK = NetworkDescription(
    files=("model.onnx",),
    opset=18,
    precision="float32",
    inputs=("mri", "xray"),
    size_divisors={"mri": (2, 2, 2), "xray": (2, 2)},
)


def test_a_description_holds_all_that_the_predictor_knows(predictor, recipe, tmp_path):
    description = describe_bundle(
        predictor, recipe, BundleFolder(tmp_path), network=NETWORK, manifest=MANIFEST, cases={"train": 4}
    )
    again = BundleDescription.model_validate(json.loads(json.dumps(description.model_dump(mode="json"))))
    assert again.inputs == predictor.source.inputs
    assert again.window == predictor.window
    assert again.segmentations == predictor.segmentation_heads
    assert again.classifications == predictor.classification_heads
    assert again.classifications["side"].temperature == 1.5
    assert again.targets == predictor.source.targets
    assert again.layout == recipe.data.layout
    assert (again.training.data_hash, again.training.finished) == ("d" * 64, None)
    assert (again.measurements, again.measured_heads, again.files) == (None, {}, {})


def test_a_description_names_the_plug_ins_of_layout_and_measurements(predictor, recipe, tmp_path, monkeypatch):
    made = {"network": NETWORK, "manifest": MANIFEST, "cases": {"train": 4}}
    assert describe_bundle(predictor, recipe, BundleFolder(tmp_path), **made).plugins == ()
    monkeypatch.setitem(LAYOUTS._components, "mine", type("Mine", (), {"__module__": "my_layouts"}))
    monkeypatch.setitem(MEASUREMENTS._components, "mine", type("Mine", (), {"__module__": "my_measurements"}))
    of_plugins = recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update={"layout": Component(name="mine")}),
            "measurements": Component(name="mine"),
        }
    )
    found = describe_bundle(predictor, of_plugins, BundleFolder(tmp_path), **made)
    assert found.plugins == ("my_layouts", "my_measurements")
