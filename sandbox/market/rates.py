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
"""Of those the agency answers by name: one line of thanks. The others are done writing."""

DELAY_MINUTES = {
    "bounce": (0.2, 5),
    "out_of_office": (0.2, 2),
    "complain": (20, 240),
    "mail": (4, 300),
    "next_day": (720, 1600),
}
"""Business minutes from a mail to what they do about it, from and to."""
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
