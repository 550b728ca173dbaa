"""What the rules read in a lead's words: phrases by signal, their negations, and signs of spam.

English only. Every pattern is linear in the text: what may repeat is bounded, because a stranger
writes the text.
"""

import re
from collections.abc import Iterator
from itertools import islice

STRAIGHT = str.maketrans({"’": "'", "‘": "'", "‑": "-", "–": "-", "\u00a0": " "})  # noqa: RUF001
"""One character for one, so that a match stands at the same place in the original."""

END = re.compile(r"[.!?]+(?=\s|$)|\n")
WORD = re.compile(r"[^\W\d_]+")
PHONE = re.compile(r"(?<![\d+])\+?\d?[ .-]?\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}(?!\d)")
QUOTE_CHARS = 180
NEAR = r"(?:\w+ ){0,3}"
WORK = (
    r"(?:calls?|leads?|customers?|clients?|patients?|jobs?|business|sales?|money|revenue|time|deals?"
    r"|bookings?|appointments?|hours|opportunit\w+|messages?|inquir\w+|enquir\w+|requests?|track)"
)

PHRASES = {
    "problem": (
        rf"miss(?:ed|ing|es)? {NEAR}{WORK}",
        rf"(?:lose|loses|losing|lost|wast\w+) {NEAR}{WORK}",
        rf"(?:calls?|leads?|messages?|emails?|inquir\w+|enquir\w+) {NEAR}"
        r"(?:missed|lost|unanswered|forgotten|ignored|to voicemail|through the cracks)",
        r"no[- ]?shows?",
        r"(?:too|so|very) slow|slow(?:ly)? (?:to|at|in|repl\w+|respon\w+|follow\w*)",
        r"(?:too|days|hours|always|often|running) late|late (?:repl\w+|pay\w+|invoices|cancel\w+)",
        r"overwhelmed|swamped|drowning|snowed under|bottleneck|headache|frustrat\w+",
        r"too many|too much (?:time|work|admin|paperwork|back and forth)",
        r"(?:can't|cannot|can not|couldn't) (?:keep up|answer|get to|handle|respond|reply|pick up)",
        r"struggl\w+|time[- ]consuming|chasing",
        r"(?<!no )(?<!not a )(?:problem|issue|trouble)s?",
        r"behind on|fall(?:s|ing)? behind",
        rf"wait(?:s|ing)? {NEAR}(?:too long|hours|days|forever)",
        r"forget(?:s|ting)? (?:to|their|about|our)",
        r"(?:never|nobody|no one) (?:ever |is )?(?:call|answer|repl|pick|get|follow|respond)\w*",
        r"after[- ]hours",
        r"by hand|manually|manual (?:data|entry|work|process\w*|follow\w*|scheduling|invoic\w+)",
        r"copy(?:ing)?[- ](?:and[- ])?past\w+|spreadsheets?",
        rf"(?:takes?|spend\w*) {NEAR}(?:too long|hours|days|forever)",
        r"(?:need|want|get|more|bad|negative|ask\w* for) (?:\w+ ){0,2}reviews",
        rf"automat(?:e|ing) {NEAR}(?:our|my|the|this|{WORK})",
        rf"(?:need|want|looking for|help with) {NEAR}"
        r"(?:automation|chatbot|answering|receptionist|booking|reminders?|follow[- ]?ups?)",
    ),
    "price": (
        r"how (?:much|expensive)",
        r"(?<!our )(?:prices?|pricing)",
        r"cost(?:s)?(?! (?:us|me) )",
        r"(?:a|your|free|me|us|rough) quote|quote (?:me|us|for)",
        r"(?:your|what|hourly|monthly) (?:\w+ )?(?:rates?|fees?|charges?|packages?|plans?)",
        r"(?:do|would|will) you charge",
    ),
    "talk": (
        r"(?:call|phone|ring|text) me|(?:please|you|just|to) (?:call|phone|ring|text) us",
        r"give (?:me|us) a (?:call|ring)",
        r"(?:have|schedule|book|set up|arrange|hop on|jump on|get on|do|want|like) a"
        r" (?:\w+ ){0,2}(?:call|demo|meeting|time|chat|appointment|consultation)(?! widget)",
        r"(?:quick|short|brief|discovery|minute) (?:call|chat|meeting)",
        r"demo|walk me through|show (?:me|us) how",
        r"(?:can|could|may|let's|to|shall) (?:we |i )?(?:talk|speak|chat|meet|discuss|connect)",
        r"(?:talk|speak|meet) (?:with|to) (?:you|some|your)\w*",
        r"(?:contact|reach) (?:me|us)|get in touch",
        r"when (?:are you|can you be|would you be) (?:free|available)",
    ),
    "service": (
        r"do you|can you|could you|would you|does it|does your|are you able|how (?:do|does|would)",
        r"work with|integrat\w+|compatible",
        r"help (?:us|me|our|my)",
        r"(?:more|some|further) (?:info|information|details)|(?:learn|know|hear|tell me) more",
        r"interested in (?:your|the|getting|using|having|an?|automat\w+|learning|working)",
        r"we(?:'re| are)? (?:very |also )?interested",
    ),
    "soon": (
        r"asap|a\.s\.a\.p|as soon as possible|urgent(?:ly)?|right away|immediate(?:ly)?",
        r"straight away|right now",
        r"(?<!from you )(?<!back )(?<!talk )(?<!as )(?<!speak )soon(?! as)",
        r"today(?!'s)|tomorrow",
        r"(?:this|next|coming) (?:week|month|quarter)",
        r"by (?:monday|tuesday|wednesday|thursday|friday|next|the end|end of|mid)",
        r"(?:in|by|from|before) (?:early |mid |late )?"
        r"(?:january|february|march|april|may|june|july|august|september|october|november"
        r"|december)(?! last)",
        r"before (?:the |our |this )?(?:busy )?(?:season|summer|winter|spring|fall|christmas"
        r"|holidays|monsoon)",
        r"within (?:the next |a |an |one |two |three |\d{1,2} )+(?:hours?|days?|weeks?|months?)",
        r"ready to (?:start|go|buy|sign|move|begin)|deadline",
    ),
    "budget": (
        r"budget\w*",
        r"\d[\d,.]{0,12} ?(?:usd|dollars|eur|euros?|k|grand|bucks|(?:a|per|each|every) month)",
        r"\d{1,6}\+? (?:[a-z]+ )?(?:calls|leads|jobs|customers|clients|patients|appointments"
        r"|bookings|inquiries|enquiries|invoices|reviews|locations|offices|clinics|trucks|vans"
        r"|crews|chairs|techs|technicians|employees|people|staff|units|properties)",
    ),
    "job_seeker": (
        r"my (?:cv|resume|résumé|portfolio and cv)|(?:cv|resume|résumé) (?:is )?attached",
        r"attached (?:is )?(?:my|the) (?:cv|resume|résumé)",
        r"job (?:openings?|opportunit\w+|application)|vacanc\w+|open positions?",
        r"are you (?:currently )?hiring|internship",
        r"apply(?:ing)? for (?:the |a |an |your )?(?:\w+ )?(?:job|position|role|vacancy)",
        r"(?:i am|i'm|currently|am) (?:\w+ )?looking for (?:a |an )?(?:new |remote )?"
        r"(?:job|work|position|role|employment)",
        r"join your (?:team|company)",
    ),
}

SPAM = (
    r"(?:seo|ppc|smm) (?:services?|packages?|experts?|agency|company|specialists?|audit)",
    r"backlinks?|guest posts?|link[- ]building|domain authority",
    r"rank(?:ing)? (?:your|you|#? ?1|on (?:the )?(?:first|google))|page (?:1|one) of google",
    r"(?:crypto\w*|bitcoin|forex) (?:invest\w*|trad\w*|wallets?|mining|giveaway|opportunit\w+)",
    r"casino|viagra|cialis|loan offers?|lottery|inheritance|investment opportunit\w+",
    r"(?:business|unsecured) (?:loans?|funding)|merchant cash|working capital",
    r"increase (?:your|the) (?:web ?site |organic )?(?:traffic|rankings?|visibility)",
    r"(?:redesign|rebuild|revamp)\w* (?:of )?your (?:\w+ )?(?:web ?)?site|web ?site redesign",
    r"outsourc\w+ (?:company|team|partner|services)|offshore",
    r"dear (?:sir|webmaster|site owner|website owner|business owner)",
    r"(?:email|leads?|contact) (?:lists?|database)s? (?:for|of)",
    r"(?:web|app|software|mobile app) (?:design|development) (?:company|services|agency)",
    r"virtual assistants? (?:services|company|agency)|explainer videos?|white[- ]label",
    r"(?:to )?(?:unsubscribe|opt[- ]out)",
)
"""One of these is enough, unless the sentence asks us for it."""

PITCH = (
    r"we (?:offer|provide|specialize|specialise|help (?:companies|businesses|agencies))",
    r"(?:we are|we're|i am|i'm) (?:a |an |the )?(?:leading|top[- ]rated|award[- ]winning)",
    r"our (?:team of|experts?|expertise|clients include|portfolio|dedicated)",
    r"(?:came across|visited|reviewed|looked at|checked out|found) your (?:web ?site|site|company"
    r"|profile)",
    r"(?:increase|boost|grow|double|skyrocket) your (?:sales|revenue|leads|business|conversions?)",
    r"affordable|competitive (?:prices?|rates?)|(?:special|limited)[- ](?:time )?offer",
    r"free (?:audit|proposal|mock-?up|samples?|analysis|report)",
    r"(?:if|are) you(?:'re| are)? interested|let me know if|kindly|revert",
    r"partner(?:ship)?|collaborat\w+|hope (?:this|you)(?: \w+){0,2} (?:finds|are|is)",
    r"your (?:web ?site|site|business) (?:could|needs|is not|isn't|has|looks)",
)
"""Pitches are full of these; a lead has one or two."""

ASKS_US = re.compile(
    r"\b(?:do|can|could|would|will) you\b"
    r"|\b(?:we|i)(?:'re| are| am|'m)? (?:need|want|look\w*)\b",
    re.I,
)
NEGATED = re.compile(
    r"\b(?:no|not|never|without|don't|doesn't|didn't|isn't|aren't|wasn't|nor) "
    r"(?!(?:sure|know|only|just|idea|clear|understand|see|find|more|longer|to)\b)(?:\w+ ){0,2}$",
    re.I,
)
NEGATABLE = frozenset({"price", "talk", "soon", "budget", "job_seeker", "spam"})


def _compiled(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})(?!\w)", re.I)


COMPILED = {name: _compiled(phrases) for name, phrases in PHRASES.items()} | {
    "question": re.compile(r"\?(?=[\s\"'”)\]?!]|$)"),
}
MONEY = re.compile(r"[$€£] ?\d(?:[\d.,]*\d)?")
SPAM_SIGNS = _compiled(SPAM)
PITCH_SIGNS = [_compiled((phrase,)) for phrase in PITCH]
PITCHES_ENOUGH = 3
SPAM_SEEN = 20

COMMON = frozenset(
    (
        *("a", "an", "and", "are", "at", "by", "can", "do", "for", "have", "i", "if", "in", "is"),
        *("it", "me", "my", "of", "on", "or", "our", "that", "the", "this", "to", "us", "was"),
        *("we", "what", "when", "with", "would", "you", "your"),
    )
)
COMMON_SHARE = 0.1


def find(signal: str, text: str) -> re.Match[str] | None:
    """Return where a signal first shows in `text`, unless it is denied there."""
    plain = text.translate(STRAIGHT)
    if signal == "budget" and (money := MONEY.search(plain)):
        return money
    return next(_said(signal, COMPILED[signal], plain), None)


def _said(signal: str, pattern: re.Pattern[str], plain: str) -> Iterator[re.Match[str]]:
    for match in pattern.finditer(plain):
        before = plain[max(0, match.start() - 60) : match.start()]
        if signal not in NEGATABLE or not NEGATED.search(before):
            yield match


def find_spam(text: str) -> re.Match[str] | None:
    """Return where `text` shows itself as spam or a sales pitch."""
    plain = text.translate(STRAIGHT)
    for loud in islice(_said("spam", SPAM_SIGNS, plain), SPAM_SEEN):
        if not ASKS_US.search(sentence(plain, loud.start())):
            return loud
    pitches = [match for sign in PITCH_SIGNS if (match := sign.search(plain))]
    if len(pitches) >= PITCHES_ENOUGH and not COMPILED["price"].search(plain):
        return min(pitches, key=lambda match: match.start())
    return None


def sentence(text: str, at: int) -> str:
    """Return the sentence of `text` at a position, at most QUOTE_CHARS of it around there."""
    start, end = 0, len(text)
    for mark in END.finditer(text):
        if mark.end() > at:
            end = mark.end()
            break
        start = mark.end()
    if end - start > QUOTE_CHARS:
        start = max(start, at - QUOTE_CHARS // 2)
        end = min(end, start + QUOTE_CHARS)
    return text[start:end].strip()


def is_english(text: str) -> bool:
    """Whether enough of the words are such as every English text is full of."""
    words = [word.casefold() for word in WORD.findall(text)]
    return sum(word in COMMON for word in words) >= COMMON_SHARE * len(words)
