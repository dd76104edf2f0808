"""predictions.csv: a row a case."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

FIRST_COLUMNS = ("case_id", "image_path", "status")
LAST_COLUMNS = ("missing_inputs", "warnings", "reason")
#: How a unit is written in the name of a column.
UNITS = {"mL": "ml", "cm²": "cm2"}

Record = Mapping[str, Any]


class PredictionTable:
    """The rows of some cases under common columns.

    The columns of a classification are true_class, pred_class, prob_CLASS (six decimals), entropy_bits and, with
    several members, prob_sd_CLASS; of a segmentation STRUCTURE_ml (in 2D STRUCTURE_cm2) and STRUCTURE_ml_sd; of a
    measurement its name and unit. Where several heads of a kind are answered, the name of the head is part of the
    column's.

    Args:
        records: Of the cases; gone through once.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._classifications: dict[str, None] = {}
        self._segmentations: dict[str, None] = {}
        heads: list[Record] = []
        columns: dict[str, None] = {}
        for record in records:
            self._classifications |= dict.fromkeys(record.get("classifications", ()))
            self._segmentations |= dict.fromkeys(record.get("segmentations", ()))
            shape = _shape(record)
            if shape not in heads:
                heads.append(shape)
        for shape in heads:
            columns |= dict.fromkeys(name for name, _ in self._answers(shape))
        self.columns = (*FIRST_COLUMNS, *columns, *LAST_COLUMNS)

    def row(self, record: Record) -> dict[str, Any]:
        """Return the cells of a case; what does not belong to it is absent."""
        return {
            "case_id": record["case_id"],
            "image_path": next(iter(record["images"].values()), ""),
            "status": record["status"],
            **dict(self._answers(record)),
            "missing_inputs": " ".join(record.get("missing_inputs", ())),
            "warnings": " ".join(f"{found['code']}({found['input_name']})" for found in record.get("warnings", ())),
            "reason": record.get("reason", ""),
        }

    def write(self, records: Iterable[Record], stream: TextIO) -> None:
        """Write the table, keeping one row in memory at a time."""
        writer = csv.DictWriter(stream, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        for record in records:
            writer.writerow(self.row(record))

    def _answers(self, record: Record) -> Iterator[tuple[str, Any]]:
        for head, answer in record.get("classifications", {}).items():
            of_head = f"_{head}" if len(self._classifications) > 1 else ""
            yield f"true_class{of_head}", answer["true_class"]
            yield f"pred_class{of_head}", answer["pred_class"]
            for name, found in answer["classes"].items():
                yield f"prob{of_head}_{name}", f"{found['probability']:.6f}"
            for name, found in answer["classes"].items():
                if "standard_deviation" in found:
                    yield f"prob_sd{of_head}_{name}", f"{found['standard_deviation']:.6f}"
            yield f"entropy_bits{of_head}", answer["entropy_bits"]
        for head, answer in record.get("segmentations", {}).items():
            of_head = f"{head}_" if len(self._segmentations) > 1 else ""
            for name, found in answer["structures"].items():
                column = f"{of_head}{name}_{UNITS[answer['unit']]}"
                yield column, found["volume"]
                if "standard_deviation" in found:
                    yield f"{column}_sd", found["standard_deviation"]
        for found in record.get("measurements", ()):
            unit = f" [{found['unit']}]" if found["unit"] else ""
            yield f"{found['name']}{unit}", "" if found["value"] is None else found["value"]


def _shape(record: Record) -> Record:
    """Return what decides the columns of a record, without its numbers, so that few differ."""
    return {
        "classifications": {
            head: {
                "true_class": "",
                "pred_class": "",
                "entropy_bits": "",
                "classes": {name: dict.fromkeys(found, 0.0) for name, found in answer["classes"].items()},
            }
            for head, answer in record.get("classifications", {}).items()
        },
        "segmentations": {
            head: {
                "unit": answer["unit"],
                "structures": {name: dict.fromkeys(found, 0.0) for name, found in answer["structures"].items()},
            }
            for head, answer in record.get("segmentations", {}).items()
        },
        "measurements": [
            {"name": found["name"], "unit": found["unit"], "value": None} for found in record.get("measurements", ())
        ],
    }
