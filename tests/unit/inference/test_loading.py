import sys

import pytest

from medweave.core.errors import DependencyError, RunError
from medweave.inference import loading
from medweave.inference.backends.torch import TorchBackend
from medweave.inference.loading import load_predictor


def test_a_run_is_loaded_with_its_own_network(tiny_run):
    assert isinstance(load_predictor(tiny_run).backend, TorchBackend)


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(RunError, match="no run here"):
        load_predictor(tmp_path)


def test_a_run_without_pytorch_is_refused_with_the_extra_that_brings_it(tiny_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, loading.RUN_LOADER, raising=False)
    with pytest.raises(DependencyError, match=r"'torch', which is not installed. Fix: pip install 'medweave\[train\]'"):
        load_predictor(tiny_run)
