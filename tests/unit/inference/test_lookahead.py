import threading
import time

import pytest

from medweave.inference.lookahead import lookahead


def test_results_come_in_order_whatever_takes_longest():
    def work(number):
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * 10

    assert list(lookahead(range(10), work, threads=3, ahead=4)) == [number * 10 for number in range(10)]


def test_no_more_items_are_taken_than_may_be_ahead():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = lookahead(items(), lambda number: number, threads=2, ahead=3)
    for number in range(20):
        assert next(results) == number
        assert len(taken) <= number + 1 + 3


def test_work_is_done_in_other_threads_while_a_result_is_used():
    begun = threading.Event()

    def work(number):
        if number == 1:
            begun.set()
        return threading.get_ident()

    results = lookahead(range(3), work, threads=1, ahead=1)
    assert next(results) != threading.get_ident()
    assert begun.wait(timeout=5)
    assert len(list(results)) == 2


def test_an_error_is_raised_where_its_result_is_due_and_the_rest_is_left():
    done = []

    def work(number):
        if number == 2:
            raise ValueError("two")
        done.append(number)
        return number

    results = lookahead(range(100), work, threads=1, ahead=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert len(done) <= 5
