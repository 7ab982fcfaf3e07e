"""Values that take long: made in the background, once for each state of what they are made from."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """The value that was asked for last; an older one is dropped, and not begun if it waits."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._key: Hashable = None
        self._future: Future[T] | None = None

    def ask(self, key: Hashable, make: Callable[[], T]) -> None:
        """Have the value made, unless the one for this key is made already."""
        if not self.is_for(key):
            if self._future is not None:
                self._future.cancel()
            self._key, self._future = key, self._pool.submit(make)

    def is_for(self, key: Hashable) -> bool:
        """Whether the value for this key was asked for last."""
        return self._future is not None and key == self._key

    @property
    def pending(self) -> bool:
        """Whether a value has been asked for and is not there yet."""
        return self._future is not None and not self._future.done()

    def value(self) -> T | None:
        """The value, None as long as it is not there. Raises what making it raised."""
        if self._future is None or not self._future.done() or self._future.cancelled():
            return None
        return self._future.result()
