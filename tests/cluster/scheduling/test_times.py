import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cluster.scheduling.times import drawn_once, next_time, parse_duration, parse_time

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


@pytest.mark.parametrize("form", ["0 2 * * *", "30 2 * * *", "0 2,14 * * *"])
def test_a_fixed_hour_comes_once_on_the_night_when_clocks_go_back(form: str) -> None:
    """Paris repeats the hour from 2 to 3 on 25 October 2026."""
    moment, nights = datetime(2026, 10, 24, 15, tzinfo=PARIS).timestamp(), []
    while len(nights) < 3:
        moment = next_time(form, moment, "Europe/Paris")
        if datetime.fromtimestamp(moment, PARIS).hour == 2:
            nights.append(datetime.fromtimestamp(moment, PARIS).day)
    assert nights == [25, 26, 27]


def test_a_fixed_hour_that_has_been_does_not_come_again_in_the_repeated_hour() -> None:
    again = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=PARIS).timestamp()
    assert datetime.fromtimestamp(next_time("30 2 * * *", again, "Europe/Paris"), PARIS).day == 26


def test_a_fixed_hour_that_is_missing_comes_right_after_the_gap() -> None:
    """Paris has no 02:30 on 29 March 2026."""
    before = datetime(2026, 3, 28, 12, tzinfo=PARIS).timestamp()
    found = next_time("30 2 * * *", before, "Europe/Paris")
    assert found == datetime(2026, 3, 29, 3, 0, tzinfo=PARIS).timestamp()
    assert (
        next_time("30 2 * * *", found, "Europe/Paris")
        == datetime(2026, 3, 30, 2, 30, tzinfo=PARIS).timestamp()
    )


def test_every_half_hour_is_every_half_hour_in_the_repeated_hour_too() -> None:
    moment = datetime(2026, 10, 25, 1, 45, tzinfo=PARIS).timestamp()
    found = [moment := next_time("*/30 * * * *", moment, "Europe/Paris") for _ in range(5)]
    assert [later - earlier for earlier, later in itertools.pairwise(found)] == [1800] * 4


def test_a_random_field_is_drawn_once() -> None:
    drawn = drawn_once("R(5-9) R * * FRI,MON")
    minute, hour, *rest = drawn.split()
    assert 5 <= int(minute) <= 9
    assert 0 <= int(hour) <= 23
    assert rest == ["*", "*", "FRI,MON"]
    assert drawn_once(drawn) == drawn
    assert drawn_once("0 2 * MAR FRI") == "0 2 * MAR FRI"
