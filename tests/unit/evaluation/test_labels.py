from medweave.evaluation.labels import equal_classes


def test_the_order_of_labels_is_no_matter_but_their_number_is():
    first, second = ["a|b", "a", "", "a|b"], ["b|a", "b", "", "a"]
    assert equal_classes(first, second).tolist() == [True, False, True, False]
