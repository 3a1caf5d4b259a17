"""The colours of every page can be read: contrasts as WCAG 2.2 counts them, by day and by night."""

import re

import pytest

from graft.report.shared.environment import file_as_it_is

TEXT, MARK = 4.5, 3.0
DAY, NIGHT = re.findall(r":root \{(.*?)\}", file_as_it_is("shared", "style.css"), re.DOTALL)


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})\b", block))


THEMES = {"day": colours(DAY), "night": {**colours(DAY), **colours(NIGHT)}}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_words_can_be_read(theme: str) -> None:
    given = THEMES[theme]
    pairs = [(word, ground) for word in ("ink", "soft", "accent") for ground in ("page", "card", "faint")]
    pairs += [("ink", "warn-soft"), ("accent", "warn-soft"), ("warn", "card")]
    for word, ground in pairs:
        assert contrast(given[word], given[ground]) >= TEXT, (word, ground)
    for state in ("helps", "tied", "harms", "open"):
        assert contrast("#fff", given[state]) >= TEXT, state


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_marks_can_be_seen(theme: str) -> None:
    given = THEMES[theme]
    for mark in ("accent", "control", "helps", "open", "harms", "h0", "h1", "h2", "h3", "h4", "h5"):
        assert contrast(given[mark], given["card"]) >= MARK, mark
