"""Names of administrators, as cards and roots have them: no two that read alike, nothing that cannot be seen.

Rules: letters of the Latin script in their one form (NFC, and no compatibility characters), digits, single
blanks, hyphens, apostrophes and dots; a letter or digit first, no blank last. Another script has letters that
look the same. This module knows no keys.
"""

from __future__ import annotations

import unicodedata
from typing import Final

NAME_CHARS: Final = 64
"""Characters of a name: it is read aloud, and stands in a line."""
_MARKS: Final = frozenset(" -'.")
_DIGITS: Final = frozenset("0123456789")


def is_name(text: str) -> bool:
    """Whether `text` is the name of an administrator."""
    if not 1 <= len(text) <= NAME_CHARS or unicodedata.normalize("NFKC", text) != text:
        return False
    if text[0] in _MARKS or text[-1] == " " or "  " in text:
        return False
    return all(one in _MARKS or one in _DIGITS or _is_latin(one) for one in text)


def as_read(name: str) -> str:
    """The same for names that differ in the case of their letters or in how they are composed."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())


def _is_latin(one: str) -> bool:
    return unicodedata.category(one) in ("Lu", "Ll") and unicodedata.name(one, "").startswith("LATIN ")
