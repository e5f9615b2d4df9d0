"""Take personal data out of text before anything is embedded, shown or trained on.

By rules and lists; every find becomes a placeholder such as [EMAIL]. Text without a digit and without an @ can only
hold names, so most text pays for one short scan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from retrieval.names import FIRST_NAMES, NOT_NAMES
from retrieval.settings import Settings

PLACEHOLDER = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|ADDRESS|ORDER|ACCOUNT|NAME)\]")

_DIGIT = re.compile(r"[0-9]")
_ORDER_WORDS = (
    "order", "booking", "reserv", "confirm", "record", "parcel", "shipment", "track", "ref", "case", "ticket",
    "invoice", "订单", "运单", "快递", "物流",
)  # fmt: skip
_ACCOUNT_WORDS = (
    "account", "customer", "client", "member", "loyalty", "flyer", "policy", "passport", "card",
    "账户", "账号", "帐号", "会员", "客户", "身份证",
)  # fmt: skip
_ADDRESS_WORDS = ("sorry", "apolog", "thank", "welcome", "pleasure", "anytime", "frustration", "inconvenience")
_INTRODUCTION_WORDS = ("name", "i am called", "speaking with", "spoke", "mr", "ms", "miss", "dr")
# Customers write to the one thread that reads for all: every repetition that is tried from each place has a bound
# (64 before the @ is RFC 5321's), and none can share its text out in two ways.
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"'，。；：、（）]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_EMAIL_SPELLED = re.compile(
    r"\b[\w.+-]{1,64} ?[\[(] ?at ?[\])] ?[\w-]+(?: ?[\[(] ?dot ?[\])] ?|\.)[a-z]{2,}(?:\.[a-z]{2,})?\b", re.IGNORECASE
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.ASCII | re.IGNORECASE)
_CARD = re.compile(r"(?<![\w+])\d(?:[ .-]?\d){12,18}(?!\w)", re.ASCII)
_PHONE = re.compile(
    r"(?<![\w.,€$£#-])(?:\+|00)?(?:\(\d{1,5}\)|\d)(?:[ ./()-]{0,2}\d){6,14}(?![\w€$£%]|[.,]\d)", re.ASCII
)
_NO_PHONE = re.compile(
    r"""(?:19|20)\d\d[-/. ]{1,3}\d{1,2}[-/. ]{1,3}\d{1,2}   # 2026-11-22
      | \d{1,2}[-/. ]{1,3}\d{1,2}[-/. ]{1,3}(?:19|20)?\d\d  # 22.11.2026
      | (?:19|20)\d\d ?[-/] ?(?:19|20)\d\d                  # 2025-2026
      | \d{1,2}\.\d\d ?- ?\d{1,2}\.\d\d                     # 08.00-17.00
      | \d{1,3}(?:[. ]\d{3})+                               # 1.000.000
    """,
    re.VERBOSE,
)
_LONG_NUMBER = re.compile(r"(?<![\w.,€$£])\d{7,}(?![\w%€$£]|[.,]\d)", re.ASCII)
_CODE = re.compile(r"\b(?=[A-Z0-9]*[A-Z])(?=(?:[A-Z]*\d){3})[A-Z0-9]{8,35}\b", re.ASCII)

_NUMBER_WORD = r"(?:\s*(?:number|no\b\.?|nr\b\.?|num\b\.?|code|id|ref\b\.?|reference|locator|号码?|编号|单号))?"
_IS = r"(?:\s*(?:is|was|:|：|#|是|为|=))*\s*"
_DIGITS_SAID = r"#?(?=[A-Z0-9-]*\d)[A-Z0-9][A-Z0-9-]{3,24}\b"
_ORDER_SAID = re.compile(
    rf"((?:\b(?:order|booking|reservation|confirmation|record|parcel|shipment|tracking|reference|case|ticket|invoice)|"
    rf"订单|运单|快递|物流)s?{_NUMBER_WORD}{_IS}){_DIGITS_SAID}",
    re.ASCII | re.IGNORECASE,
)
_LOCATOR_SAID = re.compile(
    r"(?i:(\b(?:confirmation|booking|reservation|record locator|reference|ref)(?: (?:number|code|no|nr|id|ref))?"
    r"(?:\s*(?:is|:|#))*\s*))[A-Z]{5,7}\b",
    re.ASCII,
)
_HASH_NUMBER = re.compile(r"#\d{4,}\b", re.ASCII)
_ACCOUNT_SAID = re.compile(
    rf"((?:\b(?:account|customer|client|member|membership|loyalty|frequent flyer|flyer|policy|passport|card)|"
    rf"账户|账号|帐号|会员|客户|身份证){_NUMBER_WORD}{_IS}){_DIGITS_SAID}",
    re.ASCII | re.IGNORECASE,
)

_WORD = r"[A-ZÀ-ÖØ-Þ][\w'’.-]*"
_CITY = (
    rf"(?:,? (?:[A-Z]{{1,2}}-)?\d{{3,5}}(?: \d{{2}}|[ ]?[A-Z]{{2}})? {_WORD}"
    rf"(?: (?:am|im|an der|aan den|{_WORD})){{0,3}})?"
)
_COUNTRY = rf"(?:, {_WORD}(?: {_WORD}){{0,2}}(?: [A-Z0-9]{{2,4}} ?[A-Z0-9]{{3,4}})?){{0,2}}"
_STREET_EN = re.compile(
    rf"\b\d{{1,5}}[A-Za-z]?,? (?:{_WORD} ){{1,4}}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Square|"
    rf"Terrace|Place|Way|Close|Crescent|Boulevard|Blvd|Gardens|Mews|Parade|Row|Walk|Highway|Hwy|Parkway|Pkwy|Quay)\b\.?{_COUNTRY}"
)
_STREET_JOINED = re.compile(
    rf"\b[A-ZÀ-ÖØ-Þ][\w.-]{{0,60}}(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|damm|ufer|straat|laan|plein|kade|gracht|"
    rf"dreef|singel|poort|gatan|vägen|gade|vej|veien|gata)"
    rf"(?: \d{{1,4}}(?:[ -]?[a-zA-Z]\b|-[a-z0-9]+\b)?(?: hs)?){_CITY}{_COUNTRY}"
)
_STREET_APART = re.compile(
    rf"\b(?:(?:[A-ZÀ-ÖØ-Þ][\w.-]+ )(?:Straße|Strasse|Weg|Platz|Allee|Ring|Laan|Straat) \d{{1,4}}[a-z]?\b"
    rf"|\d{{1,4}}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|impasse|chemin|quai|allée) (?:\w+['’ ]){{0,4}}"
    rf"{_WORD}(?: {_WORD}){{0,3}}"
    rf"|(?:Via|Viale|Piazza|Calle|Avenida|Plaza|Rua|Carrer) (?:\w+ ){{0,2}}{_WORD},? \d{{1,4}}\b){_CITY}{_COUNTRY}"
)
_STREET_WORDS = (
    "straße", "strasse", "str.", "gasse", "weg", "platz", "allee", "damm", "ufer", "straat", "laan", "plein", "kade",
    "gracht", "dreef", "singel", "poort", "gatan", "vägen", "gade", "vej", "veien", "gata", "ring", "rue ", "avenue ",
    "boulevard ", "place ", "impasse ", "chemin ", "quai ", "via ", "viale ", "piazza ", "calle ", "avenida ", "plaza ",
    "rua ", "carrer ",
)  # fmt: skip
_ONE_ADDRESS = re.compile(r"\[ADDRESS\](?:,? \[ADDRESS\])+")
_PO_BOX = re.compile(r"\b(?:P\.? ?O\.? ?Box|Postfach|Postbus) \d+\b", re.IGNORECASE)
_UK_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b", re.ASCII)
_NL_POSTCODE = re.compile(r"\b[1-9]\d{3} ?(?!AM\b|PM\b|EU\b)[A-Z]{2}\b(?= [A-Z]|,|\.|$)", re.ASCII)
_STREET_ZH = re.compile(
    r"(?:[\u4e00-\u9fff](?:(?![省市区县镇])[\u4e00-\u9fff]){1,8}[省市区县镇]){0,5}[\u4e00-\u9fff]{1,8}"
    r"(?:路|街|道|巷|弄)\d+(?:号|弄)(?:[\u4e00-\u9fff]{0,6}\d+(?:楼|室|单元|栋|号))*"
)

_NAME = r"[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ'’]+(?:-[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+)?"
_GREETED = re.compile(
    r"\b([Hh]i|[Hh]ello|[Hh]ey|HI|[Hh]iya|Dear|[Gg]ood (?:morning|afternoon|evening|day))([,!]? )"
    rf"({_NAME})((?: {_NAME})?)"
)
_ADDRESSED = re.compile(
    r"\b((?i:sorry|apologi[sz]e|thank you|thanks|welcome|pleasure|anytime|frustration|inconvenience)[^.!?,\n]{0,40}, )"
    rf"({_NAME})(?=[.!?,]|$)"
)
_INTRODUCED = re.compile(
    r"\b((?i:my name is|my name's|name is|the name is|i am called|speaking with|spoke (?:to|with)|name:)"
    rf"|Mrs?\.?|Ms\.?|Miss|Dr\.?) ({_NAME}(?: (?:van|de|der|von|den|{_NAME}))*)"
)
_SIGNED = re.compile(
    rf"((?i:regards|thanks|thank you|cheers|sincerely|best|yours|best wishes|greetings)[,!.]? ?[\n–-]* ?|[\n–—-] ?)"
    rf"({_NAME}(?: {_NAME})?)([.!]?\s*)$"
)
_SIGNED_BARE = re.compile(rf"(?<=[.!?…)\U0001F300-\U0001FAFF]) ({_NAME})$")
_CAPITALISED = re.compile(rf"(?<![\w\[]){_NAME}(?: {_NAME}(?![\w\]]))?(?![\w\]])")
_NAME_ZH = re.compile(r"(我叫|姓名[:：]?|收件人[:：]?|收货人[:：]?)([\u4e00-\u9fff]{2,3})(?=[,，。.；;！!\s]|$)")
_SURNAMES_ZH = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
    "廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_TITLED_ZH = re.compile(rf"[{_SURNAMES_ZH}](?=先生|女士|小姐|太太)")


@dataclass(frozen=True)
class Masker:
    """Replaces personal data by placeholders; order and account numbers by this company's patterns too."""

    order: re.Pattern[str]
    account: re.Pattern[str]
    names: frozenset[str] = field(default=FIRST_NAMES)

    @classmethod
    def from_settings(cls, settings: Settings) -> Masker:
        """Return the masker these settings describe. ASCII rules make \\b work next to Chinese."""
        flags = re.ASCII | re.IGNORECASE
        return cls(re.compile(settings.order_pattern, flags), re.compile(settings.account_pattern, flags))

    def mask(self, text: str) -> str:
        """Return the text with e-mail, phone, card, IBAN, address, order and account numbers and names replaced.

        Masking what is masked changes nothing.
        """
        return self._mask_names(self.mask_identifiers(text))

    def mask_identifiers(self, text: str) -> str:
        """Return the text with all of that replaced but names; what a query wants, for articles name people too."""
        if "@" in text:
            text = _EMAIL.sub("[EMAIL]", text)
        digits = len(_DIGIT.findall(text))
        if digits:
            text = self._mask_numbers(text, digits)
        if "at" in text and ("(at" in text or "[at" in text):
            text = _EMAIL_SPELLED.sub("[EMAIL]", text)
        return text

    def _mask_numbers(self, text: str, digits: int) -> str:
        """Each rule runs only where there are digits enough for it: most texts with a digit hold a time or a price."""
        if digits >= 10:
            text = _IBAN.sub(lambda found: "[IBAN]" if is_iban(found[0]) else found[0], text)
        if digits >= 13:
            text = _CARD.sub(lambda found: "[CARD]" if is_card(found[0]) else "[ACCOUNT]", text)
        text = self.account.sub("[ACCOUNT]", self.order.sub("[ORDER]", text))
        lower = text.lower()
        if any(word in lower for word in _ORDER_WORDS):
            text = _ORDER_SAID.sub(r"\1[ORDER]", text)
        if any(word in lower for word in _ACCOUNT_WORDS):
            text = _ACCOUNT_SAID.sub(r"\1[ACCOUNT]", text)
        text = _mask_addresses(text, lower)
        if digits >= 3:
            text = _HASH_NUMBER.sub("[ORDER]", text)
        if digits >= 7:
            text = _PHONE.sub(_phone_or_not, text)
        if digits >= 3:
            text = _CODE.sub("[ORDER]", text)
        return _LONG_NUMBER.sub("[ACCOUNT]", text) if digits >= 7 else text

    def _mask_names(self, text: str) -> str:
        lower = text.lower()
        text = _GREETED.sub(self._greeted, text)
        if "confirmation" in lower or "reference" in lower or "booking" in lower or "locator" in lower:
            text = _LOCATOR_SAID.sub(r"\1[ORDER]", text)
        if ", " in text and any(word in lower for word in _ADDRESS_WORDS):
            text = _ADDRESSED.sub(self._addressed, text)
        if any(word in lower for word in _INTRODUCTION_WORDS):
            text = _INTRODUCED.sub(self._introduced, text)
        text = self._mask_signature(text)
        text = _CAPITALISED.sub(self._listed, text)
        if not text.isascii():
            text = _TITLED_ZH.sub("[NAME]", _NAME_ZH.sub(r"\1[NAME]", text))
        return text

    def _mask_signature(self, text: str) -> str:
        """Mask a name after a closing word; only the end of the text is searched, which is much faster."""
        bare = _SIGNED_BARE.search(text, max(0, len(text) - 30))
        if bare is not None and bare[1].lower() not in NOT_NAMES:
            return f"{text[: bare.start()]} [NAME]"
        signed = _SIGNED.search(text, max(0, len(text) - 60))
        return text[: signed.start()] + self._signed(signed) if signed else text

    def _greeted(self, found: re.Match[str]) -> str:
        if found[3].lower() in NOT_NAMES:
            return found[0]
        second = found[4]
        kept = second if second.strip().lower() in NOT_NAMES else ""
        return f"{found[1]}{found[2]}[NAME]{kept}"

    def _addressed(self, found: re.Match[str]) -> str:
        return found[0] if found[2].lower() in NOT_NAMES else f"{found[1]}[NAME]"

    def _introduced(self, found: re.Match[str]) -> str:
        return found[0] if found[2].split()[0].lower() in NOT_NAMES else f"{found[1]} [NAME]"

    def _signed(self, found: re.Match[str]) -> str:
        words = found[2].lower().split()
        return found[0] if any(word in NOT_NAMES for word in words) else f"{found[1]}[NAME]{found[3]}"

    def _listed(self, found: re.Match[str]) -> str:
        """Mask a listed first name, and the surname after it; a possessive keeps its s."""
        first, _, second = found[0].partition(" ")
        bare, apostrophe = _without_possessive(first)
        if bare.lower() in self.names:
            if apostrophe:
                return f"[NAME]{apostrophe} {second}".rstrip()
            return "[NAME]" if second.lower() not in NOT_NAMES else f"[NAME] {second}"
        bare, apostrophe = _without_possessive(second)
        return f"{first} [NAME]{apostrophe}" if bare.lower() in self.names else found[0]


def is_card(text: str) -> bool:
    """Return whether the 13 to 19 digits in text pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    digits = [int(letter) for letter in text if letter.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (2 * digit - 9 if digit > 4 else 2 * digit for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Return whether text passes the IBAN check: moved and spelt as a number, it leaves 1 modulo 97 (ISO 13616)."""
    bare = text.replace(" ", "").upper()
    if not 15 <= len(bare) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in bare[4:] + bare[:4])) % 97 == 1


def _phone_or_not(found: re.Match[str]) -> str:
    text = found[0]
    digits = sum(letter.isdigit() for letter in text)
    if _NO_PHONE.fullmatch(text):
        return text
    international = text.startswith(("+", "00"))
    separated = any(letter in " ./()-" for letter in text)
    if international or (digits >= 7 and (separated or text.startswith("0"))) or re.fullmatch(r"1[3-9]\d{9}", text):
        return "[PHONE]"
    return text


def _mask_addresses(text: str, lower: str) -> str:
    text = _STREET_EN.sub("[ADDRESS]", _UK_POSTCODE.sub("[ADDRESS]", text))
    if any(word in lower for word in _STREET_WORDS):
        text = _STREET_APART.sub("[ADDRESS]", _STREET_JOINED.sub("[ADDRESS]", text))
    if "box" in lower or "post" in lower:
        text = _PO_BOX.sub("[ADDRESS]", text)
    text = _ONE_ADDRESS.sub("[ADDRESS]", _NL_POSTCODE.sub("[ADDRESS]", text))
    return text if text.isascii() else _STREET_ZH.sub("[ADDRESS]", text)


def _without_possessive(word: str) -> tuple[str, str]:
    if "'" not in word and "’" not in word:
        return word, ""
    for ending in ("'s", "’s", "'", "’"):
        if word.endswith(ending):
            return word[: -len(ending)], ending
    return word, ""
