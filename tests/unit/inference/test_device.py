import pytest
import torch

from medweave.inference.device import best_device, narrow_formats


@pytest.mark.parametrize(("available", "kind"), [(True, "cuda"), (False, "cpu")])
def test_a_gpu_is_taken_where_there_is_one(monkeypatch, available, kind):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert best_device().type == kind


@pytest.mark.parametrize(("capability", "formats"), [((7, 5), ["float16"]), ((8, 0), ["bfloat16"])])
def test_a_gpu_that_only_emulates_bfloat16_computes_in_float16(monkeypatch, capability, formats):
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    properties = type("Properties", (), {"major": capability[0], "minor": capability[1]})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: properties)
    assert narrow_formats(torch.device("cuda")) == formats


@pytest.mark.parametrize(
    ("installed", "supported", "machine", "instructions", "formats"),
    [
        (True, True, "x86_64", True, ["bfloat16"]),
        (True, True, "AMD64", False, []),
        (True, True, "aarch64", None, ["bfloat16"]),
        (True, False, "x86_64", None, []),
        (False, None, "arm64", None, []),
    ],
)
def test_a_processor_computes_in_bfloat16_where_onednn_has_instructions_for_it(
    monkeypatch, installed, supported, machine, instructions, formats
):
    def is_supported():
        assert installed, "the operator is absent from a PyTorch without oneDNN"
        return supported

    def has_instructions():
        assert instructions is not None, "only x86 is asked"
        return instructions

    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: installed)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", is_supported)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", has_instructions)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert narrow_formats(torch.device("cpu")) == formats
