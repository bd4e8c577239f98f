"""Numbers as people read them, with their unit and no more digits than they deserve."""

from __future__ import annotations

_THIN = "\u202f"  # narrow no-break space between a number and its unit


def percent(share: float, *, decimals: int = 1) -> str:
    """0.953 -> 95.3 %"""
    return f"{100 * share:.{decimals}f}{_THIN}%"


def macs(count: float) -> str:
    """12.3e6 -> 12.3 MMACs (1 MAC = one multiply-add)"""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{three_digits(count / factor)}{_THIN}{prefix}MACs"
    return f"{count:.0f}{_THIN}MACs"


def duration(seconds: float) -> str:
    """0.0042 -> 4.20 ms, 41.3 -> 41.3 s, 317 -> 5 min 17 s"""
    if seconds < 1e-3:
        return f"{three_digits(seconds * 1e6)}{_THIN}µs"
    if seconds < 1:
        return f"{three_digits(seconds * 1e3)}{_THIN}ms"
    if seconds < 120:
        return f"{three_digits(seconds)}{_THIN}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}{_THIN}min" + (f" {rest}{_THIN}s" if rest else "")


def looks(number: float) -> str:
    """1 -> 1 look, 2.04 -> 2.0 looks"""
    if isinstance(number, int):
        return f"{number}{_THIN}{'look' if number == 1 else 'looks'}"
    return f"{number:.1f}{_THIN}looks"


def times(ratio: float) -> str:
    """12.3 -> 12 ×, 1.53 -> 1.5 ×"""
    return f"{ratio:.0f}{_THIN}×" if ratio >= 10 else f"{ratio:.1f}{_THIN}×"


def three_digits(number: float) -> str:
    """1.234 -> 1.23, 12.34 -> 12.3, 123.4 -> 123"""
    decimals = 0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
    return f"{number:.{decimals}f}"
