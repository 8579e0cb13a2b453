"""The day on which every episode takes place, so that what is written in one is always the same."""

from __future__ import annotations

from datetime import date, timedelta

TODAY = "2026-03-16"


def days_ago(days: int) -> str:
    return (date.fromisoformat(TODAY) - timedelta(days)).isoformat()
