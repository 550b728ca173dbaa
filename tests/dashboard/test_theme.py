"""The theme: chosen for a browser, written on the page by the server, on the login page too."""

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def html_tag(client: Client, path: str) -> str:
    page = client.get(path).content.decode()
    return page[page.index("<html") : page.index(">", page.index("<html"))]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_theme_is_on_every_page(theme: str, browser: Client) -> None:
    response = browser.post(reverse("settings-theme"), {"value": theme, "next": "/leads/"})
    assert response["Location"] == "/leads/"
    assert f'data-theme="{theme}"' in html_tag(browser, "/leads/")
    browser.post("/logout/")
    assert f'data-theme="{theme}"' in html_tag(browser, "/login/")


def test_the_systems_theme_is_no_theme(browser: Client) -> None:
    browser.post(reverse("settings-theme"), {"value": "dark"})
    browser.post(reverse("settings-theme"), {"value": "system"})
    assert "data-theme" not in html_tag(browser, "/leads/")


@pytest.mark.parametrize("value", ["", "blue", 'dark" onload="x'])
def test_another_theme_is_refused_in_words(value: str, browser: Client) -> None:
    page = browser.post(reverse("settings-theme"), {"value": value}, follow=True)
    assert "There is a light theme, a dark one" in page.content.decode()
    browser.cookies["theme"] = value.replace('"', "'")
    assert "data-theme" not in html_tag(browser, "/leads/")


def test_it_leads_back_to_this_house_only(browser: Client) -> None:
    data = {"value": "dark", "next": "https://evil.example/"}
    assert browser.post(reverse("settings-theme"), data)["Location"] == "/settings/#browser"


def test_it_is_posted_by_somebody_logged_in(browser: Client) -> None:
    assert browser.get(reverse("settings-theme")).status_code == 405
    assert Client().post(reverse("settings-theme")).status_code == 302
