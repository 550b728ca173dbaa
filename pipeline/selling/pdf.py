"""A signed proposal as a PDF: the same bytes for the same signature, its hash printed inside.

Its fonts know the letters of Western Europe; what they cannot show is written plainer, and the
exact text, with every letter, is in the file as an attachment.
"""

import datetime as dt
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.models import Signature
from pipeline.selling import documents

if TYPE_CHECKING:
    from fpdf import FPDF

FONT = "helvetica"
SOFT = (95, 99, 110)
INK = (28, 30, 36)
STROKES = str.maketrans("ŁłĐđĦħŦŧı", "LlDdHhTti")
"""Letters that no decomposition takes their stroke from."""


def make(signature: Signature) -> bytes:
    """Return the PDF of what was signed and by whom."""
    from fpdf import FPDF  # which costs time to import

    document, proposal = signature.proposal.document, signature.proposal
    pdf = FPDF(format="A4")
    pdf.core_fonts_encoding = "windows-1252"
    pdf.set_creation_date(signature.signed_at)
    pdf.set_title(plain(document["title"]))
    pdf.set_author(plain(document["from"]["name"]))
    mark = documents.MARK.format(pk=proposal.pk, sha256=proposal.document_sha256)
    pdf.set_subject(mark)
    pdf.set_auto_page_break(True, margin=22)
    pdf.set_margins(22, 22, 22)
    page = _Page(pdf)
    pdf.add_page()
    page.heading(document["title"], 19)
    page.soft(f"Proposal, version {document['version']}")
    _parties(page, document)
    page.section("What this is about", [document["summary"]])
    page.section(f"What you get: {document['package']}", document["scope"], bullets=True)
    _price(page, document)
    page.section("Terms", document["terms"], bullets=True)
    _signed(page, signature)
    pdf.embed_file(
        bytes=documents.canonical(document),
        basename="proposal.json",
        desc="The signed text, exactly, as it was hashed",
        creation_date=signature.signed_at,
        modification_date=signature.signed_at,
    )
    return bytes(pdf.output())


def plain(text: str) -> str:
    """Return the text in letters the PDF's fonts have."""
    found = []
    for char in text.translate(STROKES):
        try:
            char.encode("cp1252")
            found.append(char)
        except UnicodeEncodeError:
            base = unicodedata.normalize("NFKD", char).encode("cp1252", "ignore").decode("cp1252")
            found.append(base or "?")
    return "".join(found)


class _Page:
    """The few kinds of line the document has."""

    def __init__(self, pdf: "FPDF") -> None:
        self.pdf = pdf

    def line(self, text: str, size: float = 10.5, *, bold: bool = False) -> None:
        """Write a paragraph over the whole width."""
        self.pdf.set_font(FONT, style="B" if bold else "", size=size)
        self.pdf.multi_cell(0, size * 0.52, plain(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def heading(self, text: str, size: float) -> None:
        """Write a heading."""
        self.line(text, size, bold=True)
        self.pdf.ln(1.5)

    def soft(self, text: str) -> None:
        """Write what matters less."""
        self.pdf.set_text_color(*SOFT)
        self.line(text, 9)
        self.pdf.set_text_color(*INK)

    def section(self, title: str, lines: list[str], *, bullets: bool = False) -> None:
        """Write a title and its lines."""
        self.pdf.ln(4)
        self.heading(title, 12)
        for text in lines:
            self.line(f"• {text}" if bullets else text)
            self.pdf.ln(0.8)

    def row(self, name: str, value: str, *, bold: bool = False) -> None:
        """Write a name, and its value at the right."""
        self.pdf.set_font(FONT, style="B" if bold else "", size=10.5)
        self.pdf.cell(110, 6.5, plain(name), border="B")
        self.pdf.cell(0, 6.5, plain(value), border="B", align="R", new_x="LMARGIN", new_y="NEXT")


def _parties(page: _Page, document: dict[str, Any]) -> None:
    ours, theirs = document["from"], document["to"]
    page.section("Between", [])
    page.line(f"{ours['name']}, {ours['address']}, by {ours['by']} <{ours['email']}>")
    who = ", ".join(part for part in (theirs["by"], theirs["email"]) if part)
    page.line(f"and {theirs['name']}" + (f" ({who})" if who else ""))


def _price(page: _Page, document: dict[str, Any]) -> None:
    price = document["price"]
    page.section("Price", [])
    page.row("Setup, once", dollars(price["setup"]))
    page.row("Each month", dollars(price["monthly"]))
    if Decimal(price["discount_percent"]):
        page.soft(
            f"List price: {dollars(price['list_setup'])} setup,"
            f" {dollars(price['list_monthly'])} a month."
        )
    page.row(
        "Due on signing: setup and the first month", dollars(price["due_on_signing"]), bold=True
    )
    page.soft(f"In US dollars. Runs for {document['term_months']} months.")


def _signed(page: _Page, signature: Signature) -> None:
    page.section("Signature", [f"“{signature.consent}”"])
    page.row("Signed by", signature.name, bold=True)
    page.row("E-mail", signature.email)
    page.row("At", f"{clock_words(signature.signed_at)} UTC")
    page.row("From the address", str(signature.address))
    page.pdf.ln(3)
    page.soft(f"Program: {signature.user_agent or 'not said'}")
    page.soft("SHA-256 of the document that was signed, as canonical JSON (attached):")
    page.pdf.set_font("courier", size=9)
    page.pdf.multi_cell(0, 5, signature.document_sha256, new_x="LMARGIN", new_y="NEXT")
    page.soft("A copy of this file is kept. Whether yours is the same can be checked with us.")


def dollars(amount: str) -> str:
    """Return an amount of a document as people write it."""
    return f"${Decimal(amount):,.2f}"


def clock_words(moment: dt.datetime) -> str:
    """Return a moment to the second, UTC."""
    return moment.astimezone(dt.UTC).strftime("%d %B %Y, %H:%M:%S")
