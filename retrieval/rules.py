"""Which answers may become a card: rules over masked text, each with a name.

An answer that states an act done, makes a promise or tells one customer's facts is true once and for one person. Said
to the next customer it would be a lie, so it stays an exchange that only agents see.
"""

from __future__ import annotations

import re
from enum import StrEnum

from retrieval.articles import sentences, word_count
from retrieval.cleaning import CJK
from retrieval.masking import PLACEHOLDER


class Excluded(StrEnum):
    """Why an answer never becomes a card."""

    ACT_DONE = "act_done"
    PROMISE = "promise"
    CUSTOMER_FACTS = "customer_facts"
    ASKS_BACK = "asks_back"
    TOO_SHORT = "too_short"
    INCOMPLETE = "incomplete"


TRUE_ONCE = frozenset({Excluded.ACT_DONE, Excluded.PROMISE, Excluded.CUSTOMER_FACTS, Excluded.INCOMPLETE})
"""Reasons that hold for any part of an answer; the others judge an answer as a whole."""

MIN_WORDS = 5

# All patterns below meet lower-case text with straight apostrophes: twice as fast as ignoring case.
_ACTS = (
    "refunded|cancelled|canceled|sent|resent|re-sent|shipped|dispatched|issued|credited|processed|updated|changed|booked|"
    "rebooked|escalated|forwarded|passed|added|removed|reset|arranged|replaced|applied|submitted|extended|reported|"
    "reserved|moved|corrected|fixed|opened|closed|created|placed|ordered|logged|raised|shared|notified|asked|checked|"
    "looked|found|contacted|called|emailed|e-mailed|messaged|replied|responded|received|registered|put|set|made|taken|"
    "given|done|spoken|transferred|merged|stopped|blocked|activated|deactivated|unlocked|verified|confirmed|noted|held|"
    "waived|charged|started|begun|written|told|withdrawn|redirected|reissued|upgraded|requested|documented|dm'd|followed"
)
_ACT_DONE = re.compile(
    rf"""\b(?:
        (?:i|we)(?:'ve|\ have|\ had)(?:\ (?:just|now|already|also|since|gone\ ahead\ and|been))*\ (?:{_ACTS})
      | (?:i|we)\ (?:just\ |already\ |also\ |now\ )*(?:{_ACTS})
      | (?:has|have|had|was|were|is|are)(?:\ (?:now|just|already|also|been|being))+\ (?:{_ACTS})
      | your\ [\w\ -]{{1,40}}\ (?:was|were|is|are)\ (?:{_ACTS})
    )\b""",
    re.VERBOSE,
)
_ACT_DONE_FIRST = re.compile(rf"(?!(?:set|put) (?:the|a|an|each|every) (?!.*\bfor you\b))(?:all )?(?:sorted|{_ACTS})\b")
_ACT_DONE_ZH = re.compile(
    r"已(?:经)?(?:为您|帮您|给您)?[\u4e00-\u9fff]{0,4}"
    r"(?:退款|取消|发货|寄出|提交|登记|反馈|修改|更改|处理|安排|补发|申请|核实|发送|备注|催)"
    r"|(?:为您|帮您|给您)[\u4e00-\u9fff]{1,6}(?:了|好了|成功)"
)
_PROMISE = re.compile(
    r"""\b(?:
        (?:i|we)(?:'ll|\ will|\ shall|\ are\ going\ to|'re\ going\ to|\ am\ going\ to|'m\ going\ to)
            (?!\ (?:never|not|always\ need|need)\b)
      | (?:i|we)\ (?:promise|guarantee\ you|assure\ you)
      | let\ me\ (?:check|look|see|find|get|have|ask|take)
      | (?:someone|somebody|a\ colleague|my\ colleague|our\ team|a\ member|the\ team|they|he|she)(?:'ll|\ will)
      | you(?:'ll|\ will|\ should)(?:\ shortly|\ soon|\ then|\ now)?\ (?:receive|get|hear|have\ your|be\ (?:contacted|refunded|notified))
      | (?:(?:i|we|they)\ ?(?:am|'m|are|'re)|(?:is|are))\ (?:looking\ into|working\ on|doing|checking|sending|escalating|arranging|forwarding|issuing)
      | give\ me\ a\ (?:moment|minute|second|sec)
      | one\ moment | bear\ with\ (?:me|us)
    )\b""",  # noqa: E501
    re.VERBOSE,
)
_PROMISE_ZH = re.compile(
    r"(?:我|我们|小编|客服|这边)[\u4e00-\u9fff]{0,4}(?:会|将|马上|立即|帮您|帮你|给您|为您)|(?:会|将)(?:尽快|马上|立即|在)|请?稍等|保证|承诺"
)
_THING = (
    "order|parcel|package|delivery|shipment|booking|reservation|flight|bag|luggage|refund|return|account|ticket|seat|"
    "payment|invoice|card|claim|case|request|subscription|plant|item|money|voucher|upgrade|complaint|report"
)
_CUSTOMER_FACTS = re.compile(
    rf"""\b(?:
        your\ (?:\w+\ ){{0,2}}(?:{_THING})s?\ (?:is|was|has|have|had|were|left|arrived|arrives|got|shows?|went|departs?|
            should|will|appears|looks|seems|contains|qualifies|does|did|cannot|can't)
      | (?:i|we)(?:\ can|'ve|\ have)?\ (?:see|saw|checked|notice|noticed|show|looked)\b
            (?!\ (?:you|us)\ (?:on|at|in|there|again|soon)\b)
      | (?:according\ to|looking\ at|checking)\ (?:your|our\ records|the\ (?:system|tracking)) | as\ per\ your
      | our\ records\ (?:show|indicate) | on\ your\ (?:account|order|booking|reservation|profile)
      | yesterday | tomorrow | tonight | this\ (?:morning|afternoon|evening) | last\ (?:night|week|month) | hours?\ ago
    )\b""",
    re.VERBOSE,
)
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DATED = re.compile(
    r"\b(?:on|by|until|since) (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day )?(?:the )?"
    rf"\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}"
    rf"|\b{_MONTH}[a-z]* \d{{1,2}}(?:st|nd|rd|th)?\b"
    r"|\b(?:flight|fl|gate|seat|row) #?[a-z]{0,2}\d{1,4}[a-f]?\b|\b[a-z]{2}\d{3,4}\b|#\w*\d"
)
_CUSTOMER_FACTS_ZH = re.compile(
    r"您的(?:订单|包裹|快递|商品|退款|账户|账号)[\u4e00-\u9fff]{0,4}(?:已|是|在|于|显示|正在|还)|(?:查询|查看|核实)到|看到您|今天|明天|昨天"
)
_ASKS = re.compile(
    r"\?\s*$|？\s*$|^(?:please|kindly|pls|can you|could you|would you|may i|may we|do you|did you|have you|are you|"
    r"what|which|when|where|who|how|if (?:you'd like|you would like|possible|so|not|you))\b.*"
    r"\b(?:dm|pm|send|share|provide|tell|confirm|let (?:us|me) know|message|"
    r"follow|give|e-?mail|direct|reply|advise|contact|call|visit|include|forward|drop)\b"
    r"|^(?:please )?(?:dm|follow|message|send|share|provide|tell|confirm|let (?:us|me) know|drop)\b"
    r"|^请(?:您)?(?:提供|问|发|说|告)",
)
_FILLER = re.compile(
    r"(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b[^.!?]{0,30}"
    r"|(?:we(?:'re| are)?|i(?:'m| am)?)? ?(?:\w+ ){0,2}(?:sorry|apologi[sz]e|apologies)\b.*"
    r"|(?:many |no )?(?:thanks|thank you|thx)\b.*|you(?:'re| are) (?:very |most )?welcome\b.*"
    r"|(?:no problem|anytime|my pleasure|our pleasure|cheers|great|perfect|wonderful|ok|okay|sure|of course|certainly|"
    r"absolutely|understood|hope)\b.*"
    r"|(?:that|this)(?:'s| is| was)? (?:\w+ ){0,4}"
    r"(?:great|awesome|disappointing|frustrating|good|not good|concerning)\b.*"
    r"|(?:we|i) (?:\w+ )?(?:appreciate|understand|hope|regret|hate|love|look forward)\b.*|(?:enjoy|have a)\b.*"
    r"|(?:(?:we|i)(?:'re| are|'m| am)? (?:\w+ )?)?(?:can't wait|looking forward"
    r"|(?:happy|glad|pleased|delighted|thrilled|excited) (?:to (?:hear|see|have|help|assist|know|take a)|that|you))\b.*"
    r"|(?:we|i)(?:'re| are|'m| am) (?:\w+ )?here (?:for|to|if)\b.*|good luck\b.*"
    r"|您好|你好|亲爱的.*|感谢.*|谢谢.*|不客气.*|很抱歉.*|抱歉.*)[.!?,，。！]*$",
)
_GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b(?:,? (?:there|\[NAME\]|all|again))?"
    r"|(?:thanks|thank you|sorry)(?:,)? \[NAME\]|\[NAME\]|您好|你好|亲)[,.!:，。！～~\s–-]+",
    re.IGNORECASE,
)
_SIGN_OFF = re.compile(
    r"[\s,–-]*(?:\b(?:(?:kind |best |warm )?(?:regards|wishes|greetings)|cheers|sincerely|thanks|thank you|love)"
    r"[,!.\s–-]*|[\n–-]\s*|(?<=[.!?…)\U0001F300-\U0001FAFF])\s*)\[NAME\][.!\s]*$",
    re.IGNORECASE,
)
_VOCATIVE = re.compile(r",? \[NAME\](?=[.!?,])")


_LEANS_BACK = re.compile(
    r"\W*(?:\w+ (?:\w+ )?(?:it|its|it's|them|they|they're)\b"
    r"|(?:repeat|do|use|with|after|before|below|above|under|for|in|on|of|to|at|from|by|about|like) "
    r"(?:that|this|these|those)\b"
    r"|(?:it|its|it's|that|that's|this|they|they're|their|them|these|those|he|she|his|her|then|so|and|but|or|also|too|"
    r"otherwise|instead|both|either|neither|which|who|because|afterwards|after that|in that case|besides|only then|"
    r"yours|mine|there|there's|here|yes|no|not|nor|same)\b|[这那它他她但而也还]|然后|所以|另外|不过|否则|之后|如果是这样)"
)


def is_filler(sentence: str) -> bool:
    """True for pleasantries: a greeting, thanks, an apology, a wish."""
    return _FILLER.match(_plain(sentence)) is not None


def leans_back(sentence: str) -> bool:
    """True if a sentence begins with a word that points at what was said before it ("It …", "Then …")."""
    return _LEANS_BACK.match(_plain(sentence)) is not None


def card_text(answer: str) -> str:
    """Return an answer as a card says it: without the greeting, the customer's name and the agent's."""
    text = answer.strip()
    if "[NAME]" in text:
        signed = _SIGN_OFF.search(text, max(0, len(text) - 60))
        text = _VOCATIVE.sub("", text[: signed.start()] if signed else text)
    for _ in range(2):
        greeting = _GREETING.match(text)
        text = text[greeting.end() :] if greeting else text
    text = text.strip()
    return text[:1].upper() + text[1:]


def why_no_card(text: str, *, whole: bool = True) -> Excluded | None:
    """Return the first rule that keeps this card text from being a card, or None if it may be one.

    `whole` says that no part of a split message is missing; a link that was masked is a missing part too.
    """
    if not whole or "[URL]" in text:
        return Excluded.INCOMPLETE
    if "[" in text and PLACEHOLDER.search(text):
        return Excluded.CUSTOMER_FACTS
    lower = _plain(text)
    chinese = not text.isascii() and CJK.search(text) is not None
    if _ACT_DONE.search(lower) or _ACT_DONE_FIRST.match(lower) or (chinese and _ACT_DONE_ZH.search(text)):
        return Excluded.ACT_DONE
    if _PROMISE.search(lower) or (chinese and _PROMISE_ZH.search(text)):
        return Excluded.PROMISE
    if _CUSTOMER_FACTS.search(lower) or _DATED.search(lower) or (chinese and _CUSTOMER_FACTS_ZH.search(text)):
        return Excluded.CUSTOMER_FACTS
    said = [_plain(sentence) for sentence in sentences(text)]
    telling = [sentence for sentence in said if not _FILLER.match(sentence)]
    if word_count(" ".join(telling)) < MIN_WORDS:
        return Excluded.TOO_SHORT
    if all(_ASKS.search(sentence) for sentence in telling):
        return Excluded.ASKS_BACK
    return None


def _plain(text: str) -> str:
    return text.lower().replace("’", "'")
