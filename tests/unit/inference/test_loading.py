import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from medweave.core.errors import DependencyError, RunError, UsageError
from medweave.inference import loading
from medweave.inference.backends.onnx import OnnxBackend
from medweave.inference.backends.torch import TorchBackend
from medweave.inference.loading import load_predictor, read_facts
from medweave.runs.folder import RunFolder


def test_a_run_is_loaded_with_its_own_network(tiny_run):
    assert isinstance(load_predictor(tiny_run).networks[0], TorchBackend)


def test_a_run_whose_training_has_not_ended_is_loaded_with_a_warning(tiny_run, tmp_path, caplog):
    load_predictor(tiny_run)
    assert caplog.messages == []
    run = RunFolder(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    run.manifest.write_text(run.manifest.read_text().replace('"status": "finished"', '"status": "running"'))
    load_predictor(run.path)
    (message,) = caplog.messages
    assert message.startswith(f"the training of {run.path} has not ended, so the weights are those of its best epoch")


def test_a_bundle_is_loaded_with_its_graph(bundle):
    assert isinstance(load_predictor(bundle.path, provider="cpu").networks[0], OnnxBackend)


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(RunError, match="no run here"):
        load_predictor(tmp_path)


def test_a_provider_for_a_run_is_refused(tiny_run):
    with pytest.raises(UsageError, match="a provider is for bundles"):
        load_predictor(tiny_run, provider="cuda")


@pytest.mark.parametrize(
    ("package", "module", "extra"),
    [("torch", loading.RUN_LOADER, "train"), ("onnxruntime", "medweave.inference.backends.onnx", "runtime")],
)
def test_what_runs_the_network_is_named_where_it_is_not_installed(
    package, module, extra, tiny_run, bundle, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    for name in (module, "medweave.inference.device"):  # as in a new process
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(DependencyError, match=rf"'{package}', which is not installed. Fix: .*'medweave\[{extra}\]'"):
        load_predictor(tiny_run if package == "torch" else bundle.path)


def test_facts_are_read_without_loading(tiny_run, bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    of_run, of_bundle = read_facts(tiny_run), read_facts(bundle.path)
    assert (of_run.kind, of_run.layout.name) == ("run", "msd")
    assert of_run.image_dims == of_bundle.image_dims == {"image": 3}
    assert of_run.sha256 == hashlib.sha256(RunFolder(tiny_run).weights.read_bytes()).hexdigest()
    assert (of_bundle.kind, of_bundle.layout.name) == ("bundle", "msd")
    assert of_bundle.sha256 == hashlib.sha256((bundle.path / "model.onnx").read_bytes()).hexdigest()
