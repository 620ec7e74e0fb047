"""What errors say in Vietnamese, by code."""

SENTENCES: dict[str, str] = {}
