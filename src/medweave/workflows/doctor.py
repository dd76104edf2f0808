"""What this machine has."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from medweave.core.optional import import_optional
from medweave.inference.bundle import BundleFolder, load_bundle
from medweave.inference.golden import check_golden
from medweave.preprocessing.cache import ArrayStore, default_cache_folder
from medweave.runs.manifest import describe_environment


@dataclass(frozen=True)
class Diagnosis:
    """What this machine has.

    Attributes:
        facts: By name.
        problems: What will fail or be slow, each with the fix.
    """

    facts: dict[str, Any]
    problems: tuple[str, ...]


def run(bundle: Path | None = None) -> Diagnosis:
    """Look at versions, processor, memory, GPU and cache.

    Args:
        bundle: Also predict the golden case of this bundle.

    Raises:
        RunError: The bundle is damaged.
    """
    environment = describe_environment()
    cache = default_cache_folder()
    memory_gb = psutil.virtual_memory().total / 2**30
    facts: dict[str, Any] = {
        "python": environment["python"],
        "platform": environment["platform"],
        **environment["versions"],
        "cores": os.cpu_count(),
        "memory_gb": round(memory_gb, 1),
        **_facts_of_pytorch(),
        "cache": str(cache),
        "cache_gb": round(ArrayStore(cache).size_bytes() / 2**30, 2),
    }
    problems = _absent_packages()
    if memory_gb < 4:
        problems.append("less than 4 GB of memory. Fix: set patches.size_voxels and training.batch_size low.")
    parent = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if not os.access(parent, os.W_OK):
        problems.append(f"the cache folder {cache} cannot be written. Fix: set MEDWEAVE_CACHE to another folder.")
    if bundle is not None:
        result = check_golden(load_bundle(bundle), BundleFolder(bundle).golden)
        differences = (
            f"{100 * result.label_agreement:.2f} % equal labels, classes that differ by {result.class_difference:.1e}"
        )
        facts["golden case"] = differences
        if not result.is_same:
            problems.append(
                f"{bundle} answers its golden case otherwise than where it was exported: {differences}. "
                "Fix: install the versions in its bundle.json."
            )
    return Diagnosis(facts, tuple(problems))


def _facts_of_pytorch() -> dict[str, Any]:
    if find_spec("torch") is None:
        return {}
    torch, device = import_optional("torch"), import_optional("medweave.inference.device")
    return {
        "bfloat16 on the processor": "bfloat16" in device.narrow_formats(torch.device("cpu")),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _absent_packages() -> list[str]:
    """Return what is wrong with the installed packages: without PyTorch only bundles can be predicted with."""
    if find_spec("torch") is not None:
        needed = ("tensorboard", "imagehash")
        return [f"{name} is not installed. Fix: pip install {name}." for name in needed if find_spec(name) is None]
    if find_spec("onnxruntime") is None:
        return [
            "neither PyTorch nor ONNX Runtime is installed, so nothing can be predicted. "
            "Fix: pip install 'medweave[runtime]', or 'medweave[train]' to train as well."
        ]
    return []
