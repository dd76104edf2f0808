from medweave.runs.evaluation_folder import EvaluationFolder


def test_the_tables_of_classes_are_found_by_head(tmp_path):
    folder = EvaluationFolder(tmp_path)
    for head in ("side", "size_of_heart"):
        folder.classification(head).touch()
    assert folder.classifications() == {
        "side": tmp_path / "classification_side.csv",
        "size_of_heart": tmp_path / "classification_size_of_heart.csv",
    }
