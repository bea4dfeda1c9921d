"""Words that normal forms need: titles, months, street kinds, diminutives, legal forms."""

_TITLES = """
mr mrs ms miss mx dr prof professor sir dame lady lord rev reverend fr hon herr frau hr fru
monsieur madame mme mlle m.sc sr jr jnr snr ii iii iv phd md esq dipl ing dott dra senor senora
sra don dona dhr mevr mag mgr
"""
TITLES = frozenset(_TITLES.split())

MONTHS = {
    word: number
    for number, spellings in enumerate(
        (
            "jan ene gen", "feb fev fév", "mar mrz mär mae", "apr abr avr", "may mai mag mei",
            "jun jui giu", "jul lug", "aug ago aou", "sep set", "oct okt ott out", "nov",
            "dec dez dic des",
        ),
        1,
    )
    for word in spellings.split()
}  # fmt: skip

STREETS = {
    "st": "street", "str": "street", "strasse": "street", "rd": "road", "ave": "avenue",
    "av": "avenue", "avda": "avenida", "blvd": "boulevard", "bd": "boulevard", "dr": "drive",
    "ln": "lane", "pl": "place", "ct": "court", "crt": "court", "cct": "circuit",
    "cres": "crescent", "cr": "crescent", "hwy": "highway", "pkwy": "parkway", "sq": "square",
    "ter": "terrace", "tce": "terrace", "cl": "close", "gr": "grove", "gdns": "gardens",
    "apt": "apartment", "ste": "suite", "bldg": "building", "fl": "floor", "flr": "floor",
    "n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest",
    "se": "southeast", "sw": "southwest", "first": "1st", "second": "2nd", "third": "3rd",
    "fourth": "4th", "fifth": "5th", "sixth": "6th", "seventh": "7th", "eighth": "8th",
    "ninth": "9th", "tenth": "10th", "mt": "mount", "ft": "fort", "c": "calle", "r": "rue",
    "p.za": "piazza", "pza": "plaza",
}  # fmt: skip

_DIMINUTIVES = """
robert bob bobby rob robbie robb bert|richard rick dick rich ricky dickie|william will bill billy
willie willy wm|thomas tom tommy thos|james jim jimmy jamie jas|john jack johnny jon johnnie jno|
edward ed eddie ted ned teddy edw|francis frank fran frankie|charles charlie chuck chas chaz|
henry harry hank hal|george georgie geo|joseph joe joey jos|michael mike mick mickey mikey|
david dave davy|daniel dan danny|samuel sam sammy saml|benjamin ben benny benj|alexander alex alec
sandy sasha lex xander|andrew andy drew|anthony tony ant|antonio toni|christopher chris kit topher|
frederick fred freddie freddy fredk|albert al bert bertie|alfred alf alfie fred|arthur art artie|
gerald gerry jerry|geoffrey geoff jeff jeffrey|gregory greg|herbert bert herb|hugh hughie|
jonathan jon jonny|kenneth ken kenny|lawrence larry lawrie laurie laurence|leonard len lenny leo|
matthew matt mat|nathaniel nat nathan nate|nicholas nick nicky nic|patrick pat paddy|peter pete|
philip phil phillip pip|raymond ray|ronald ron ronnie|stephen steve steven stevie|stanley stan|
timothy tim timmy|theodore ted theo teddy|vincent vince vinny|walter walt wally|zachary zach zack|
abraham abe|augustus gus|bartholomew bart|bernard bernie|clifford cliff|donald don donnie|
douglas doug|edmund ed ned eddie|eugene gene|ernest ernie|gilbert gil|harold harry hal|
isaac ike|jacob jake|jeremiah jerry|jerome jerry|joshua josh|julian jules|leslie les|martin marty|
maurice mo morrie|maximilian max|mitchell mitch|oliver ollie noll|oscar ozzy|percival percy|
reginald reg reggie|roderick rod|rodney rod|rudolph rudy|russell russ|sidney sid|solomon sol|
sylvester sly|terence terry|victor vic|wilfred wilf|elizabeth liz beth betty eliza lizzie bess
bessie libby lisa betsy elsie|margaret maggie meg peggy marge madge margie greta daisy|
mary molly polly mae marie maria|katherine kate kathy katie kitty catherine cathy kathryn kay cate|
susan sue susie suzanne susanna|ann anne annie nancy nan anna hannah|jane janie jenny janet|
jennifer jen jenny jenn|jessica jess jessie|rebecca becky becca|deborah deb debbie debra|
barbara barb babs|christine chris tina christina chrissie|dorothy dot dolly dottie|
eleanor ellie nell nora ellen nellie|emily em emma millie|florence flo flora|frances fran fanny
frankie|georgina georgie gina|gertrude gertie trudy|helen nell ellen|isabella bella izzy isabel
isabelle|jacqueline jackie|josephine jo josie|judith judy|julia julie jules|laura laurie|
lillian lily lil|louisa lou louise|lucy lucille lucinda|martha marty patty|matilda tilly mattie|
melissa mel missy|nicole nikki nicky|pamela pam|patricia pat patty tricia trish patsy|
penelope penny|philippa pippa|priscilla cilla|prudence prue|rachel rae|rosemary rose rosie|
samantha sam sammie|sandra sandy|sarah sally sadie sara|sophia sophie|stephanie steph|
theresa terry tess tessa teresa|valerie val|veronica ronnie vera|victoria vicky tori vicki|
virginia ginny|winifred winnie|abigail abby gail|agnes aggie nessie|alexandra alex sandra lexi
sandy|amanda mandy|angela angie|beatrice bea trixie|bridget biddy bridie|caroline carol carrie|
charlotte lottie charlie|constance connie|cynthia cindy|darlene darla|magdalena magda lena|
daniella dani daniela|johannes hans jo|friedrich fritz fred|heinrich heinz|wilhelm willi helmut|
josef sepp|francisco paco pancho|jose pepe|ignacio nacho|guadalupe lupe|dolores lola|
enrique kike quique|giuseppe peppe beppe pino|giovanni gianni|luigi gigi|jan janek|
vladimir vova volodya vlad|alexei alyosha alexey aleksei|dmitri dima dmitry dmitriy|mikhail misha|
ivan vanya|nikolai kolya|sergei seryozha sergey|ekaterina katya|anastasia nastya|natalia natasha
nataliya|tatiana tanya|mohammed muhammad mohammad muhammed mohamed mohamad mohd md muhamad|
yusuf yousef youssef|abdullah abdallah|ahmed ahmad|hussein husain hussain|louis luis lewis lou
"""

DIMINUTIVES: dict[str, frozenset[int]] = {}
for _number, _group in enumerate(_DIMINUTIVES.replace("\n", " ").split("|")):
    for _word in _group.split():
        DIMINUTIVES[_word] = DIMINUTIVES.get(_word, frozenset()) | {_number}

_GIVEN = """
adam adrian aisha alan alejandro aleksandr ali alice alina amy ana andre andrea andreas andrei
anja anton antonia arjun asha astrid axel bernhard bianca birgit bjorn boris brian bruno camila
carl carla carlos carmen cecilia charlotte chiara chloe clara claire claudia daniela dario darius
denis diana diego dirk dominik elena elif elias emil emilia emma eric erik esther ethan eva fabian
fatima felix fernando finn florian francesca franz gabriel gabriela giulia grace greta guido
gustav hannah hans harper hasan hugo igor ines ingrid irene irina isabel ivan jan jana javier jens
jonas jorge juan juergen julia karin karl karolina kevin kim klaus lars laura lea lena leon liam
lina linda lisa lorenzo luca lucas lucia luisa luise lukas magnus maja manuel marco marcus
margarita maria marie marina mario markus marta martin martina mateo matteo max maya mehmet mia
miguel mila mohamed monika mustafa nadia nina noah nora olga oliver olivia omar oscar pablo paolo
patricia paul paula pavel pedro per petra pierre piotr priya rafael rahul raj ralf ravi renate
ricardo rita roberto rolf rosa ruth ryan sabine salma sanjay sara sebastian sergio silvia simon
sofia sonja sophie stefan sven svetlana sylvia thierry tim tobias ulrich ursula uwe valentina vera
viktor wei wolfgang xavier yan yasmin yuki yuri zoe jordan jason joshua justin jayden cooper
mitchell lachlan kyle dylan tyler brandon logan mason jacob ella georgia holly hayley caitlin
amelia ruby brooke chelsea courtney erin jasmine kayla madison taylor
"""
GIVEN = frozenset((*DIMINUTIVES, *_GIVEN.split()))

# Forms of ISO 20275 (entity legal forms) as they are abbreviated in names, romanised and without
# dots. cleanco knows many; these are the ones it lacks or writes otherwise.
_LEGAL_FORMS = """
inc incorporated corp corporation co company companies llc llp lllp lp ltd limited plc pllc pc
pa dba gmbh mbh ag kg kgaa ohg gbr ug ev eg se sa sas sasu sarl eurl snc sca sci scop gie spa
srl srls sapa scarl soc coop bv nv vof cv bvba sprl cvba scrl vzw asbl ab hb kb as asa ans da
aps is amba oy oyj ky ay tmi sia uab oao ooo zao pao ao ip tov pp pat kft zrt nyrt bt rt doo dd
ad eood ood ead spol sro zs as sp zoo spj spk sl slu sau sc scl cia sac eirl ltda me eireli epp
sab cv rl de sapi spr pty pt tbk cv ud kk yk gk goshi godo kaisha kabushiki yugen kaisya jsc
pjsc ojsc cjsc llcs fze fzco fzc fzllc wll bsc sal saog saoc psc pvt private public sdn bhd pte
lda unipessoal sgps ae epe ike oe ee as hf ehf slf ses aktiengesellschaft gesellschaft mit
beschrankter haftung gmbhcokg eingetragener verein societe anonyme responsabilite limitee
sociedad anonima sociedade limitada societa azioni naamloze vennootschap besloten aktiebolag
aktieselskab anpartsselskab osakeyhtio youxian gongsi gufen zhushihoesa jusighoesa hoesa ulc cic
cio unlimited trust
"""
LEGAL_FORMS = frozenset(_LEGAL_FORMS.split())
_FORMS_BEFORE = """
pt ooo oao zao pao too the
"""
FORMS_BEFORE = frozenset(_FORMS_BEFORE.split())
_COMPANY_WORDS = """
the and und et y e of der die das la le les los el group gruppe groupe grupo holding holdings
international intl global worldwide
"""
COMPANY_WORDS = frozenset(_COMPANY_WORDS.split())
ABBREVIATIONS = {
    "intl": "international", "intern": "international", "tech": "technology",
    "technologies": "technology", "mfg": "manufacturing", "manuf": "manufacturing",
    "svcs": "services", "svc": "services", "service": "services", "sys": "systems",
    "system": "systems", "assoc": "associates", "assn": "association", "bros": "brothers",
    "ind": "industries", "inds": "industries", "industry": "industries", "eng": "engineering",
    "engr": "engineering", "mgmt": "management", "natl": "national", "univ": "university",
    "dept": "department", "govt": "government", "hldgs": "holdings", "holding": "holdings",
    "grp": "group", "gruppe": "group", "labs": "laboratories", "lab": "laboratories",
    "sol": "solutions", "soln": "solutions", "solution": "solutions", "ctr": "center",
    "centre": "center", "cntr": "center", "comm": "communications", "product": "products",
    "prod": "products", "pharma": "pharmaceuticals", "fin": "financial", "finl": "financial",
    "inst": "institute", "elec": "electric", "consult": "consulting", "dev": "development",
    "dist": "distribution", "ent": "enterprises", "enterprise": "enterprises", "st": "saint",
    "mt": "mount", "amer": "american", "n": "north", "s": "south",
}  # fmt: skip
_FREE_MAIL = """
gmail.com googlemail.com yahoo.com yahoo.co.uk ymail.com hotmail.com hotmail.co.uk outlook.com
live.com msn.com aol.com icloud.com me.com mac.com gmx.de gmx.net gmx.com web.de t-online.de
freenet.de mail.com mail.ru yandex.ru yandex.com bk.ru list.ru inbox.ru rambler.ru qq.com
163.com 126.com sina.com naver.com daum.net hanmail.net protonmail.com proton.me pm.me
tutanota.com zoho.com fastmail.com hey.com libero.it orange.fr wanadoo.fr free.fr laposte.net
sfr.fr comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net btinternet.com
sky.com virginmedia.com bigpond.com rediffmail.com uol.com.br bol.com.br terra.com.br wp.pl
o2.pl interia.pl onet.pl seznam.cz bluewin.ch telenet.be ziggo.nl kpnmail.nl
"""
FREE_MAIL = frozenset(_FREE_MAIL.split())
FORM_SPELLINGS = {
    "incorporated": "inc", "corporation": "corp", "limited": "ltd", "company": "co",
    "companies": "co", "private": "pvt",
}  # fmt: skip
_ROLE_MAIL = """
info sales admin office contact support hello mail team help service
"""
ROLE_MAIL = frozenset(_ROLE_MAIL.split())
COUNTRIES = {
    "usa": "us", "united states": "us", "united states of america": "us", "america": "us",
    "uk": "gb", "united kingdom": "gb", "great britain": "gb", "england": "gb", "gbr": "gb",
    "germany": "de", "deutschland": "de", "deu": "de", "france": "fr", "fra": "fr",
    "spain": "es", "espana": "es", "esp": "es", "italy": "it", "italia": "it", "ita": "it",
    "netherlands": "nl", "the netherlands": "nl", "nederland": "nl", "holland": "nl", "nld": "nl",
    "belgium": "be", "belgie": "be", "belgique": "be", "bel": "be", "austria": "at",
    "osterreich": "at", "aut": "at", "switzerland": "ch", "schweiz": "ch", "suisse": "ch",
    "che": "ch", "sweden": "se", "sverige": "se", "swe": "se", "norway": "no", "norge": "no",
    "nor": "no", "denmark": "dk", "danmark": "dk", "dnk": "dk", "finland": "fi", "suomi": "fi",
    "poland": "pl", "polska": "pl", "pol": "pl", "portugal": "pt", "prt": "pt", "ireland": "ie",
    "irl": "ie", "russia": "ru", "rossiya": "ru", "russian federation": "ru", "rus": "ru",
    "china": "cn", "chn": "cn", "zhongguo": "cn", "japan": "jp", "jpn": "jp", "india": "in",
    "ind": "in", "australia": "au", "aus": "au", "new zealand": "nz", "canada": "ca", "can": "ca",
    "mexico": "mx", "mex": "mx", "brazil": "br", "brasil": "br", "bra": "br", "argentina": "ar",
    "singapore": "sg", "sgp": "sg", "hong kong": "hk", "south korea": "kr", "korea": "kr",
    "turkey": "tr", "turkiye": "tr", "south africa": "za", "czech republic": "cz", "czechia": "cz",
    "hungary": "hu", "romania": "ro", "greece": "gr", "ukraine": "ua", "israel": "il",
}  # fmt: skip
