"""The contract of layouts."""

from pathlib import Path
from typing import Any

import pytest

from medweave.core.errors import DataError
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS, scan
from medweave.testing.contract import Contract


class LayoutContract(Contract):
    """A layout finds the cases of its own folders, and leaves those of others alone."""

    registry = LAYOUTS

    def write_example(self, root: Path) -> None:
        """Write a folder of two cases or more; images may be empty files, for a layout does not open them.

        Args:
            root: Empty folder.
        """
        raise NotImplementedError

    @pytest.fixture
    def layout(self) -> Any:
        """The layout with its defaults."""
        return self.component()

    @pytest.fixture
    def example(self, tmp_path: Path) -> Path:
        """The example folder."""
        root = tmp_path / "example"
        root.mkdir()
        self.write_example(root)
        return root

    def test_the_layout_is_detected(self, example: Path) -> None:
        assert scan(example).layout == self.name

    def test_the_cases_of_an_example_are_sorted_distinct_and_there(self, layout: Any, example: Path) -> None:
        assert layout.matches(example)
        index = layout.scan(example)
        case_ids = [case.case_id for case in index.cases]
        assert len(case_ids) > 1
        assert case_ids == sorted(set(case_ids))
        assert index.layout == self.name
        paths = [path for case in index.cases for path in case.paths]
        assert paths
        assert [path for path in paths if not (path.is_file() and path.is_absolute())] == []

    def test_scanning_twice_gives_one_index_that_survives_its_file(
        self, layout: Any, example: Path, tmp_path: Path
    ) -> None:
        index = layout.scan(example)
        assert layout.scan(example) == index
        index.save(tmp_path / "index.json")
        assert DatasetIndex.load(tmp_path / "index.json") == index

    def test_an_empty_folder_and_a_foreign_one_do_not_match(self, layout: Any, tmp_path: Path) -> None:
        assert not layout.matches(tmp_path)
        (tmp_path / "thesis.txt").write_text("dear")
        assert not layout.matches(tmp_path)
        assert not layout.matches(tmp_path / "absent")

    def test_a_folder_that_is_no_such_layout_is_refused_by_its_name(self, layout: Any, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            layout.scan(tmp_path)
        assert str(tmp_path) in str(caught.value)

    def test_the_layout_is_drawn_for_messages(self) -> None:
        lines = self.component.tree.splitlines()
        assert len(lines) > 1
        assert all(line.startswith("  ") for line in lines)
