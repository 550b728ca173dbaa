"""The shell in a real browser: the palette by keyboard, the first run, life without scripts."""

from playwright.sync_api import expect

from agency.models import AgencyProfile
from control.models import Action, KillSwitch
from jobs import endpoints
from tests import workers
from tests.browser.conftest import browser
from tests.factories import make_lead, receive


def draft() -> None:
    """Have a lead answered by the house's own worker."""
    receive(make_lead())
    workers.until(Action.objects.filter(outward=True, status="waiting").exists, "the draft")


def test_everything_is_found_and_done_by_keyboard(house: str) -> None:
    lead = make_lead(name="Zoe Quist")
    # A page that is left gives up what it was fetching, and htmx says so.
    with browser(house, expected="htmx:(afterRequest|sendAbort)") as page:
        page.goto(f"{house}/approvals/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        palette = page.get_by_role("dialog", name="Find anything")
        field = palette.get_by_role("combobox")

        page.keyboard.press("Control+k")
        expect(field).to_be_focused()
        page.keyboard.type("quist")
        expect(palette.get_by_role("option", name="Zoe Quist")).to_have_attribute(
            "aria-selected", "true"
        )
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/leads/{lead.pk}/")

        page.keyboard.press("Control+k")
        expect(palette.get_by_role("option").first).to_have_text("Zoe QuistHarbor Plumbing · new")
        page.keyboard.press("Escape")
        expect(palette).to_be_hidden()

        page.keyboard.press("Control+k")
        page.keyboard.type("stop every")
        page.keyboard.press("Enter")  # before the answer is there
        page.get_by_role("dialog", name="Stop everything?").get_by_label("Why").fill("A drill")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("Everything is stopped")).to_be_visible()
        assert KillSwitch.objects.get().reason == "A drill"

        page.keyboard.press("Control+k")
        page.keyboard.type("dark th")
        expect(palette.get_by_role("option", name="Dark theme")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_message_leaving_is_called_back_from_any_page_by_its_key(house: str) -> None:
    with browser(house) as page:
        AgencyProfile.objects.update(undo_send_seconds=120)
        draft()
        page.goto(f"{house}/approvals/")
        page.get_by_text("Pick a time here").wait_for()
        page.keyboard.press("a")
        workers.until(Action.objects.filter(outward=True, status="approved").exists, "approval")
        page.goto(f"{house}/leads/")
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.keyboard.press("u")
        expect(page.get_by_text("Called back; it waits for you again")).to_be_visible()
        assert Action.objects.get(outward=True).status == Action.Status.WAITING


def test_an_agency_is_set_up_with_chips_and_sees_its_first_draft(house: str) -> None:
    endpoints.ensure("leads", "website")
    with browser(house, width=390) as page:
        AgencyProfile.objects.update(setup_closed_at=None)
        page.goto(f"{house}/start/")
        page.get_by_role("textbox", name="Agency").fill("Harbor Automation")
        page.get_by_label("Sender’s name").fill("Olivia")
        page.get_by_label("Sender’s address").fill("o@harbor.example")
        page.get_by_role("button", name="Save and go on").click()

        page.get_by_label("Postal address").fill("1 Pier, Portland OR 97201")
        page.get_by_label("Your time zone").fill("America/Los_Angeles")
        page.get_by_role("button", name="Save and go on").click()

        page.get_by_role("textbox", name="Industries").fill("plumbing,")
        page.get_by_role("textbox", name="Industries").press_sequentially("hvac")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove hvac")).to_be_visible()
        page.get_by_role("button", name="Save and go on").click()

        page.get_by_text("2 · AI sales").wait_for()
        page.get_by_role("button", name="Finish").click()
        page.get_by_role("button", name="Post a sample lead").click()
        page.wait_for_url("**/approvals/**")
        page.get_by_role("button", name="Approve").wait_for(timeout=20_000)
    assert AgencyProfile.load().icp["industries"] == ["plumbing", "hvac"]


def test_without_scripts_one_reads_and_decides(house: str) -> None:
    draft()
    with browser(house, width=360, scripts=False) as page:
        page.goto(f"{house}/approvals/")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()

        page.get_by_role("button", name="More").click()
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Leads").click()
        page.get_by_role("button", name="Find anything").click()
        page.get_by_role("searchbox", name="Find", exact=True).fill("dana")
        page.get_by_role("button", name="Find", exact=True).click()
        page.get_by_role("main").get_by_role("link", name="Dana Reyes").first.click()
        expect(page.get_by_role("heading", name="Dana Reyes")).to_be_visible()

        page.get_by_role("link", name="Stop everything").click()
        page.get_by_label("Why").fill("A drill")
        page.get_by_role("button", name="Stop everything").click()
        expect(page.get_by_text("Everything is stopped")).to_be_visible()
    assert Action.objects.get(outward=True).status == Action.Status.APPROVED
