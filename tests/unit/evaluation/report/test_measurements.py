import base64
import math

import pytest

from medweave.evaluation.agreement import MeasuredCase, measurement_table, summarise_agreement
from medweave.evaluation.report.measurements import measurement_section
from medweave.figures.page import render_page
from medweave.measurements.measurement import Measurement

NAMES = ("lv_ejection_fraction", "myocardial_mass", "wall_minimum")


def _case(number, predicted, truth):
    def taken(values):
        units = ("%", "g", "")
        return [Measurement(name, value, unit) for name, value, unit in zip(NAMES, values, units, strict=True)]

    return MeasuredCase(f"c{number}", f"p{number}", taken(predicted), taken(truth))


@pytest.fixture
def table():
    return measurement_table(
        [
            _case(0, (50.0, 100.0, math.nan), (52.0, 110.0, 5.0)),
            _case(1, (60.0, 90.0, math.nan), (59.0, math.nan, 6.0)),
            _case(2, (20.0, 95.0, math.nan), (23.0, 99.0, 7.0)),
        ]
    )


def test_every_measurement_has_a_row_with_its_agreement(table, tmp_path):
    summary = summarise_agreement(table)
    section = measurement_section(tmp_path, table, summary)
    assert [row["label"] for row in section["rows"]] == ["LV ejection fraction", "Myocardial mass", "Wall minimum"]
    assert section["rows"][0]["bias"]["mean"] == pytest.approx(-4 / 3)
    assert [row["n"] for row in section["rows"]] == [3, 2, 0]


def test_the_figure_is_written_and_embedded(table, tmp_path):
    section = measurement_section(tmp_path, table, summarise_agreement(table))
    content = (tmp_path / "measurement_agreement.png").read_bytes()
    assert base64.b64decode(section["picture"].removeprefix("data:image/png;base64,")) == content


def test_nothing_measured_has_no_figure(tmp_path):
    table = measurement_table([_case(0, (math.nan,) * 3, (1.0, 2.0, 3.0))])
    assert measurement_section(tmp_path, table, summarise_agreement(table))["picture"] is None
    assert list(tmp_path.iterdir()) == []


def test_the_page_says_what_was_not_measured(table, tmp_path):
    section = measurement_section(tmp_path, table, summarise_agreement(table))
    page = render_page("report_measurements.html.j2", measurements=section)
    assert "never measured" in page
    assert "3 not measured" in page
    assert 'LV ejection fraction <span class="interval">%</span>' in page
