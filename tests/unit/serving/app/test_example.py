from medweave.serving.app import example
from medweave.serving.app.example import example_case


def test_pictures_and_volumes_get_a_phantom_with_its_truth(served, tmp_path):
    for name, model in served.items():
        case = example_case(model, tmp_path / name)
        assert list(case.images) == list(case.label_maps) == ["image"]
        assert all(path.is_file() for path in case.paths)
    assert case.images["image"].name.endswith(".nii.gz")


def test_another_model_gets_its_golden_case(served, tmp_path, monkeypatch):
    monkeypatch.setattr(type(served["xray"]), "preprocessors", property(lambda model: {}))
    (tmp_path / "new").mkdir()
    case = example_case(served["xray"], tmp_path / "new")
    assert (list(case.images), case.label_maps) == (["image"], {})
    golden = tmp_path / "bundle" / "golden"
    example.write_golden_input(served["xray"].predictor, golden)
    monkeypatch.setattr(example.BundleFolder, "__init__", lambda folder, path: setattr(folder, "golden", golden))
    assert example_case(served["xray"], tmp_path).images["image"].is_relative_to(golden)
