"""Countries: ISO 3166-1 alpha-2, the 249 officially assigned codes, and nothing else.

Rules: capitals; an unknown code is refused and never coerced. The two codes that people mistake most,
because other systems use them, get a hint: `UK` is GB, `EL` is GR. User-assigned codes such as XK and the
pseudo-countries of address data (AP, EU, ZZ) are refused.
"""

from __future__ import annotations

from typing import Final

from exchange.errors import Invalid

ALL: Final = frozenset(
    (
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
        "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
        "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
        "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
        "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
        "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
        "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
        "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
        "VN VU WF WS YE YT ZA ZM ZW"
    ).split()
)
"""ISO 3166-1 alpha-2, officially assigned."""

MISTAKEN: Final = {"UK": "GB", "EL": "GR"}
"""What other systems write, and what it is here."""


def hint(text: object) -> str | None:
    """What to write instead of `text`, if that is plain; never an opinion on what was meant otherwise."""
    if not isinstance(text, str) or not text.isascii():
        return None
    code = MISTAKEN.get(text.upper(), text.upper())
    return f"use {code}" if code in ALL and code != text else None


def parse_country(text: object, field: str) -> str:
    """`text` if it is an assigned code; raises `Invalid` (`country`) naming `field`."""
    if isinstance(text, str) and text in ALL:
        return text
    raise Invalid("country", f"{field}: not a country code of ISO 3166-1 (alpha-2)", hint=hint(text))
