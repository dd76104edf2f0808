from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from medweave.evaluation.report.charts import distribution_figure, metric_label


def _table(n_cases=6, structures=("left", "right")):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "structure": structure,
                "missed": False,
                "dice": rng.uniform(0.7, 0.9),
                "nsd_2mm": rng.uniform(0.7, 1),
                "hd95_mm": rng.uniform(2, 6),
                "volume_error_ml": rng.normal(0, 5),
            }
            for structure in structures
            for _ in range(n_cases)
        ]
    )


def test_the_names_of_many_structures_do_not_overlap():
    structures = [f"vertebra_{number}" for number in range(40)]
    figure = distribution_figure(_table(structures=structures), unit="mL")
    figure.canvas.draw()
    for panel in figure.axes:
        boxes = [label.get_window_extent() for label in panel.get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_every_case_is_a_point():
    axes = distribution_figure(_table(), unit="cm²").axes
    assert [panel.get_title(loc="left") for panel in axes] == ["Dice", "NSD at 2 mm", "HD95 (mm)", "Volume error (cm²)"]
    points = axes[0].collections
    assert sum(len(group.get_offsets()) for group in points) == 12


def test_a_missed_structure_is_a_cross_at_the_edge_and_does_not_stretch_the_axis():
    table = _table()
    table.loc[0, ["missed", "dice", "hd95_mm"]] = [True, 0.0, 500.0]
    panels = distribution_figure(table, unit="mL").axes
    assert panels[0].get_ylim()[0] < 0  # Dice has its whole range
    assert panels[2].get_ylim()[1] < 7
    cross = panels[2].collections[1].get_offsets()
    assert cross[:, 1] == pytest.approx(panels[2].get_ylim()[1])


def test_every_case_missed_or_only_one_case_is_drawn():
    table = _table(n_cases=1)
    table["missed"] = True
    assert len(distribution_figure(table, unit="mL").axes) == 4


def test_a_plug_in_metric_is_labelled_with_its_name():
    assert (metric_label("hd95_mm"), metric_label("my_metric")) == ("HD95 (mm)", "my_metric")
    assert metric_label("volume_error_ml") == "Volume error"
    assert metric_label("volume_error_ml", unit="cm²") == "Volume error (cm²)"
