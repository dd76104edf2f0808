"""What is said of pictures (PNG, JPEG, …) in a data set: conversions, and masks that lost their edges."""

from collections.abc import Iterator, Sequence

from medweave.data.facts import CaseFacts
from medweave.data.finding import Finding
from medweave.preprocessing.readers.raster import JPEG_SUFFIXES, is_raster

BITS_16 = "16-bit unsigned integer"


def picture_findings(name: str, facts: Sequence[CaseFacts]) -> Iterator[Finding]:
    """Find pictures in colour, of 16 bits, and masks stored as JPEG; other files have none of these.

    Args:
        name: Image name.
        facts: Of every case.
    """
    pictures = [
        (case, case.images[name]) for case in facts if name in case.images and is_raster(case.images[name].path)
    ]
    masks = [(case, case.label_maps[name]) for case in facts if name in case.label_maps]
    coloured = [case.case_id for case, image in pictures if image.n_channels > 1]
    deep = [case.case_id for case, image in pictures if image.pixel_type == BITS_16]
    lossy = [case.case_id for case, label_map in masks if label_map.path.suffix.lower() in JPEG_SUFFIXES]
    for code, case_ids, total, what, fix in (
        (
            "colour",
            coloured,
            pictures,
            f"images {name!r} are in colour; a grey input takes their brightness (ITU-R BT.601)",
            "set the input's `colour: rgb` where colour matters.",
        ),
        (
            "16_bit",
            deep,
            pictures,
            f"images {name!r} have 16 bits; they are read on the scale of 8 bits (divided by 257), with fractions",
            "normalise each image by itself (zscore, percentile or minmax) where their scales differ.",
        ),
        (
            "jpeg_masks",
            lossy,
            masks,
            f"label maps {name!r} are stored as JPEG, which blurs their edges; they are cut at half",
            "store masks as PNG.",
        ),
    ):
        if case_ids:
            yield Finding.warning(code, tuple(case_ids), message=f"{len(case_ids)} of {len(total)} {what}", fix=fix)
