"""What companies, people and places are called, and how trades speak of themselves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class City:
    name: str
    region: str
    region_code: str
    country: str
    area_codes: tuple[str, ...]
    postcode: str
    lat: float
    lon: float

    @property
    def in_arizona(self) -> bool:
        return self.region_code == "AZ"

    @property
    def zone(self) -> str:
        return ZONES[self.region_code]


ZONES = {
    "AZ": "America/Phoenix",
    "OR": "America/Los_Angeles",
    "OH": "America/New_York",
    "FL": "America/New_York",
    "NY": "America/New_York",
    "ID": "America/Boise",
}


def _arizona(name: str, area: str, postcode: str, lat: float, lon: float) -> City:
    return City(name, "Arizona", "AZ", "US", (area,), postcode, lat, lon)


# As often as they should come: no area code has more than a hundred fictional numbers.
ARIZONA = (
    *(_arizona("Tucson", "520", "85701", 32.222, -110.975),) * 4,
    _arizona("Casa Grande", "520", "85122", 32.879, -111.757),
    *(_arizona("Phoenix", "602", "85004", 33.448, -112.074),) * 5,
    *(_arizona("Mesa", "480", "85201", 33.415, -111.831),) * 2,
    _arizona("Chandler", "480", "85225", 33.306, -111.841),
    _arizona("Scottsdale", "480", "85251", 33.494, -111.926),
    _arizona("Tempe", "480", "85281", 33.425, -111.940),
    *(_arizona("Glendale", "623", "85301", 33.538, -112.186),) * 3,
    _arizona("Goodyear", "623", "85338", 33.435, -112.358),
    *(_arizona("Flagstaff", "928", "86001", 35.198, -111.651),) * 2,
    _arizona("Prescott", "928", "86301", 34.540, -112.468),
    _arizona("Yuma", "928", "85364", 32.692, -114.627),
)
ELSEWHERE = (
    City("Portland", "Oregon", "OR", "US", ("503",), "97205", 45.515, -122.678),
    City("Columbus", "Ohio", "OH", "US", ("614",), "43215", 39.961, -82.999),
    City("Tampa", "Florida", "FL", "US", ("813",), "33602", 27.951, -82.457),
    City("Albany", "New York", "NY", "US", ("518",), "12207", 42.652, -73.756),
    City("Boise", "Idaho", "ID", "US", ("208",), "83702", 43.615, -116.202),
)


@dataclass(frozen=True)
class Trade:
    """A trade; `slug` is its directory page, `tag` what a map calls it, `schema` schema.org."""

    slug: str
    label: str
    names: tuple[str, ...]
    services: tuple[str, ...]
    schema: str
    tag: tuple[str, str]
    customer: str = "customer"
    job: str = "job"
    fits: bool = True


TRADES = (
    Trade(
        "plumbing", "Plumbing", ("Plumbing", "Plumbers", "Drain & Sewer", "Plumbing Co"),
        ("Leak repair", "Drain cleaning", "Water heaters", "Repiping", "Sewer inspection"),
        "Plumber", ("craft", "plumber"),
    ),
    Trade(
        "hvac", "HVAC", ("Heating & Air", "HVAC", "Air Conditioning", "Cooling & Heating"),
        ("AC repair", "Furnace installation", "Duct cleaning", "Seasonal tune-ups", "Heat pumps"),
        "HVACBusiness", ("craft", "hvac"),
    ),
    Trade(
        "roofing", "Roofing", ("Roofing", "Roof Repair", "Roofing & Gutters", "Roofers"),
        ("Roof repair", "Tile roofs", "Flat roof coating", "Storm damage", "Roof inspections"),
        "RoofingContractor", ("craft", "roofer"),
    ),
    Trade(
        "electrical", "Electrical", ("Electric", "Electrical", "Electricians", "Electrical Works"),
        ("Panel upgrades", "EV chargers", "Rewiring", "Lighting", "Emergency electrical repair"),
        "Electrician", ("craft", "electrician"),
    ),
    Trade(
        "dental", "Dental", ("Dental", "Family Dentistry", "Dental Care", "Smiles Dental"),
        ("Check-ups and cleaning", "Crowns", "Implants", "Teeth whitening", "Emergency dentist"),
        "Dentist", ("amenity", "dentist"), customer="patient", job="appointment",
    ),
    Trade(
        "home-services", "Home services",
        ("Home Services", "Pest Control", "Garage Doors", "Handyman", "House Cleaning"),
        ("Repairs around the house", "Yearly plans", "Same-day visits", "Inspections"),
        "HomeAndConstructionBusiness", ("craft", "handyman"),
    ),
)  # fmt: skip
OTHER_TRADES = (
    Trade(
        "marketing-agencies", "Marketing agency", ("Marketing Agency", "Growth Marketing Agency"),
        ("Paid ads", "Search marketing", "Brand strategy"),
        "ProfessionalService", ("office", "advertising_agency"), customer="client", job="campaign",
        fits=False,
    ),
    Trade(
        "recruiters", "Recruiter", ("Recruiters", "Staffing & Recruiters"),
        ("Executive search", "Temporary staff", "Payroll"),
        "EmploymentAgency", ("office", "employment_agency"), customer="client", job="placement",
        fits=False,
    ),
    Trade(
        "crypto", "Crypto", ("Crypto Exchange", "Crypto Advisors"),
        ("Wallet set-up", "Token research"),
        "FinancialService", ("office", "financial"), customer="investor", job="trade", fits=False,
    ),
)  # fmt: skip

FIRST = (
    *("Harborline", "Saguaro", "Copper Ridge", "Mesquite", "Red Mesa", "Sunward", "Ocotillo"),
    *("Canyon", "Palo Verde", "Desert Star", "Ironwood", "Blue Agave", "Sonoran", "Cactus Wren"),
    *("Old Pueblo", "Three Rivers", "Kestrel", "Juniper", "Superstition", "Sandstone", "Monsoon"),
    *("Quail Run", "Catalina", "Rincon", "Bisbee", "Thunderbird", "Camelback", "Verde Valley"),
    *("Roadrunner", "Gila", "Lone Butte", "Painted Hills", "High Mesa", "Silver Spur", "Zenith"),
    *("Pioneer", "Granite", "Sunrise", "Coyote", "Hacienda", "Turquoise", "Painted Rock", "Ridge"),
    *("Kofa", "Sabino", "Picacho", "Salt River", "Whetstone", "Dragoon", "Chaparral", "Estrella"),
)
GIVEN = (
    *("Dana", "Pat", "Maria", "Luis", "Karen", "Tom", "Elena", "Marcus", "Priya", "Hector"),
    *("Grace", "Owen", "Sofia", "Ben", "Rosa", "Nadia", "Carl", "Ines", "Jorge", "Megan"),
    *("Ray", "Tessa", "Victor", "Yolanda", "Aaron", "Bianca", "Derek", "Faye", "Gus", "Hannah"),
    *("Ivan", "June", "Kyle", "Lena", "Mateo", "Nora", "Oscar", "Paula", "Quinn", "Ruth"),
)
FAMILY = (
    *("Reyes", "Alvarez", "Brooks", "Castillo", "Dunn", "Espinoza", "Foster", "Garza", "Hale"),
    *("Ibarra", "Jensen", "Keller", "Lopez", "Mercer", "Nguyen", "Ortega", "Pruitt", "Quintero"),
    *("Ramos", "Sloan", "Tapia", "Underwood", "Vega", "Whitaker", "Yazzie", "Zamora", "Begay"),
    *("Carver", "Delgado", "Ellison", "Fuentes", "Grady", "Holt", "Irwin", "Joyner", "Knox"),
    *("Larkin", "Montoya", "Nez", "Oakes", "Pacheco", "Rourke", "Salas", "Tso", "Velasco"),
)
STREETS = (
    *("Mill Street", "Speedway Boulevard", "Camino Seco", "Main Street", "Broadway Road"),
    *("Ocotillo Avenue", "Indian School Road", "Grant Road", "Baseline Road", "Center Street"),
    *("Palm Lane", "Sunset Drive", "Railroad Avenue", "First Avenue", "Cortez Street"),
)
ROLES = ("Owner", "Office Manager", "Operations Manager", "General Manager")
LOCAL_PARTS = ("info", "office", "hello", "contact", "service")
