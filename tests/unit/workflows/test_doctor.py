import os
import platform
from importlib.metadata import version
from types import SimpleNamespace

import psutil
import pytest

from medweave.workflows import doctor


def test_the_facts_are_those_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDWEAVE_CACHE", str(tmp_path / "not yet"))
    found = doctor.run()
    assert found.facts["python"] == platform.python_version()
    assert found.facts["torch"] == version("torch")
    assert found.facts["cores"] == os.cpu_count()
    assert found.facts["memory_gb"] == pytest.approx(psutil.virtual_memory().total / 2**30, abs=0.1)
    assert found.facts["cache"] == str(tmp_path / "not yet")
    assert not (tmp_path / "not yet").exists()


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
