"""Headers of exports in languages and scripts that the patterns of headers.py do not reach.

A header that is one of these, whatever its case and accents, has the role; parts of it do not
count, because many are short words that mean other things elsewhere.
"""

HEADERS = {
    "given": (
        "الاسم الأول|الإسم الأول|שם פרטי|이름|Όνομα|Ime|Jméno|Krstné meno|Keresztnév|Utónév|Adı|Ad|"
        "İsim|Prenume|Имя|Ім'я|Vardas|Vārds|Eesnimi|Tên|Nama depan|नाम|名"
    ),
    "surname": (
        "اسم العائلة|اللقب|الاسم الأخير|שם משפחה|성|Επώνυμο|Επίθετο|Prezime|Příjmení|Priezvisko|"
        "Vezetéknév|Családnév|Soyadı|Soyad|Soyisim|Nume de familie|Фамилия|Прізвище|Pavardė|"
        "Uzvārds|Perekonnanimi|Họ|Nama belakang|उपनाम|姓|苗字"
    ),
    "name": (
        "الاسم|الاسم الكامل|اسم العميل|שם|שם מלא|성명|氏名|名前|お名前|姓名|Ονοματεπώνυμο|"
        "Ime i prezime|Celé jméno|Teljes név|Név|Ad Soyad|Adı Soyadı|ФИО|ПІБ|Họ và tên|"
        "Họ tên|Nama|Nama lengkap|ชื่อ|पूरा नाम|Nombre y apellidos"
    ),
    "dob": (
        "تاريخ الميلاد|תאריך לידה|생년월일|生年月日|誕生日|出生日期|出生年月日|生日|"
        "Ημερομηνία γέννησης|Datum rođenja|Datum narození|Dátum narodenia|Születési dátum|"
        "Születési idő|Doğum tarihi|Data nașterii|Дата рождения|Дата народження|Gimimo data|"
        "Sünnikuupäev|Ngày sinh|Tanggal lahir|วันเกิด|जन्म तिथि"
    ),
    "email": (
        "البريد|البريد الإلكتروني|الإيميل|דואל|דוא\"ל|אימייל|이메일|メール|メールアドレス|邮箱|"
        "电子邮箱|電子郵件|E-post|Sähköposti|E-posta|Електронна пошта|El. paštas|Surel|อีเมล"
    ),
    "phone": (
        "الهاتف|رقم الهاتف|الجوال|رقم الجوال|الموبايل|المحمول|"
        "טלפון|נייד|전화|전화번호|휴대폰|휴대전화|"
        "電話|携帯|携帯電話|手机|手机号|手机号码|手機|Τηλέφωνο|Κινητό|Puhelin|Puhelinnumero|Моб.|"
        "Мобильный|Cep telefonu|Điện thoại|Số điện thoại|Nomor telepon|HP|โทรศัพท์|फ़ोन"
    ),
    "company": (
        "الشركة|اسم الشركة|المؤسسة|חברה|שם החברה|회사|회사명|"
        "会社|会社名|法人名|企業名|企业|企业名称|"
        "公司|单位|Εταιρεία|Επωνυμία|Tvrtka|Společnost|Spoločnosť|Cég|Cégnév|Şirket|Companie|"
        "Организация|Компания|Наименование|Компанія|Įmonė|Ettevõte|Yritys|Công ty|Perusahaan|บริษัท"
    ),
    "address": (
        "العنوان|כתובת|주소|住所|地址|Διεύθυνση|Οδός|Adresa|Ulice|Cím|Utca|Osoite|Адреса|Вулиця|"
        "Địa chỉ|Alamat|ที่อยู่|पता"
    ),
    "city": (
        "المدينة|עיר|도시|都市|市区町村|Πόλη|Grad|Mesto|Město|Város|Şehir|İl|Oraș|Місто|Miestas|"
        "Linn|Thành phố|Kota|จังหวัด|शहर|Населенный пункт"
    ),
    "postcode": (
        "الرمز البريدي|מיקוד|우편번호|郵便番号|邮编|邮政编码|郵遞區號|Ταχυδρομικός κώδικας|ΤΚ|"
        "Poštanski broj|PSČ|Irányítószám|Posta kodu|Cod poștal|Kod pocztowy|Postinumero|"
        "Поштовий індекс|Индекс"
    ),
    "country": "الدولة|البلد|מדינה|국가|国|国家|Χώρα|Država|Země|Krajina|Ország|Ülke|Țara|Країна",
    "gender": "الجنس|מין|성별|性別|性别|Φύλο|Spol|Pohlaví|Pohlavie|Nem|Cinsiyet|Пол|Стать",
    "id": (
        "ИНН|ЄДРПОУ|ОГРН|IČO|OIB|Adószám|VKN|統一編號|"
        "统一社会信用代码|法人番号|사업자등록번호|身份证号"
    ),
}  # fmt: skip
