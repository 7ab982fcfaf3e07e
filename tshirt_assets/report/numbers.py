"""Numbers as the report writes them."""

import math


def number(value: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits, thousands grouped; an en dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return _minus(f"{int(value):,}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    tiny = abs(value) < 1e-5
    return _minus(f"{value:.{digits - 1}e}" if tiny else f"{value:,.{min(decimals, 6)}f}")


def signed(value: float) -> str:
    """A number with its sign and two decimals; what rounds to nothing has no sign."""
    return _minus(f"{value:+.2f}") if abs(value) >= 0.005 else "0.00"


def size(n_bytes: int) -> str:
    """A file size in decimal units."""
    value, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{number(value)} {unit}"


def tick(value: float, step: float) -> str:
    """A value of an axis whose values are `step` apart: as many decimals as the step needs."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return _minus(f"{value:,.{decimals}f}")


def percent(part: float, whole: float) -> str:
    """A share in percent with two significant digits; an en dash of nothing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 0.01:
        return "< 0.01 %"
    return f"{number(round(share, 1 if share >= 10 else 2), 2 if share < 10 else 3)} %"


def _minus(text: str) -> str:
    return text.replace("-", "−")
