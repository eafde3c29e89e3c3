"""Which GPU of this machine which job gets; parts of one are shared."""

import math

__all__ = ["Devices"]

_HAIR = 1e-6


class Devices:
    """The GPUs of one worker, by number.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._used = [0.0] * count

    def take(self, gpus: float) -> tuple[int, ...]:
        """Numbers of GPUs for a job: whole ones that are free, or for a fraction the fullest that has room.

        Returns:
            None at all for a job without GPU, or when there are fewer than the queue believed.
        """
        share = self._share(gpus)
        fitting = [number for number, used in enumerate(self._used) if used + share <= 1 + _HAIR]
        fitting.sort(key=lambda number: (-self._used[number], number))
        taken = tuple(fitting[: math.ceil(gpus - _HAIR)])
        for number in taken:
            self._used[number] += share
        return taken

    def give_back(self, devices: tuple[int, ...], gpus: float) -> None:
        """What `take` gave for this number of GPUs."""
        for number in devices:
            self._used[number] = max(0.0, self._used[number] - self._share(gpus))

    @staticmethod
    def _share(gpus: float) -> float:
        """Of each GPU; 1.5 GPUs are two with three quarters each."""
        return gpus / math.ceil(gpus - _HAIR) if gpus > _HAIR else 0.0
