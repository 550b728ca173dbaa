"""The page somebody pays on. It says that no money moves, and which cards it takes."""

import html
from collections.abc import Mapping

from sandbox.checkout.till import Thing, Till
from sandbox.market.sites import HTML, Answer

STYLE = """
:root { color-scheme: light dark; --ink: #1c1b1a; --soft: #6b6864; --sheet: #fff; --line: #e4e1dc;
  --ground: #f7f5f2; --act: #2f5bd7; --on: #fff; --bad: #b3261e;
  --note: #fff4d6; --on-note: #5c4400 }
@media (prefers-color-scheme: dark) { :root { --ink: #ece9e4; --soft: #a29e98; --sheet: #211f1d;
  --line: #3a3734; --ground: #171614; --act: #8aa8ff; --on: #10131c; --bad: #ff9d94;
  --note: #3d3214; --on-note: #f2dfa8 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
.note { margin: 0; padding: 10px 16px; background: var(--note); color: var(--on-note);
  text-align: center; font-size: 14px; font-weight: 600 }
main { max-width: 440px; margin: 40px auto; padding: 28px; background: var(--sheet);
  border: 1px solid var(--line); border-radius: 10px }
@media (max-width: 480px) { main { margin: 0; border: 0; border-radius: 0; min-height: 100vh } }
h1 { margin: 0; font-size: 16px; font-weight: 500; color: var(--soft) }
.total { margin: 2px 0 16px; font-size: 34px; font-weight: 650; font-variant-numeric: tabular-nums }
dl { margin: 0 0 24px; border-block: 1px solid var(--line) }
dl div { display: flex; justify-content: space-between; gap: 16px; padding: 10px 0 }
dt { overflow-wrap: anywhere }
dd { margin: 0; white-space: nowrap; font-variant-numeric: tabular-nums }
label { display: block; margin-bottom: 4px; font-weight: 600 }
input { width: 100%; padding: 11px 12px; font: inherit; font-variant-numeric: tabular-nums;
  color: inherit; background: var(--ground); border: 1px solid var(--soft); border-radius: 7px }
button { width: 100%; margin: 16px 0 12px; padding: 12px; font: inherit; font-weight: 650;
  border: 0; border-radius: 7px; background: var(--act); color: var(--on); cursor: pointer }
:focus-visible { outline: 2px solid var(--act); outline-offset: 2px }
a { color: var(--act) } .back { text-align: center; display: block }
.bad { margin: 0 0 12px; color: var(--bad); font-weight: 600 }
.cards { margin: 20px 0 0; padding: 14px 0 0; border-top: 1px solid var(--line);
  list-style: none; color: var(--soft); font-size: 14px }
code { font: inherit; color: var(--ink); font-variant-numeric: tabular-nums; white-space: nowrap }
"""

CARDS = (
    ("4242 4242 4242 4242", "is paid"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has too little money"),
)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def respond(till: Till, number: str, method: str, fields: Mapping[str, str]) -> Answer:
    """Show the page of a session, or try a card on it. Raises Refused when there is none."""
    if method not in {"GET", "HEAD", "POST"}:
        return Answer(405, HTML, b"", HEADERS | {"Allow": "GET, HEAD, POST"})
    card, problem = fields.get("card", ""), ""
    if method == "POST":
        problem = till.pay(number, card).problem
    session = till.session(number)
    if session["status"] == "complete":
        to = session["success_url"].replace("{CHECKOUT_SESSION_ID}", number)
        return Answer(303, HTML, b"", HEADERS | {"Location": to})
    if session["status"] != "open":
        return gone(session["cancel_url"])
    return _page(_form(session, card[:40], problem), 422 if problem else 200)


def gone(back: str = "") -> Answer:
    """Say that nothing can be paid here any more."""
    link = f'<p><a href="{html.escape(back)}">Go back</a></p>' if back else ""
    return _page(f"<h1>This page has run out</h1><p>Nothing was paid.</p>{link}", 404)


def _form(session: Thing, card: str, problem: str) -> str:
    total = money(session["amount_total"], session["currency"])
    lines = "".join(
        f"<div><dt>{html.escape(line['name'])}{_times(line['quantity'])}</dt>"
        f"<dd>{money(line['amount'] * line['quantity'], session['currency'])}</dd></div>"
        for line in session["lines"]
    )
    who = html.escape(session["customer_email"] or "")
    said = f'<p class="bad" id="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
    described = "problem cards" if problem else "cards"
    cards = "<li>Test cards</li>" + "".join(
        f"<li><code>{number}</code> {what}</li>" for number, what in CARDS
    )
    return f"""
<h1>{f"Payment by {who}" if who else "Payment"}</h1>
<p class="total">{total}</p>
<dl>{lines}</dl>
<form method="post">
{said}
<label for="card">Card number</label>
<input id="card" name="card" value="{html.escape(card or CARDS[0][0])}" inputmode="numeric"
  autocomplete="off" required aria-describedby="{described}">
<button name="do" value="pay">Pay {total}</button>
</form>
<a class="back" href="{html.escape(session["cancel_url"])}">Back without paying</a>
<ul class="cards" id="cards">{cards}</ul>"""


def _times(quantity: int) -> str:
    return f" × {quantity}" if quantity > 1 else ""


def money(cents: int, currency: str) -> str:
    """Return an amount as its payer reads it."""
    amount = f"{cents / 100:,.2f}"
    return f"${amount}" if currency == "usd" else f"{amount} {currency.upper()}"


def _page(content: str, status: int = 200) -> Answer:
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Sandbox checkout</title>
<style>{STYLE}</style>
</head>
<body>
<p class="note">Sandbox checkout: no money moves</p>
<main>{content}</main>
</body>
</html>
"""
    return Answer(status, HTML, text.encode(), HEADERS)
