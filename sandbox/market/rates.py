"""How the market behaves, in numbers; docs/SANDBOX.md says what each means.

Shares are dealt like cards, not drawn one by one: of a thousand people exactly so many are of each
temper, whatever the seed, and the seed says who.
"""

COMPANIES = 400
OPEN_AT_START = 0.55
"""Share of the companies that the directories list from the first day; the others follow."""
OPENING_DAYS = 60
"""Business days over which the others appear."""

FITTING = 0.8
"""Share of companies of the sample ideal customer: its trades, in Arizona."""
FAR_AWAY = 0.1
"""The same trades elsewhere. The rest is in Arizona and of trades that are excluded."""

TEMPERS = {
    "interested": 0.26,
    "silent": 0.18,
    "question": 0.14,
    "not_interested": 0.12,
    "later": 0.08,
    "referral": 0.06,
    "unsubscribe": 0.06,
    "out_of_office": 0.055,
    "injection": 0.03,
    "bounce": 0.0125,
    "complain": 0.0025,
}
"""What a person does about cold mail. Bounces and complaints stay below where a channel trips (3 %
and two of the last 500), so that a run of bad luck is possible and not the rule."""

ANSWERED_MAIL = {1: 0.75, 2: 0.17, 3: 0.08}
"""Which cold mail a person answers: the first, the second, the third."""

BY_FORM = 0.15
"""Of the interested: write through the agency's web form instead of answering."""
ONE_CLICK = 0.5
"""Of those who unsubscribe: use the header's link. The others say so by mail."""
THANKS = 0.12
"""Of those the agency answers by name and who do not book: one line of thanks."""

BOOKS = {
    "interested": 0.85,
    "out_of_office": 0.85,
    "question": 0.4,
    "later": 0.1,
    "referral": 0.1,
}
"""Share of each temper that books a call when the agency offers one."""
BOOKS_AT_ONCE = 0.75
"""Of those who book: at the first offer. The others wait for the second."""
NAMES_A_TIME = 0.5
"""Of those who book when a mail lists times: answer with one of them instead of using the link."""
BOOKS_AGAIN = 0.7
"""Of those who missed or cancelled a call: book again when they are asked to."""
FIRST_DAYS = 2
"""A call is chosen among so many of the first days that are free."""

CALLS = {"attend": 0.76, "miss": 0.1, "move": 0.08, "cancel": 0.06}
"""What becomes of a call. Who moved it once does not do so again."""
UNFIT = 0.06
"""Of the calls that are held: they say on the phone that it is nothing for them."""
ORDERS = 0.03
"""Of the calls that are held: somebody gives orders to the machine that listens."""

PROPOSALS = {"sign": 0.6, "haggle": 0.18, "look": 0.12, "decline": 0.1}
"""What they do about a proposal. Who only looks is asked again."""
SIGNS_WHEN_ASKED = 0.6
"""Of those who only looked: sign at each follow-up."""
SIGNS_AFTER_HAGGLING = 0.8
"""Of those who asked for a discount: sign what comes then. The others decline."""
CARD_DECLINED = 0.12
"""Of those who pay: the first card is declined, and they come back with another."""

DELAY_MINUTES = {
    "bounce": (0.2, 5),
    "out_of_office": (0.2, 2),
    "complain": (20, 240),
    "mail": (4, 300),
    "next_day": (720, 1600),
    "book": (3, 180),
    "name_time": (4, 180),
    "move": (5, 120),
    "cancel": (5, 120),
    "recording": (2, 20),
    "look": (5, 240),
    "sign": (10, 360),
    "haggle": (10, 300),
    "decline": (20, 400),
    "pay": (30, 300),
}
"""Business minutes from a mail, or the end of a call, to what they do about it, from and to."""
NEXT_DAY = 0.12
"""Share of the answers that are slept over."""

HTML_ONLY = 0.1
BOTTOM_POSTED = 0.15
NO_QUOTE = 0.2
ATTACHMENT = 0.06
OTHER_ADDRESS = 0.05
"""Of the answers by mail: without a text part, below the quote, without one, with a file, from
another address of the same company."""

SITE = {
    "no_structured_data": 0.2,
    "broken_html": 0.12,
    "slow": 0.04,
    "pages_missing": 0.06,
    "robots_disallow": 0.04,
    "down": 0.02,
    "injection": 0.03,
    "hidden_people": 0.3,
}
"""Share of the web sites with this trouble. Of `slow`, `robots_disallow`, `down` and
`pages_missing` a site has at most one. `hidden_people`: the site names only a general address."""
SLOW_SECONDS = 2.0

NEWS_MINUTES = 90
"""Business minutes between two news items."""
NEWS_SHOWN = 25
LISTED_PER_PAGE = 20
IN_DIRECTORY = 0.8
IN_MAP = 0.6
IN_EXPORT = 0.45
