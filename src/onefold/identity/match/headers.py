"""What a column's header says about its role, in the languages that exports are written in.

The first rule that fits decides, so the narrow ones stand before the wide ones.
"""

import re

from onefold.identity.match import clean, languages

ROLES = (
    "given", "middle", "surname", "name", "company", "dob", "email", "phone", "id", "domain",
    "address", "house", "city", "postcode", "state", "country", "gender", "occupation", "text",
    "year", "month", "day", "ignore",
)  # fmt: skip

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\W]+")

_RULES = tuple(
    (role, re.compile(pattern))
    for role, pattern in (
        # what an identifier is of, not the identifier: PASSPORT_COUNTRY, tax id type
        ("ignore", r"\b(type|status|category)$|(passport|licen[cs]e|\btax|\bid) (country|state)$"),
        (
            "email",
            (r"\be ?-?mail|\bmail\b|correo|courriel|dian zi you jian|pochta"),
        ),
        (
            "ignore",
            (
                r"(creat|updat|modif|insert|import|load|signup|sign up"
                r"|regist(ered|ration)) ?(at|on|date|time)"
                r"|timestamp|\b(time|date) ?(created|added)"
            ),
        ),
        (
            "dob",
            (
                r"\bdob\b|birth ?da(te|y)|date (of )?birth|d ?o ?b\b|\bborn\b|geburtsdatum"
                r"|geb ?dat|naissance|nacimiento|nascita|nascimento|geboorte ?datum|date naiss"
                r"|chu sheng ri|data (narod|ro[zd])|rozhden|urodzen|fodsels|fodelse|syntyma"
            ),
        ),
        (
            "id",
            (
                r"\bssn\b|soc(ial)? ?sec|sozialvers|\bnino\b|\bnin\b|national (id|ins)"
                r"|nation\w* number|passport|licen[cs]e|\btax\b|\bvat\b|\btin\b|\bein\b|\bduns\b"
                r"|\blei\b|\bsire[nt]\b|\babn\b|\bacn\b|\bcrn\b|\bcif\b|\bnif\b|\bcpf\b|\bcnpj\b"
                r"|\bisin\b|\bcik\b|\bkvk\b|ust ?id|steuer ?(id|nr|num)|handelsreg"
                r"|regist\w* ?(no|nr|num|id|code)\b|company ?(no|nr|num|reg|number)"
                r"|reg ?(no|nr|num)|\biban\b|\bbic\b|\bnhs\b|medicare|patient (id|no|num)"
                r"|member (id|no|num)|loyalty|external id|personal ?(id|num|code)|identity"
                r"|id ?card|document (no|num)|\bcurp\b|\brfc\b|\buen\b|aadhaar|\bpan\b|fiscal"
                r"|codice|\borg ?nr|national id"
            ),
        ),
        (
            "phone",
            (
                r"phone|\btel\b|telef|teleph|mobile?\b|\bcell|\bhandy|\bfax\b|movil|whatsapp"
                r"|dian hua|\bmsisdn\b"
            ),
        ),
        (
            "name",
            (r"(first|fore|given)\w* ?(name )?(and|und|et|y|plus) ?(sur|last|family)"),
        ),
        (
            "given",
            (
                r"first ?(name|nm)|given|fore ?name|\bvorname|prenom|\bfname\b|voornaam"
                r"|nombre de pila|primeiro nome|name first|\bimya\b|\bimie\b|fornavn|fornamn"
                r"|etunimi|^first$|^ming$|\bgname\b|^[fg]n(ame)?( ?c?1)?$"
            ),
        ),
        (
            "middle",
            (r"middle|second name|otchestvo|patronym|name middle"),
        ),
        (
            "surname",
            (
                r"last ?(name|nm)|surname|family ?name|\blname\b|nachname|familienname|apellido"
                r"|cognome|sobrenome|achternaam|familiya|nazwisko|etternavn|efternamn|sukunimi"
                r"|nom de famille|name last|^last$|^xing$|^family$|\bsname\b|^[sl]n(ame)?( ?c?1)?$"
            ),
        ),
        (
            "domain",
            (r"domain|web ?(site|page)|homepage|\burl\b|\bwww\b|^web$|^site$|sitio"),
        ),
        (
            "postcode",
            (
                r"post ?(al)? ?code|\bzip|\bplz\b|postleitz|codigo postal|code postal|\bcep\b"
                r"|\bcap\b|^cp$|pin ?code|postal|postnummer|postnr|post ?index|indeks|you bian"
            ),
        ),
        (
            "gender",
            (r"gender|\bsex\b|geschlecht|\bsexe\b|\bsexo\b|xing bie|^pol$"),
        ),
        (
            "occupation",
            (
                r"occupation|profession|\bjob|\bberuf|\brole\b|position|titel|job title"
                r"|designation|industry|branche|sector|specialty"
            ),
        ),
        (
            "ignore",
            (
                r"^(record |data |row )?(type|source|status|category)$|data ?source|^title$"
                r"|^anrede$|salutation|^prefix$"
            ),
        ),
        (
            "company",
            (
                r"company|organi[sz]ation|employer|\bfirm|business|account ?name|legal ?name"
                r"|vendor|supplier|entreprise|empresa|azienda|societe|sociedad|ragione sociale"
                r"|razon social|institution|corporat|\borg\b|name org|bedrijf|unternehmen"
                r"|foretag|virksomhed|gong si|kompan|organizac|merchant|restaurant|brand"
                r"|trading ?(as|name)|\bdba\b|client name|affiliation"
            ),
        ),
        (
            "house",
            (
                r"(street|house|building|addr\w*) ?(no|nr|num|number)\b|hausn|huisnummer"
                r"|^num(ber)?$"
            ),
        ),
        (
            "city",
            (
                r"\bcity|\btown|suburb|locality|municipal|birth ?place|place of birth|\bplace\b"
                r"|^ort$|wohnort|geburtsort|stadt|\bville\b|ciudad|\bcitta\b|cidade|plaats"
                r"|gemeente|gorod|miasto|\bcommune|comune|cheng shi|^location$|\bby$|kaupunki"
                r"|\bvillage"
            ),
        ),
        (
            "country",
            (r"country|nation|\bland$|\bpays\b|\bpais\b|paese|\bkraj\b|strana|guo jia"),
        ),
        (
            "state",
            (
                r"\bstate\b|province|provinc|region|county|bundesland|departement|estado|oblast"
                r"|district|prefecture|^sheng$"
            ),
        ),
        (
            "address",
            (
                r"addr|street|strasse|direccion|\bcalle\b|indirizzo|enderec|\bvia\b|\brue\b"
                r"|\badres|ulica|ulitsa|\broad\b|dizhi|di zhi|\bline ?\d"
            ),
        ),
        (
            "name",
            (
                r"^name$|full ?name|\bname\b|\bnaam\b|\bnavn\b|\bnamn\b|\bnimi\b|nombre|\bnome\b"
                r"|\bnom\b|contact|\bperson\b|customer$|\bfio\b|xing ming|imya|^title$|author"
                r"|^client$|^patient$|^voter"
            ),
        ),
        (
            "ignore",
            (
                r"cluster|\blabel|\bclass\b|\bentity\b|ground ?truth|\btruth\b|\bmatch"
                r"|\bdup(e|l)?|\bids?\b|\buu?id\b|\bkey\b|\bindex\b|\brow\b|\bref\b|\bnotes?\b"
                r"|comment|amount|price|\bdate\b|\btime\b|\bscore\b|\bage\b|\bcount\b|revenue"
                r"|turnover|latitude|longitude|\blat\b|\bl(on|ng)\b|\bgroup\b|^source"
            ),
        ),
    )
)


# Parts of a birth date in columns of their own; what the values are decides as well (columns.py).
BIRTH_PARTS = {
    "year": re.compile(
        r"^(b ?y(ear)?|yob|dob ?y(ear)?|year|.*birth ?year|geburtsjahr|jahr|annee|rok( urodz.*)?"
        r"|(year|annee|ano|anno) .*(birth|naiss|nasc|nac).*)$"
    ),
    "month": re.compile(
        r"^(b ?m(onth)?|mob|dob ?m(onth)?|month|.*birth ?month|month .*birth|geburtsmonat|monat"
        r"|mois.*|mese.*|mes)$"
    ),
    "day": re.compile(
        r"^(b ?d(ay)?|dob ?d(ay)?|day|.*birth ?day|day .*birth|geburtstag|tag|jour.*|giorno.*|dia)$"
    ),
}


def normal(header: str) -> str:
    """Words of a header: `firstName`, `FIRST_NAME` and `First name` alike."""
    return clean.latin(" ".join(part for part in _WORDS.split(header.strip()) if part))


_WORDED = {
    normal(header): role
    for role, headers in languages.HEADERS.items()
    for header in headers.split("|")
}


def role(header: str) -> str | None:
    """The role that a header names, or None."""
    words = normal(header)
    if words in _WORDED:
        return _WORDED[words]
    for name, pattern in _RULES:
        if pattern.search(words):
            return name
    return None
