"""Synthetic studies to try things on."""

from collections.abc import Callable
from pathlib import Path

from medweave.core.errors import UsageError, did_you_mean
from medweave.core.files import claim_output_folder
from medweave.phantoms.cardiac import write_cardiac_study
from medweave.phantoms.chest_xray import write_chest_xray_study
from medweave.phantoms.heart import write_heart_study
from medweave.phantoms.vessel import write_vessel_study

#: How each study is written, and a recipe of the library that fits it.
STUDIES: dict[str, tuple[Callable[..., None], str]] = {
    "heart": (write_heart_study, "heart_small"),
    "cardiac": (write_cardiac_study, "demo"),
    "chest_xray": (write_chest_xray_study, "reference/chest_xray_multitask"),
    "vessel": (write_vessel_study, "reference/vessel_multimodal"),
}


def run(name: str, output: Path, *, n_cases: int, seed: int = 0) -> str:
    """Write a phantom study and return the name of a recipe that fits it.

    Args:
        name: Of STUDIES.
        output: New or empty folder.
        n_cases: Cases (images, for chest_xray) to write.
        seed: Seed of the study.

    Raises:
        UsageError: There is no such study, or `n_cases` is not positive.
    """
    if name not in STUDIES:
        raise UsageError(
            f"no phantom study {name!r}.{did_you_mean(name, STUDIES)}", fix=f"choose one of {', '.join(STUDIES)}."
        )
    write, recipe = STUDIES[name]
    if n_cases < 1:
        raise UsageError("a study needs a case", got=f"--cases {n_cases}", wanted="1 or more", fix="ask for more.")
    claim_output_folder(output)
    write(output, n_cases=n_cases, seed=seed)
    return recipe
