"""Work on items ahead of whoever takes the results, in threads and in order, a bounded number at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def lookahead(items: Iterable[Item], work: Callable[[Item], Result], *, threads: int, ahead: int) -> Iterator[Result]:
    """Return the result of each item in order, at most `ahead` of them begun before the one that is taken.

    An error is raised where its result is due; what is not begun by then is left.

    Args:
        items: Taken one by one, in the caller's thread.
        work: Done in a thread.
        threads: That work at the same time.
        ahead: Items begun or done before they are asked for, at least 1.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
