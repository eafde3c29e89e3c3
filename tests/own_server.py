"""A server of the tests' own: it runs while entered, and nothing of it is left, whatever happens."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["OwnServer"]


class OwnServer(ABC):
    """Begun when entered; ended when left, and when it could not begin."""

    @abstractmethod
    def begin(self) -> None:
        """Start it, and wait until it answers."""

    @abstractmethod
    def end(self) -> None:
        """End all that `begin` has started and made, however far it came."""

    def __enter__(self) -> Self:
        try:
            self.begin()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
