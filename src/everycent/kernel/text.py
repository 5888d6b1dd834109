"""Text that people read: nothing in it is invisible, or turns what stands around it."""

from __future__ import annotations

import re

UNSEEN = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""Characters for a class of a regular expression: controls, what changes the direction of writing (Unicode
UAX 9, 2.1 and 2.2), and halves of characters."""
HAS_UNSEEN = re.compile(f"[{UNSEEN}]")


def is_line(text: str, most: int) -> bool:
    """Whether it is 1 to `most` characters that can be seen, and not all of them blank."""
    return 0 < len(text) <= most and bool(text.strip()) and not HAS_UNSEEN.search(text)
