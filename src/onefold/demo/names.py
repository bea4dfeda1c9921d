"""Names for an invented company's customers, in many scripts, each with its Latin spelling.

All domains end in `.test`, which no mail server and no browser will ever resolve.
"""

from typing import NamedTuple

Name = tuple[str, str]


class Region(NamedTuple):
    """Where people are from: how they are named, what time it is, when they rest.

    `offset_h` from UTC, daylight saving left aside; `weekend` as datetime.weekday() (Monday is 0);
    `share` of accounts; `family_first`: how the full name is written.
    """

    country: str
    locale: str
    zone: str
    offset_h: float
    share: float
    given: tuple[Name, ...]
    family: tuple[Name, ...]
    weekend: tuple[int, int] = (5, 6)
    family_first: bool = False


def _latin(text: str) -> tuple[Name, ...]:
    """`Ada Zoë=Zoe`: names and, where it differs, their Latin spelling."""
    return tuple((n, a or n) for n, _, a in (word.partition("=") for word in text.split()))


_US = _latin(
    "James Mary Robert Jennifer Michael Linda David Elizabeth William Susan Joseph Jessica Thomas "
    "Karen Daniel Nancy Anthony Margaret Mark Sandra Steven Ashley Andrew Emily Joshua Kimberly "
    "Kevin Michelle Brian Amanda George Melissa Ryan Stephanie Jacob Laura Eric Olivia Maya Priya"
)
_US_FAMILY = _latin(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez "
    "Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Clark "
    "Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams "
    "O’Brien=OBrien O’Neill=ONeill Baker Campbell Mitchell Carter Roberts Chen Patel Kim"
)

REGIONS: tuple[Region, ...] = (
    Region("US", "en-US", "America/New_York", -5, 0.20, _US, _US_FAMILY),
    Region("US", "en-US", "America/Los_Angeles", -8, 0.12, _US, _US_FAMILY),
    Region(
        "GB", "en-GB", "Europe/London", 0, 0.11,
        _latin("Oliver Amelia Harry Isla Jack Ava Charlie Freya Alfie Poppy Rhys Siân=Sian Callum"),
        _latin("Evans Hughes Clarke Wood Shaw Murphy Khan Begum Fraser MacLeod Davies Hart Pugh"),
    ),
    Region(
        "DE", "de-DE", "Europe/Berlin", 1, 0.11,
        _latin("Jürgen=Juergen Anna Lukas Lena Björn=Bjoern Käthe=Kaethe Jonas Mia Felix Uwe"),
        _latin("Müller=Mueller Schröder=Schroeder Weiß=Weiss Köhler=Koehler Becker Groß=Gross"),
    ),
    Region(
        "FR", "fr-FR", "Europe/Paris", 1, 0.08,
        _latin("Élodie=Elodie François=Francois Zoé=Zoe Théo=Theo Camille Inès=Ines Noël=Noel"),
        _latin("Lefèvre=Lefevre Bénard=Benard Dubois Moreau Girard Garçon=Garcon Núñez=Nunez"),
    ),
    Region(
        "SE", "sv-SE", "Europe/Stockholm", 1, 0.04,
        _latin("Åsa=Asa Örjan=Orjan Märta=Marta Lars Ingrid Göran=Goran Astrid Björn=Bjorn Elin"),
        _latin("Ångström=Angstrom Lindqvist Sjöberg=Sjoberg Åkesson=Akesson Berg Öhman=Ohman"),
    ),
    Region(
        "PL", "pl-PL", "Europe/Warsaw", 1, 0.04,
        _latin("Łukasz=Lukasz Małgorzata=Malgorzata Paweł=Pawel Zofia Jakub Świętosław=Swietoslaw"),
        _latin("Wójcik=Wojcik Kowalczyk Zając=Zajac Dąbrowski=Dabrowski Wiśniewska=Wisniewska Lis"),
    ),
    Region(
        "GR", "el-GR", "Europe/Athens", 2, 0.03,
        (("Γιώργος", "Giorgos"), ("Ελένη", "Eleni"), ("Νίκος", "Nikos"), ("Μαρία", "Maria")),
        (
            ("Παπαδόπουλος", "Papadopoulos"), ("Οικονόμου", "Oikonomou"),
            ("Νικολαΐδης", "Nikolaidis"),
        ),
    ),
    Region(
        "UA", "uk-UA", "Europe/Kyiv", 2, 0.03,
        (
            ("Олександр", "Oleksandr"), ("Наталія", "Nataliia"), ("Їрина", "Yiryna"),
            ("Ганна", "Hanna"),
        ),
        (("Шевченко", "Shevchenko"), ("Ковальчук", "Kovalchuk"), ("Бондаренко", "Bondarenko")),
    ),
    Region(
        "TR", "tr-TR", "Europe/Istanbul", 3, 0.02,
        _latin("İpek=Ipek Işıl=Isil Çağlar=Caglar Ömer=Omer Ayşe=Ayse Gökçe=Gokce"),
        _latin("Yıldız=Yildiz Şahin=Sahin Öztürk=Ozturk Çelik=Celik Aydın=Aydin"),
    ),
    Region(
        "IL", "he-IL", "Asia/Jerusalem", 2, 0.02,
        (("נועה", "Noa"), ("יונתן", "Yonatan"), ("תמר", "Tamar"), ("איתי", "Itai")),
        (("כהן", "Cohen"), ("לוי", "Levi"), ("מזרחי", "Mizrahi")),
        weekend=(4, 5),
    ),
    Region(
        "AE", "ar-AE", "Asia/Dubai", 4, 0.02,
        (("فاطمة", "Fatima"), ("محمد", "Mohammed"), ("ليلى", "Layla"), ("خالد", "Khalid")),
        (("الهاشمي", "Alhashimi"), ("حداد", "Haddad"), ("السويدي", "Alsuwaidi")),
    ),
    Region(
        "IN", "hi-IN", "Asia/Kolkata", 5.5, 0.06,
        (
            ("प्रिया", "Priya"), ("अर्जुन", "Arjun"), ("Ananya", "Ananya"), ("Rohan", "Rohan"),
            ("கவிதா", "Kavitha"),
        ),
        (("शर्मा", "Sharma"), ("Iyer", "Iyer"), ("पटेल", "Patel"), ("Krishnan", "Krishnan")),
    ),
    Region(
        "TH", "th-TH", "Asia/Bangkok", 7, 0.01,
        (("สมชาย", "Somchai"), ("มาลี", "Malee"), ("ณัฐ", "Nat")),
        (("ศรีสุข", "Srisuk"), ("วงศ์ไทย", "Wongthai")),
    ),
    Region(
        "CN", "zh-CN", "Asia/Shanghai", 8, 0.03,
        (("伟", "Wei"), ("静", "Jing"), ("磊", "Lei"), ("秀英", "Xiuying"), ("子涵", "Zihan")),
        (("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("欧阳", "Ouyang")),
        family_first=True,
    ),
    Region(
        "JP", "ja-JP", "Asia/Tokyo", 9, 0.04,
        (
            ("さくら", "Sakura"), ("健太", "Kenta"), ("葵", "Aoi"), ("ハルカ", "Haruka"),
            ("翔", "Sho"),
        ),
        (("佐藤", "Sato"), ("髙橋", "Takahashi"), ("渡邉", "Watanabe"), ("小林", "Kobayashi")),
        family_first=True,
    ),
    Region(
        "KR", "ko-KR", "Asia/Seoul", 9, 0.02,
        (("민준", "Minjun"), ("서연", "Seoyeon"), ("지우", "Jiwoo")),
        (("김", "Kim"), ("이", "Lee"), ("박", "Park")),
        family_first=True,
    ),
    Region(
        "BR", "pt-BR", "America/Sao_Paulo", -3, 0.02,
        _latin("João=Joao Conceição=Conceicao Lívia=Livia André=Andre Thaís=Thais Caio"),
        _latin("Gonçalves=Goncalves Araújo=Araujo Assunção=Assuncao Souza Magalhães=Magalhaes"),
    ),
)  # fmt: skip

_FIRST_WORDS = (
    "Alder Amber Anchor Arbor Basalt Beacon Birch Bluewater Bridge Canyon Cedar Cinder Clover "
    "Cobalt Compass Copper Coral Crane Delta Drift Ember Fable Falcon Fern Flint Garnet Glacier "
    "Granite Harbor Hazel Heron Hollow Indigo Iris Ivory Juniper Keel Kestrel Lantern Larch Linden "
    "Lumen Maple Marble Meridian Mesa Mosaic North Nova Oak Onyx Orchard Osprey Pebble Pine "
    "Prairie Quarry Raven Ridge River Rowan Saffron Sage Sierra Silver Slate Sparrow Spruce Summit "
    "Tidal Timber Topaz Umber Valley Verde Violet Walnut Willow Wren Zephyr"
)
FIRST_WORDS = tuple(_FIRST_WORDS.split())
SECOND_WORDS: tuple[tuple[str, str], ...] = (
    ("Logistics", "logistics"), ("Freight", "logistics"), ("Foods", "retail"), ("Market", "retail"),
    ("Robotics", "manufacturing"), ("Works", "manufacturing"), ("Energy", "energy"),
    ("Solar", "energy"), ("Health", "healthcare"), ("Clinics", "healthcare"), ("Bank", "finance"),
    ("Capital", "finance"), ("Insurance", "finance"), ("Media", "media"), ("Studios", "media"),
    ("Software", "software"), ("Systems", "software"), ("Labs", "software"), ("Travel", "travel"),
    ("Academy", "education"),
)  # fmt: skip
NATIVE_COMPANIES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "JP": (
        ("株式会社あかつき", "akatsuki", "manufacturing"),
        ("ドット製作所", "dot-works", "manufacturing"),
    ),
    "CN": (("北辰物流", "beichen-logistics", "logistics"),),
    "KR": (("한빛소프트웨어", "hanbit-software", "software"),),
    "GR": (("Ζέφυρος Ναυτιλιακή", "zefyros-shipping", "logistics"),),
    "UA": (("Дніпро Агро", "dnipro-agro", "retail"),),
    "IL": (("אורן אנרגיה", "oren-energy", "energy"),),
    "AE": (("النخيل للتأمين", "nakheel-insurance", "finance"),),
    "DE": (("Bäckerei Grünwald & Söhne", "baeckerei-gruenwald", "retail"),),
    "FR": (("L’Étoile Médias", "letoile-medias", "media"),),
    "TH": (("ช้างเผือกทราเวล", "changphueak-travel", "travel"),),
    "IN": (("सूर्य ऊर्जा", "surya-urja", "energy"),),
}
TITLES = {
    "power": (
        "Head of Analytics", "Data Analyst", "BI Manager", "Operations Manager", "RevOps Lead",
        "Finance Controller", "Reporting Lead",
    ),
    "regular": (
        "Product Manager", "Marketing Manager", "Account Manager", "Supply Planner", "Team Lead",
        "Controller", "Customer Success Manager",
    ),
    "light": ("CEO", "CFO", "VP Sales", "Assistant", "Consultant", "Store Manager", "Director"),
}  # fmt: skip
REPS: tuple[tuple[str, str], ...] = (
    ("Ines Calloway", "ines.calloway"), ("Tomasz Brandt", "tomasz.brandt"),
    ("Priya Raman", "priya.raman"), ("Malik Osei", "malik.osei"), ("Hanna Lind", "hanna.lind"),
    ("Diego Fuentes", "diego.fuentes"),
)  # fmt: skip
VENDOR, VENDOR_DOMAIN = "Plotline", "plotline.test"
