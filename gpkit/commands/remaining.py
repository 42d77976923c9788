"""How long a command still takes, as far as its events tell."""

import time
from collections.abc import Callable

from gpkit.results import Event

_SHOWN_FROM = 5.0


class Remaining:
    """Seconds left: by the candidates or rows that are done, else by what the plan expected.

    A plan's seconds are nominal ones: beyond them nothing is said.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now = now
        self._began = now()
        self._expected: float | None = None
        self._done, self._total = 0, 0

    def seen(self, event: Event) -> None:
        """Take note of an event."""
        if event.stage == "plan":
            self._began, self._expected = self._now(), event.value
            self._done = self._total = 0
        elif event.stage in ("candidate", "rows") and event.total:
            self._done, self._total = event.step, event.total

    def seconds(self) -> float | None:
        """Expected seconds to the end, None where nothing is known."""
        spent = self._now() - self._began
        if self._done:
            return max(0.0, spent / self._done * (self._total - self._done))
        if self._expected is None or spent > self._expected:
            return None
        return self._expected - spent

    def text(self) -> str:
        """The rest in words, such as ``, about 3 min left``; empty where it is short or unknown."""
        left = self.seconds()
        if left is None or left < _SHOWN_FROM:
            return ""
        if left < 90:
            return f", about {left:.0f} s left"
        if left < 5400:
            return f", about {left / 60:.0f} min left"
        return f", about {left / 3600:.1f} h left"
