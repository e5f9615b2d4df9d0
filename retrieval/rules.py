"""Which answers may become a card: rules over masked text, each with a name.

An answer that states an act done, makes a promise or tells one customer's facts is true once and for one person. Said
to the next customer it would be a lie, so it stays an exchange that only agents see.
"""

from __future__ import annotations

import re
from enum import StrEnum

from retrieval.articles import sentences
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


MIN_WORDS = 5

_ACTS = (
    "refunded|cancelled|canceled|sent|resent|re-sent|shipped|dispatched|issued|credited|processed|updated|changed|booked|"
    "rebooked|escalated|forwarded|passed|added|removed|reset|arranged|replaced|applied|submitted|extended|reported|"
    "reserved|moved|corrected|fixed|opened|closed|created|placed|ordered|logged|raised|shared|notified|asked|checked|"
    "looked|found|contacted|called|emailed|e-mailed|messaged|replied|responded|received|registered|put|set|made|taken|"
    "given|done|spoken|transferred|merged|stopped|blocked|activated|deactivated|unlocked|verified|confirmed|noted|held|"
    "waived|charged|withdrawn|redirected|reissued|upgraded|requested|documented|DM'd|dm'd|followed"
)
_ACT_DONE = re.compile(
    rf"\b(?:I|we)(?:'ve|’ve| have| had)(?: (?:just|now|already|also|since|gone ahead and|been))* (?:{_ACTS})\b"
    rf"|\b(?:I|we) (?:just |already |also |now )*(?:{_ACTS})\b"
    rf"|\b(?:has|have|had|was|were|is|are)(?: now| just| already| also| been| being)+ (?:{_ACTS})\b"
    rf"|\byour [\w -]{{1,40}} (?:was|were|is|are) (?:{_ACTS})\b"
    rf"|^(?:All )?(?:done|sorted|refunded|cancelled|canceled|sent)\b"
    r"|已(?:经)?(?:为您|帮您|给您)?[\u4e00-\u9fff]{0,4}(?:退款|取消|发货|寄出|提交|登记|反馈|修改|更改|处理|安排|补发|申请|核实|发送|备注|催)"
    r"|(?:为您|帮您|给您)[\u4e00-\u9fff]{1,6}(?:了|好了|成功)",
    re.IGNORECASE | re.MULTILINE,
)
_PROMISE = re.compile(
    r"\b(?:I|we)(?:'ll|’ll| will| shall| are going to|'re going to|’re going to| am going to|'m going to|’m going to)"
    r"(?! (?:never|not|always need|need)\b)"
    r"|\b(?:I|we) (?:promise|guarantee you|assure you)\b|\blet me (?:check|look|see|find|get|have|ask|take)\b"
    r"|\b(?:someone|somebody|a colleague|my colleague|our team|a member|the team|they|he|she)(?:'ll|’ll| will)\b"
    r"|\byou(?:'ll|’ll| will| should)(?: shortly| soon| then| now)?"
    r" (?:receive|get|hear|have your|be (?:contacted|refunded|notified))\b"
    r"|\b(?:am|'m|’m|are|'re|’re) "
    r"(?:looking into|working on|checking|sending|escalating|arranging|forwarding|issuing)\b"
    r"|\bgive me a (?:moment|minute|second|sec)\b|\bone moment\b|\bbear with (?:me|us)\b"
    r"|(?:我|我们|小编|客服|这边)[\u4e00-\u9fff]{0,4}(?:会|将|马上|立即|帮您|帮你|给您|为您)|(?:会|将)(?:尽快|马上|立即|在)|请?稍等|保证|承诺",
    re.IGNORECASE,
)
_THING = (
    "order|parcel|package|delivery|shipment|booking|reservation|flight|bag|luggage|refund|return|account|ticket|seat|"
    "payment|invoice|card|claim|case|request|subscription|plant|plants|item|items|money|voucher|upgrade|complaint|report"
)
_CUSTOMER_FACTS = re.compile(
    rf"\byour (?:\w+ ){{0,2}}(?:{_THING})s? (?:is|was|has|have|had|were|left|arrived|arrives|got|shows?|went|departs?|"
    rf"should|will|appears|looks|seems|contains|qualifies|does|did|can(?:not|'t|’t))\b"
    r"|\b(?:I|we)(?: can|'ve| have)? (?:see|saw|checked|notice|noticed|show|looked)\b"
    r"(?! (?:you|us) (?:on|at|in|there|again|soon)\b)"
    r"|\b(?:according to|looking at|checking) (?:your|our records|the (?:system|tracking))\b|\bas per your\b"
    r"|\bour records (?:show|indicate)|\bon your (?:account|order|booking|reservation|profile)\b"
    r"|\b(?:yesterday|tomorrow|tonight|this (?:morning|afternoon|evening)|last (?:night|week|month)|hours? ago)\b"
    r"|\b(?:on|by|until|since) (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day )?(?:the )?\d{1,2}(?:st|nd|rd|th)?"
    r" (?:of )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2}(?:st|nd|rd|th)?\b"
    r"|\b(?:flight|fl|gate|seat|row) #?[A-Z]{0,2}\d{1,4}[A-F]?\b|\b[A-Z]{2}\d{3,4}\b|#\w*\d"
    r"|您的(?:订单|包裹|快递|商品|退款|账户|账号)[\u4e00-\u9fff]{0,4}(?:已|是|在|于|显示|正在|还)|(?:查询|查看|核实)到|看到您|今天|明天|昨天",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\s*$|？\s*$|^(?:please|kindly|pls|can you|could you|would you|may i|may we|do you|did you|have you|are you|"
    r"what|which|when|where|who|how|if (?:you'd like|you would like|possible|so|not|you))\b.*"
    r"\b(?:dm|pm|send|share|provide|tell|confirm|let (?:us|me) know|message|"
    r"follow|give|e-?mail|direct|reply|advise|contact|call|visit|include|forward|drop)\b"
    r"|^(?:please )?(?:dm|follow|message|send|share|provide|tell|confirm|let (?:us|me) know|drop)\b"
    r"|^请(?:您)?(?:提供|问|发|说|告)",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"^(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b[^.!?]{0,30}"
    r"|(?:we(?:'re| are|’re)?|i(?:'m| am|’m)?)? ?(?:\w+ ){0,2}(?:sorry|apologi[sz]e|apologies)\b.*"
    r"|(?:many |no )?(?:thanks|thank you|thx)\b.*|you(?:'re| are|’re) (?:very |most )?welcome\b.*"
    r"|(?:no problem|anytime|my pleasure|our pleasure|cheers|great|perfect|wonderful|ok|okay|sure|of course|certainly|"
    r"absolutely|understood|hope)\b.*"
    r"|(?:that|this)(?:'s| is|’s| was)? (?:\w+ ){0,4}"
    r"(?:great|awesome|disappointing|frustrating|good|not good|concerning)\b.*"
    r"|(?:we|i) (?:\w+ )?(?:appreciate|understand|hope|regret|hate|love)\b.*|(?:enjoy|have a)\b.*"
    r"|您好|你好|亲爱的.*|感谢.*|谢谢.*|不客气.*|很抱歉.*|抱歉.*)[.!?,，。！]*$",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b(?:,? (?:there|\[NAME\]|all|again))?"
    r"|(?:thanks|thank you|sorry)(?:,)? \[NAME\]|\[NAME\]|您好|你好|亲)[,.!:，。！～~\s–-]+",
    re.IGNORECASE,
)
_SIGN_OFF = re.compile(
    r"[\s,–-]*(?:(?:kind |best |warm )?(?:regards|wishes|greetings)|cheers|sincerely|thanks|thank you|love)?"
    r"[,!.\s–-]*\[NAME\][.!\s]*$",
    re.IGNORECASE,
)
_VOCATIVE = re.compile(r",? \[NAME\](?=[.!?,])")


def card_text(answer: str) -> str:
    """Return an answer as a card says it: without the greeting, the customer's name and the agent's."""
    text = _VOCATIVE.sub("", _SIGN_OFF.sub("", answer.strip()))
    text = _GREETING.sub("", text)
    text = _GREETING.sub("", text).strip()
    return text[:1].upper() + text[1:]


def why_no_card(text: str, *, whole: bool = True) -> Excluded | None:
    """Return the first rule that keeps this card text from being a card, or None if it may be one."""
    if not whole:
        return Excluded.INCOMPLETE
    if PLACEHOLDER.search(text):
        return Excluded.CUSTOMER_FACTS
    if _ACT_DONE.search(text):
        return Excluded.ACT_DONE
    if _PROMISE.search(text):
        return Excluded.PROMISE
    if _CUSTOMER_FACTS.search(text):
        return Excluded.CUSTOMER_FACTS
    telling = [sentence for sentence in sentences(text) if not _FILLER.match(sentence)]
    if _length(" ".join(telling)) < MIN_WORDS:
        return Excluded.TOO_SHORT
    if all(_ASKS.search(sentence) for sentence in telling):
        return Excluded.ASKS_BACK
    return None


def _length(text: str) -> int:
    return len(text.split()) + len(CJK.findall(text)) // 2
