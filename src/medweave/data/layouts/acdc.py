"""The layout of the Automated Cardiac Diagnosis Challenge (Bernard et al., IEEE TMI 2018;37(11):2514)."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.finding import Finding
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS

CLASSES = ("NOR", "MINF", "DCM", "HCM", "RV")
ALIASES = {"ARV": "RV"}
INFO, LABEL = "Info.cfg", "gt.txt"
STRUCTURES = {"rv": 1, "myocardium": 2, "lv": 3}
#: Folders between the data folder and its patients.
NESTED = ("database", "training", "testing", "train", "test")
FRAME = re.compile(r"(?!\.)(?:\w+_)?frame(?P<number>\d+)(?P<mask>_gt)?\.nii(?:\.gz)?")
ATTRIBUTES = {"Height": "height_cm", "Weight": "weight_kg"}


@LAYOUTS.register("acdc")
class AcdcLayout:
    """Cine MRI of the heart as the ACDC challenge ships it; images ed and es, target diagnosis.

    End-diastole and end-systole are the frames that Info.cfg names; without it, frame 01 is end-diastole and the only
    other one end-systole. A phase whose file is absent is a missing image. The diagnosis is Info.cfg's Group, or what
    gt.txt holds: a name, or a number.

    Args:
        first_class: Number in gt.txt of the first class of NOR, MINF, DCM, HCM, RV.
    """

    tree = (
        "  patient001/Info.cfg                       (ED, ES, Group; Height, Weight)\n"
        "  patient001/patient001_frame01.nii.gz      (end-diastole)\n"
        "  patient001/patient001_frame01_gt.nii.gz   (optional)\n"
        "  patient001/patient001_frame12.nii.gz      (end-systole, and its _gt)\n"
        "  or p0001/frame01.nii, frame01_gt.nii, frame12.nii, gt.txt; above them, training/ and testing/ are fine"
    )

    def __init__(self, *, first_class: Literal[0, 1] = 0) -> None:
        self.first_class = first_class

    def matches(self, root: Path) -> bool:
        """Tell whether there is a patient's folder, or `root` is one."""
        return root.is_dir() and next(_patient_folders(root), None) is not None

    def scan(self, root: Path) -> DatasetIndex:
        """List the patients, each a case; `root` may be the folder of one."""
        patients = [_Patient.of(folder) for folder in _patient_folders(root)]
        if not patients:
            raise DataError("the folder holds no patient", where=root, fix=f"arrange it like this:\n{self.tree}")
        return DatasetIndex(
            name=root.name,
            root=root,
            layout="acdc",
            cases=tuple(sorted((self._case(patient) for patient in patients), key=lambda case: case.case_id)),
            structures={"ed": STRUCTURES, "es": STRUCTURES},
            findings=tuple(finding for patient in patients for finding in patient.findings()),
        )

    def _case(self, patient: "_Patient") -> Case:
        phases = patient.phases()
        diagnosis = self._diagnosis(patient)
        return Case(
            case_id=patient.folder.name,
            subject_id=patient.folder.name,
            images={phase: patient.frames[number] for phase, number in phases.items() if number in patient.frames},
            label_maps={phase: patient.masks[number] for phase, number in phases.items() if number in patient.masks},
            targets={"diagnosis": diagnosis} if diagnosis else {},
            attributes={name: patient.number(key) for key, name in ATTRIBUTES.items() if key in patient.info},
        )

    def _diagnosis(self, patient: "_Patient") -> str | None:
        label_file = patient.folder / LABEL
        if "Group" in patient.info:
            written, where = patient.info["Group"], patient.folder / INFO
        elif label_file.is_file():
            written, where = label_file.read_text(encoding="utf-8", errors="replace").strip(), label_file
        else:
            return None
        numbers = {str(number): name for number, name in enumerate(CLASSES, start=self.first_class)}
        names = dict(zip(CLASSES, CLASSES, strict=True)) | ALIASES | numbers
        if written.upper() not in names:
            raise DataError(
                "unknown diagnosis",
                where=where,
                got=written or "nothing",
                wanted=f"{', '.join(CLASSES)}, or a number from {self.first_class} to {self.first_class + 4}",
                fix="correct it, or set data.layout.first_class.",
            )
        return names[written.upper()]


@dataclass(frozen=True)
class _Patient:
    """A patient's folder: its frames and masks by frame number, and Info.cfg."""

    folder: Path
    frames: Mapping[int, Path]
    masks: Mapping[int, Path]
    info: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> "_Patient":
        found: dict[bool, dict[int, Path]] = {False: {}, True: {}}
        for path in sorted(folder.iterdir()):
            match = FRAME.fullmatch(path.name)
            if match is None:
                continue
            files, number = found[match["mask"] is not None], int(match["number"])
            if number in files:
                raise DataError(
                    "a frame is stored twice",
                    where=folder,
                    got=f"{files[number].name} and {path.name}",
                    fix="keep one of them.",
                )
            files[number] = path
        return cls(folder, found[False], found[True], _read_info(folder / INFO))

    def phases(self) -> dict[str, int]:
        """Return the frame numbers of `ed` and `es`."""
        if "ED" in self.info and "ES" in self.info:
            phases = {"ed": int(float(self.number("ED"))), "es": int(float(self.number("ES")))}
            unnamed = set(self.frames) - set(phases.values())
            if unnamed and not set(phases.values()) <= set(self.frames):
                raise DataError(
                    "Info.cfg names a frame that is absent, and other frames are there",
                    where=self.folder,
                    got=f"frames {', '.join(map(str, sorted(self.frames)))}",
                    wanted=f"ED {phases['ed']}, ES {phases['es']}",
                    fix="correct Info.cfg, or restore the frame.",
                )
            return phases
        others = sorted(set(self.frames) - {1})
        if len(others) > 1:
            raise DataError(
                "it is not clear which frame is end-systole",
                where=self.folder,
                got=f"frames {', '.join(map(str, sorted(self.frames)))}",
                wanted="frame 01 (end-diastole) and one other",
                fix="name the frames in Info.cfg as ED and ES.",
            )
        return {"ed": 1, **({"es": others[0]} if others else {})}

    def number(self, key: str) -> str:
        """Return a number of Info.cfg as it is written there."""
        try:
            is_number = math.isfinite(float(self.info[key]))
        except ValueError:
            is_number = False
        if not is_number:
            raise DataError(
                f"Info.cfg: {key} is not a number",
                where=self.folder / INFO,
                got=self.info[key] or "nothing",
                wanted="a number such as 12",
                fix="correct it, or remove the line.",
            )
        return self.info[key]

    def findings(self) -> Iterator[Finding]:
        """Find masks of frames that are no phase, and are absent; the audit finds those of absent phases."""
        for number in sorted(set(self.masks) - set(self.frames) - set(self.phases().values())):
            yield Finding.warning(
                "mask_without_image",
                (self.folder.name,),
                path=self.masks[number],
                message="a mask has no image",
                fix="restore the image, or remove the mask.",
            )


def _patient_folders(root: Path) -> Iterator[Path]:
    """Return `root` if it is a patient's folder, else those in it, also below `training` and the like.

    Beside patients, a folder with nothing but a diagnosis is a patient too, whose frames are lost.
    """
    if _is_patient_folder(root):
        yield root
        return
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    known = {folder for folder in folders if folder.name not in NESTED and _is_patient_folder(folder)}
    for folder in folders:
        if folder.name in NESTED:
            yield from _patient_folders(folder)
        elif folder in known or (known and (folder / LABEL).is_file()):
            yield folder


def _is_patient_folder(folder: Path) -> bool:
    return any(path.name == INFO or FRAME.fullmatch(path.name) for path in folder.iterdir())


def _read_info(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {key.strip(): value.strip() for key, colon, value in (line.partition(":") for line in lines) if colon}
