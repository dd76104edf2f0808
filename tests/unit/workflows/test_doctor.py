import os
import platform
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from medweave.inference.golden import GoldenResult
from medweave.preprocessing.cache import ArrayStore
from medweave.workflows import doctor


def test_the_facts_are_those_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path / "not yet"))
    found = doctor.run()
    assert found.facts["python"] == platform.python_version()
    assert found.facts["torch"] == version("torch")
    assert found.facts["cores"] == os.cpu_count()
    assert found.facts["memory_gb"] == pytest.approx(psutil.virtual_memory().total / 2**30, abs=0.1)
    assert (found.facts["cache"], found.facts["cache_gb"]) == (str(tmp_path / "not yet"), 0)
    assert not (tmp_path / "not yet").exists()


def test_the_size_of_the_cache_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path))
    ArrayStore(tmp_path).save("ab" * 32, {"image": np.zeros(2**23), "labels": np.zeros(2**22)})
    assert doctor.run().facts["cache_gb"] == pytest.approx(96 / 1024, abs=0.005)


def test_a_sound_machine_has_no_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: SimpleNamespace(total=8 * 2**30))
    assert doctor.run().problems == ()


def test_little_memory_an_absent_package_and_a_locked_cache_are_problems_with_a_fix(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: SimpleNamespace(total=2 * 2**30))
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "imagehash" else object())
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: path != tmp_path)
    absent, memory, cache = doctor.run().problems
    assert absent == "imagehash is not installed. Fix: pip install imagehash."
    assert memory.startswith("less than 4 GB of memory. Fix: ")
    assert cache.startswith(f"the cache folder {tmp_path / 'cache'} cannot be written. Fix: ")


def test_without_pytorch_bundles_can_be_predicted_with(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(doctor, "find_spec", lambda name: object() if name == "onnxruntime" else None)
    found = doctor.run()
    assert not {"gpu", "bfloat16 on the processor"} & found.facts.keys()
    assert not [problem for problem in found.problems if "installed" in problem]


def test_without_anything_that_runs_a_network_the_extras_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert any("'medweave[runtime]', or 'medweave[train]'" in problem for problem in doctor.run().problems)


@pytest.mark.parametrize(("result", "n_problems"), [(GoldenResult(1.0, 1e-6), 0), (GoldenResult(0.98, 0.1), 1)])
def test_a_bundle_that_answers_its_golden_case_otherwise_is_a_problem(result, n_problems, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(doctor, "load_bundle", lambda path: path.name)
    monkeypatch.setattr(doctor, "check_golden", lambda bundle, folder: result)
    found = doctor.run(tmp_path / "heart")
    told = [problem for problem in found.problems if "golden" in problem]
    assert len(told) == n_problems
    assert not told or "98.00 % equal labels, classes that differ by 1.0e-01" in told[0]
    assert found.facts["golden case"].startswith(f"{100 * result.label_agreement:.2f} %")
