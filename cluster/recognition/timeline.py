"""The actions of everyone, put together window by window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cluster.recognition.records import Who, WindowPrediction

__all__ = ["ActionSpan", "Timeline", "in_order"]


@dataclass(frozen=True, kw_only=True)
class ActionSpan:
    """One action of one person.

    Attributes:
        track: the person's identity; of a pair the smaller one.
        partner: of a pair the other one; None for a person alone.
        label: name of the action.
        probability: mean over the windows that showed it.
        begin, end: seconds since the beginning of the source.
    """

    track: int
    label: str
    probability: float
    begin: float
    end: float
    partner: int | None = None


class Timeline:
    """The actions of everyone, put together decision by decision.

    Only spans are kept, no windows: memory grows with the number of actions.

    Args:
        class_names: C names.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        self._open: dict[Who, tuple[ActionSpan, int]] = {}  # with the number of its windows
        self._closed: list[ActionSpan] = []
        self._ended: dict[Who, float] = {}

    def take(self, prediction: WindowPrediction) -> ActionSpan | None:
        """As `add`, of what a window shows."""
        return self.add(
            prediction.who, prediction.label, prediction.probability, prediction.begin, prediction.end
        )

    def add(
        self, who: Who, label: int | None, probability: float, begin: float, end: float
    ) -> ActionSpan | None:
        """A window of a person or a pair, from `begin` to `end` seconds, was decided upon.

        The first window of an action counts from its own beginning where nothing was decided before, else
        from the end of the action before.

        Returns:
            The action that has ended with it; None where none has.
        """
        name = None if label is None else self._names[label]
        before = self._open.get(who)
        if before is not None and before[0].label == name:
            span, windows = before
            mean = (span.probability * windows + probability) / (windows + 1)
            self._open[who] = replace(span, probability=mean, end=end), windows + 1
            return None
        ended = self.close(who)
        if name is not None:
            start = max(begin, self._ended.get(who, begin))
            self._open[who] = (
                ActionSpan(
                    track=who[0],
                    partner=who[1] if len(who) > 1 else None,
                    label=name,
                    probability=probability,
                    begin=start,
                    end=end,
                ),
                1,
            )
        return ended

    def close(self, who: Who) -> ActionSpan | None:
        """Their action has ended; gives it, if there was one."""
        if who not in self._open:
            return None
        span = self._open.pop(who)[0]
        self._closed.append(span)
        self._ended[who] = span.end
        return span

    def leave(self, who: Who) -> ActionSpan | None:
        """They have gone, and will not come back under these identities; as `close`."""
        ended = self.close(who)
        self._ended.pop(who, None)
        return ended

    @property
    def spans(self) -> tuple[ActionSpan, ...]:
        """All actions so far, in the order of their beginnings."""
        return in_order([*self._closed, *(span for span, _ in self._open.values())])


def in_order(spans: Iterable[ActionSpan]) -> tuple[ActionSpan, ...]:
    """Actions in the order of their beginnings."""
    return tuple(sorted(spans, key=lambda span: (span.begin, span.track)))
