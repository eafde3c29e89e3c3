"""Times as people write them on the command line: `--at` and the cron form of `--every`."""

import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterError, croniter

__all__ = ["check_cron", "drawn_once", "local_timezone", "next_time", "parse_duration", "parse_time"]

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\b")
_RANDOM = re.compile(r"(?i)(^|,)r(\(|/|,|$)")
"""A cron field that croniter draws at random, as R or R(0-29)."""


def local_timezone() -> str:
    """The IANA name of this machine's time zone; UTC where it says none."""
    candidates = [os.environ.get("TZ", "")]
    place = Path("/etc/localtime")
    if place.is_symlink():
        candidates.append(str(place.resolve()).partition("zoneinfo/")[2])
    for name in candidates:
        try:
            if name:
                return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return "UTC"


def parse_time(words: str, now: datetime) -> float:
    """A time to come: "22:30" (the next one), "2026-11-25 02:00", "in 2 h 30 min", ISO 8601.

    Args:
        words: what was typed.
        now: the present, with its zone, in which `words` is meant.

    Returns:
        Seconds since 1970.

    Raises:
        ValueError: it is none of these, or it has passed.
    """
    words = words.strip()
    if words.startswith("in "):
        return now.timestamp() + parse_duration(words.removeprefix("in "))
    if re.fullmatch(r"\d{1,2}:\d{2}", words):
        try:
            hour, minute = map(int, words.split(":"))
            meant = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        except ValueError as error:
            raise ValueError(f"--at {words!r} is no time of day: {error}") from error
        return (meant if meant > now else meant + timedelta(days=1)).timestamp()
    try:
        meant = datetime.fromisoformat(words)
    except ValueError as error:
        raise ValueError(
            f"--at {words!r} is no time; write 22:30, '2026-11-25 02:00' or 'in 2 h 30 min'"
        ) from error
    meant = meant if meant.tzinfo else meant.replace(tzinfo=now.tzinfo)
    if meant < now:
        raise ValueError(f"--at {words!r} has passed: it is {now:%Y-%m-%d %H:%M %Z} now")
    return meant.timestamp()


def parse_duration(words: str) -> float:
    """Seconds in "8 h", "1 h 30 min", "90m", "2 d", "45 s".

    Raises:
        ValueError: it is no such text, or nothing at all.
    """
    parts = _DURATION.findall(words)
    rest = _DURATION.sub("", words).strip()
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not parts or rest or seconds <= 0:
        raise ValueError(f"{words!r} is no length of time; write '8 h', '1 h 30 min', '45 s' or '2 d'")
    return seconds


def check_cron(form: str) -> str:
    """A cron form of five fields.

    Raises:
        ValueError: it is none.
    """
    if len(form.split()) != 5 or not croniter.is_valid(form):
        raise ValueError(
            f"--every {form!r} is no cron form of five fields (minute hour day month weekday); "
            "'0 2 * * *' is every night at 2, '*/30 * * * *' every half hour"
        )
    return form


def drawn_once(form: str) -> str:
    """A cron form whose random fields (R) have become numbers, so that every round uses the same ones."""
    if not any(map(_RANDOM.search, form.split())):
        return form
    drawn, _ = croniter.expand(form)
    fields = zip(form.split(), drawn, strict=True)
    return " ".join(
        ",".join(map(str, values)) if _RANDOM.search(field) else field for field, values in fields
    )


def next_time(form: str, after: float, timezone: str) -> float:
    """The first time after `after` that a cron form names, in seconds since 1970.

    When clocks change, a fixed hour comes once: at its first occurrence when clocks go back, and right
    after the gap when they go forward. A form that recurs within the day (`*` in minute or hour) follows
    real time, so it also comes in the repeated hour.

    Raises:
        ValueError: it names none (30 February).

    SettingOrigin: cron(8) of Debian, "daylight saving time".
    """
    zone = ZoneInfo(timezone)
    begin = datetime.fromtimestamp(after, zone)
    recurs_within_day = any(field.startswith("*") for field in form.split()[:2])
    try:
        if recurs_within_day:
            return float(croniter(form, begin).get_next(datetime).timestamp())
        on_the_wall = croniter(form, begin.replace(tzinfo=None))
        while True:
            found = _real(on_the_wall.get_next(datetime), zone).timestamp()
            if found > after:  # not so in the repeated hour, whose times have been
                return found
    except CroniterError as error:
        raise ValueError(f"--every {form!r} never comes: {error}") from error


def _real(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment, from a wall-clock time on, that exists: a gap has none."""
    moment = wall.replace(tzinfo=zone)
    while datetime.fromtimestamp(moment.timestamp(), zone).replace(tzinfo=None) != moment.replace(
        tzinfo=None
    ):
        moment += timedelta(minutes=1)
    return moment
