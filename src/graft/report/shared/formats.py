"""Numbers and texts as a person reads them.

Decisions: a number that does not exist (null or not a number) is printed as a dash, never as ``nan`` or ``None``;
texts from data lose control characters here, because neither HTML nor a terminal can carry them safely.
"""

import math
import re

from graft.core.intervals import Interval

NOTHING = "\u2013"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_BIDI = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text without control characters, lone surrogates and direction overrides.

    >>> clean("red \\x1b[31malert\\r\\n")
    'red \\ufffd[31malert\\n'
    """
    return _CONTROL.sub("\ufffd", _BIDI.sub("", text.replace("\r\n", "\n")))


def known(value: float | None) -> bool:
    """Whether there is a finite number."""
    return value is not None and math.isfinite(value)


def decimals(*values: float | None) -> int:
    """How many decimals show about three telling digits of the largest value; shares get three."""
    size = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if size >= 100:
        return 0
    if size >= 10:
        return 1
    if size > 1:
        return 2
    return 3 if size >= 0.0095 or size == 0 else 1 - math.floor(math.log10(size))


def number(value: float | None, places: int | None = None) -> str:
    """A number with about three telling digits, or with ``places`` decimals.

    >>> [number(one) for one in (0.84213, 1234.4, 12.345, 0.00012, 0.0, -3.2, 8.0, 251.26)]
    ['0.842', '1,234', '12.3', '0.00012', '0', '-3.20', '8', '251']
    >>> number(None) == number(float("nan")) == NOTHING
    True
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if places is None and value == int(value):
        return f"{value:,.0f}"
    text = f"{value:,.{decimals(value) if places is None else places}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def count(value: float | None) -> str:
    """A whole number with thousands separated.

    >>> count(1234567)
    '1,234,567'
    """
    return NOTHING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def plural(value: int, noun: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(1200, "row"), plural(2, "class", "classes")
    ('1 row', '1,200 rows', '2 classes')
    """
    return f"{count(value)} {noun if value == 1 else many or noun + 's'}"


def large(value: float | None) -> str:
    """A large number in short.

    >>> large(22_713_216), large(1_100_000_000), large(384), large(42_000)
    ('22.7 M', '1.1 B', '384', '42 K')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "K")):
        if abs(value) >= size:
            shown = f"{value / (1e3 if unit == 'K' else size):.1f}".removesuffix(".0")
            return f"{shown} {unit}"
    return count(value)


def percent(value: float | None) -> str:
    """A share in per cent; what is not quite nothing or all does not read as such.

    >>> percent(0.954), percent(0.0312), percent(0.9996), percent(0.0002), percent(0.0)
    ('95%', '3.1%', '>99.9%', '<0.1%', '0%')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value in (0.0, 1.0):
        return f"{value:.0%}"
    if 0 < value < 0.001:
        return "<0.1%"
    if 0.999 < value < 1:
        return ">99.9%"
    return f"{value:.1%}" if value < 0.1 or value > 0.99 else f"{value:.0%}"


def duration(seconds: float | None) -> str:
    """A time.

    >>> duration(0.042), duration(3.21), duration(42.4), duration(200), duration(7500), duration(1)
    ('0.04 s', '3.2 s', '42 s', '3 min 20 s', '2 h 5 min', '1 s')
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 59.5:
        places = 2 if 0 < seconds < 0.095 else 1 if seconds < 9.95 and seconds != int(seconds) else 0
        return f"{seconds:.{places}f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def memory(megabytes: float | None) -> str:
    """Memory.

    >>> memory(812.4), memory(1433.6)
    ('812 MB', '1.4 GB')
    """
    if megabytes is None or not math.isfinite(megabytes) or megabytes <= 0:
        return NOTHING
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def disk(megabytes: float | None) -> str:
    """A size on disk, in decimal units.

    >>> disk(90.87), disk(0.0412), disk(1340.0), disk(0.0)
    ('91 MB', '41 KB', '1.3 GB', '<1 KB')
    """
    if megabytes is None or not math.isfinite(megabytes):
        return NOTHING
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    if megabytes >= 1:
        return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"
    return f"{megabytes * 1000:.0f} KB" if megabytes >= 0.001 else "<1 KB"


def with_interval(span: Interval | None) -> str:
    """An estimate with its interval.

    >>> with_interval(Interval(0.842, 0.81, 0.87))
    '0.842 (0.810 to 0.870)'
    """
    if span is None or not known(span.mean):
        return NOTHING
    return estimate(span) + between(span)


def estimate(span: Interval | None) -> str:
    """An estimate without its interval, with the decimals it has beside it.

    >>> estimate(Interval(1.0, 0.9, 1.0)), estimate(Interval(9.7, 8.1, 11.2))
    ('1.000', '9.7')
    """
    if span is None or not known(span.mean):
        return NOTHING
    return beside(span.mean, span)


def beside(value: float, span: Interval) -> str:
    """A number of an interval, with the decimals of the largest there, so that they can be compared at a glance.

    Where ends of 10 and more stand beside a share, each has its own: an R² of 0.832 must not read as 1.

    >>> few = Interval(0.832, -462.3, 0.994)
    >>> beside(few.mean, few), beside(few.low, few), beside(few.high, few), beside(9.7, Interval(9.7, 8.1, 11.2))
    ('0.832', '-462', '0.994', '9.7')
    """
    places = decimals(span.mean, span.low, span.high)
    return number(value, None if places < 2 and 0 < abs(span.mean) <= 1 else places)


def between(span: Interval) -> str:
    """The interval alone, in brackets, with a space before it; empty when there is none."""
    if span.ends is None or not all(map(known, span.ends)):
        return ""
    return f" ({beside(span.ends[0], span)} to {beside(span.ends[1], span)})"


def between_alone(span: Interval) -> str:
    """The interval alone, without brackets."""
    return between(span).strip(" ()")


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop.

    >>> sentence("no source was used")
    'No source was used.'
    """
    tidy = clean(text).strip()
    return tidy[:1].upper() + tidy[1:] + ("" if tidy.endswith((".", "!", "?")) or not tidy else ".")


def excerpt(text: str, length: int = 320) -> str:
    """The text, shortened at a word.

    >>> excerpt("the quick brown fox", 12)
    'the quick …'
    """
    tidy = clean(text).strip()
    if len(tidy) <= length:
        return tidy
    cut = tidy[: length - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > length // 2 else cut) + " …"
