"""A small browser without scripts: cookies, redirects, links, and forms filled in as they stand.

It goes to the app and to the market's own checkout, and nowhere else.
"""

import http.client
import urllib.request
from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from sandbox.market.post import FORM, Never, NotNow

SECONDS = 15.0
MOST_BYTES = 4 * 1024 * 1024
AGENT = "Mozilla/5.0 (compatible; sandbox-market)"
UNSENT = {"submit", "button", "image", "reset", "file"}
"""Inputs that are sent only when they are pressed, or never."""


class Form:
    """A form of a page, with the values it already has."""

    def __init__(self, page: "Page", node: LexborNode) -> None:
        self.page = page
        self.node = node
        self.action = urljoin(page.url, node.attributes.get("action") or page.url)

    def values(self, name: str) -> list[str]:
        """Return what can be chosen for a name: by button, by radio, in a list, or as it stands."""
        found = [_value(one) for one in self._controls() if one.attributes.get("name") == name]
        for select in self.node.css("select"):
            if select.attributes.get("name") == name:
                found += [_value(option) for option in select.css("option")]
        return [value for value in found if value]

    def filled(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return what is sent when somebody fills in what they know. Raises Never."""
        fields = dict(self._initial())
        names = {one.attributes.get("name") for one in self._controls()}
        fields |= {name: value for name, value in given.items() if name in names}
        for one in self._controls():
            name = one.attributes.get("name") or ""
            if "required" in one.attributes and not fields.get(name):
                raise Never(f"{self.page.path} wants a “{name}” that nobody here has")
        return fields

    def _controls(self) -> Iterator[LexborNode]:
        inner = self.node.css("input, button, select, textarea")
        name = self.node.attributes.get("id")
        outer = self.page.tree.css(f'[form="{name}"]') if name else []
        for node in (*inner, *outer):
            if node.attributes.get("name") and "disabled" not in node.attributes:
                yield node

    def _initial(self) -> Iterator[tuple[str, str]]:
        for node in self._controls():
            name, kind = node.attributes["name"] or "", node.attributes.get("type") or ""
            if node.tag == "select":
                options = node.css("option")
                chosen = [one for one in options if "selected" in one.attributes] or options[:1]
                yield from ((name, _value(one)) for one in chosen)
            elif node.tag == "button" or kind in UNSENT:
                continue
            elif kind not in {"checkbox", "radio"} or "checked" in node.attributes:
                yield name, _value(node)


class Page:
    """What an address answered, after redirects."""

    def __init__(self, url: str, status: int, content_type: str, body: bytes) -> None:
        self.url = url
        self.status = status
        self.content_type = content_type
        self.body = body
        self.tree = LexborHTMLParser(
            body.decode(errors="replace") if "html" in content_type else ""
        )

    @property
    def path(self) -> str:
        """Return the address without its token, for a message."""
        return "/".join(urlsplit(self.url).path.split("/")[:2]) + "/…"

    def forms(self, name: str, value: str = "") -> list[Form]:
        """Return the forms in which something has this name, and this value if one is given."""
        forms = [Form(self, node) for node in self.tree.css("form")]
        return [
            form
            for form in forms
            if (value in form.values(name) if value else bool(form.values(name)))
            or (not value and name in dict(form._initial()))
        ]

    def links(self, part: str) -> list[str]:
        """Return the addresses of links that have `part` in them, each once."""
        found = [node.attributes.get("href") or "" for node in self.tree.css("a[href]")]
        whole = [urldefrag(urljoin(self.url, href)).url for href in found if part in href]
        return list(dict.fromkeys(whole))


class Browser:
    """One visitor: keeps cookies from page to page. `places` are the addresses it may go to."""

    def __init__(self, *places: str) -> None:
        self.places = {_place(place) for place in places if place}
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(CookieJar()),
            _Redirects(self),
        )

    def open(self, url: str) -> Page:
        """Go to an address. Raises NotNow, Never."""
        return self._send(urllib.request.Request(url), url)  # noqa: S310 - checked there

    def submit(self, form: Form, given: Mapping[str, str], **pressed: str) -> Page:
        """Fill in a form and press its button. Raises NotNow, Never."""
        fields = {**form.filled({**given, **pressed}), **pressed}
        place = urlsplit(form.page.url)
        headers = {
            "Content-Type": FORM,
            "Origin": f"{place.scheme}://{place.netloc}",
            "Referer": form.page.url,
        }
        body = urlencode(fields).encode()
        request = urllib.request.Request(form.action, body, headers)  # noqa: S310 - checked there
        return self._send(request, form.action)

    def choose(self, form: Form, given: Mapping[str, str]) -> Page:
        """Fill in a form that asks for another view of the page. Raises NotNow, Never."""
        if (form.node.attributes.get("method") or "get").lower() != "get":
            return self.submit(form, given)
        where = form.action.partition("?")[0]
        return self.open(f"{where}?{urlencode(form.filled(given))}")

    def check(self, url: str) -> None:
        """Raise Never for an address that is neither the app's nor the market's own."""
        if _place(url) not in self.places:
            raise Never(f"{url} is not the app’s")

    def _send(self, request: urllib.request.Request, url: str) -> Page:
        self.check(url)
        request.add_header("User-Agent", AGENT)
        request.add_header("Accept", "text/html,*/*;q=0.8")
        try:
            with self.opener.open(request, timeout=SECONDS) as answer:
                page = _read(answer, answer.status)
        except HTTPError as error:
            with error:
                page = _read(error, error.code)
        except (OSError, http.client.HTTPException) as error:
            raise NotNow(f"{urlsplit(url).netloc} cannot be reached: {error}") from error
        if page.status in {408, 425, 429} or page.status >= 500:
            raise NotNow(f"{page.path} answered {page.status}")
        return page


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        self.browser.check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read(answer: Any, status: int) -> Page:
    return Page(
        answer.geturl(), status, answer.headers.get("Content-Type", ""), answer.read(MOST_BYTES)
    )


def _value(node: LexborNode) -> str:
    if node.tag == "textarea":
        return node.text()
    if node.tag == "option" and "value" not in node.attributes:
        return node.text(strip=True)
    kind = node.attributes.get("type")
    return node.attributes.get("value") or ("on" if kind in {"checkbox", "radio"} else "")


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
