from medweave.figures.class_distribution import class_distribution_figure

COUNTS = {"train": {"a_b": 7, "c": 3}, "val": {"a_b": 2, "c": 0}, "test": {"a_b": 1, "c": 2}}


def _bars(figure):
    return [(bar.get_x(), bar.get_width(), round(bar.get_y() + 0.4)) for bar in figure.axes[0].patches]


def test_bars_of_the_parts_follow_each_other():
    assert _bars(class_distribution_figure({"diagnosis": COUNTS})) == [
        (0, 7, 0),
        (0, 3, 1),
        (7, 2, 0),
        (3, 0, 1),
        (9, 1, 0),
        (3, 2, 1),
    ]


def test_each_class_states_its_cases_and_its_share():
    figure = class_distribution_figure({"diagnosis": COUNTS})
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["10 (67%)", "5 (33%)"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a b", "c"]


def test_the_legend_counts_the_parts_and_is_left_out_for_one():
    legend = class_distribution_figure({"diagnosis": COUNTS}).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["train (10)", "val (2)", "test (3)"]
    assert class_distribution_figure({"grade": {"all": {"a": 1, "b": 2}}}).axes[0].get_legend() is None


def test_classes_without_any_case_are_drawn_empty():
    figure = class_distribution_figure({"grade": {"all": {"a": 0, "b": 0}}})
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["0 (0%)", "0 (0%)"]


def test_each_target_has_a_panel():
    figure = class_distribution_figure({"plaque_kind": COUNTS, "grade": {"all": {"low": 2, "high": 3}}})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Cases by plaque kind", "Cases by grade"]
    assert [text.get_text().strip() for text in figure.axes[1].texts] == ["2 (40%)", "3 (60%)"]
