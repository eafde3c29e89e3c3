from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cluster.scheduling.times import next_time, parse_duration, parse_time

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 24, 21, 0, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("45 s", 45),
        ("90m", 5400),
        ("1 h 30 min", 5400),  # 3600 + 30 * 60
        ("2 d", 172800),
        ("0.5 h", 1800),
    ],
)
def test_lengths_of_time(words: str, seconds: float) -> None:
    assert parse_duration(words) == seconds


@pytest.mark.parametrize("words", ["", "soon", "8", "8 parsecs", "8 h and more", "0 s"])
def test_what_is_no_length_of_time(words: str) -> None:
    with pytest.raises(ValueError, match="is no length of time; write '8 h'"):
        parse_duration(words)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("22:30", datetime(2026, 11, 24, 22, 30, tzinfo=PARIS)),
        ("02:00", datetime(2026, 11, 25, 2, 0, tzinfo=PARIS)),  # it has passed today
        ("2026-12-01 06:00", datetime(2026, 12, 1, 6, 0, tzinfo=PARIS)),
        ("2026-12-01T06:00+00:00", datetime(2026, 12, 1, 7, 0, tzinfo=PARIS)),
        ("in 2 h", datetime(2026, 11, 24, 23, 0, tzinfo=PARIS)),
    ],
)
def test_times_to_come(words: str, meant: datetime) -> None:
    assert parse_time(words, NOW) == meant.timestamp()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("25:00", "is no time of day"),
        ("tomorrow", "is no time; write 22:30"),
        ("2026-11-24 20:00", "has passed: it is 2026-11-24 21:00 CET now"),
    ],
)
def test_what_is_no_time_to_come(words: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_time(words, NOW)


def test_a_cron_form_keeps_its_hour_when_the_clocks_change() -> None:
    # Paris goes from UTC+1 to UTC+2 on 29 March 2026 at 2: from 4 to 4 it is 23 hours that night.
    before = datetime(2026, 3, 28, 1, 0, tzinfo=PARIS).timestamp()
    first = next_time("0 4 * * *", before, "Europe/Paris")
    second = next_time("0 4 * * *", first, "Europe/Paris")
    assert [datetime.fromtimestamp(at, PARIS).hour for at in (first, second)] == [4, 4]
    assert second - first == 23 * 3600


def test_a_day_that_never_comes_is_named() -> None:
    with pytest.raises(ValueError, match="never comes"):
        next_time("0 2 30 2 *", NOW.timestamp(), "UTC")
