"""The few words in the pictures, numbers and days among them, in both languages."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from okr_service.kernel.messages import Language

# what it is → English, Vietnamese
_WORDS: dict[str, tuple[str, str]] = {
    "ahead": ("ahead", "vượt tiến độ"),
    "on_track": ("on track", "đúng tiến độ"),
    "behind": ("behind", "chậm tiến độ"),
    "at_risk": ("at risk", "có rủi ro"),
    "off_track": ("off track", "chệch hướng"),
    "unmeasured": ("not measured", "chưa đo"),
    "draft": ("draft", "bản nháp"),
    "closed": ("closed", "đã đóng"),
    "cancelled": ("cancelled", "đã hủy"),
    "progress": ("progress", "tiến độ"),
    "expected": ("expected progress", "tiến độ kế hoạch"),
    "weight": ("weight", "trọng số"),
    "confidence": ("confidence", "mức tự tin"),
    "today": ("today", "hôm nay"),
    "no history": ("no history yet", "chưa có lịch sử"),
    "drawn": ("objectives drawn", "mục tiêu được vẽ"),
    "left out": ("left out", "không vẽ"),
}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def word(name: str, language: Language) -> str:
    """Return what something is called."""
    return _WORDS[name][language == "vi"]


def percent(share: Decimal | None, language: Language) -> str:
    """Write a share of 1 as a percentage with one decimal: 43.1 %, or 43,1 %."""
    if share is None:
        return word("unmeasured", language)
    return _marked(f"{(share * 100).quantize(Decimal('0.1'), ROUND_HALF_UP)} %", language)


def factor(weight: Decimal, language: Language) -> str:
    """Write a weight to two decimals: ×2, ×0.5."""
    rounded = f"{weight.quantize(Decimal('0.01'), ROUND_HALF_UP):f}"
    return _marked("×" + rounded.rstrip("0").rstrip("."), language)


def more(count: int, language: Language) -> str:
    """Say how many more objectives there are."""
    noun = "objective" if count == 1 else "objectives"
    return f"+ {count} mục tiêu nữa" if language == "vi" else f"+ {count} more {noun}"


def month_of(day: date, language: Language) -> str:
    """Name a month: Mar 2026, T3/2026."""
    name = f"T{day.month}/" if language == "vi" else f"{_MONTHS[day.month - 1]} "
    return f"{name}{day.year}"


def day_of(day: date, language: Language) -> str:
    """Name a day within its year: 2 Mar, 02/03."""
    return f"{day:%d/%m}" if language == "vi" else f"{day.day} {_MONTHS[day.month - 1]}"


def full_day(day: date, language: Language) -> str:
    """Name a day: 2 Mar 2026, 02/03/2026."""
    return f"{day_of(day, language)}{'/' if language == 'vi' else ' '}{day.year}"


def _marked(number: str, language: Language) -> str:
    return number.replace(".", ",") if language == "vi" else number
