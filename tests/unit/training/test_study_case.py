from medweave.training.study_case import StudyCase, evenly_chosen


def test_cases_are_chosen_at_even_distances_from_the_first_to_the_last():
    cases = [StudyCase(None, number) for number in range(9)]
    assert [case.prepared for case in evenly_chosen(cases, 5)] == [0, 2, 4, 6, 8]
    assert evenly_chosen(cases, 9) == evenly_chosen(cases, 100) == cases
    assert evenly_chosen([], 3) == []
