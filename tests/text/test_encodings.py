"""Bytes of any encoding as text. All sentences were written for these tests."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janelm.errors import JaneLMError, UsageError
from janelm.text.cleaning import Cleaner, clean, cleaned
from janelm.text.encodings import decode, decoded, recognise
from janelm.text.guessing import guess_encoding

# Languages with the encodings that their texts are found in, and sentences: each by itself is to be recognised.
LANGUAGES = {
    "Hungarian": (
        "cp1250 iso8859_2 mac_latin2",
        [
            "Őszi hűvös szél fújt, és a fűzfák közt őzek ültek.",
            "A kisfiú megkérdezte az anyját, hogy mikor érkezik meg a nagymama.",
            "Tegnap este sokáig esett az eső, ezért a kert tele volt sárral.",
        ],
    ),
    "Polish": (
        "cp1250 iso8859_2",
        [
            "Wieczorem padał deszcz i nikt nie wychodził z domu.",
            "Gęś poszła nad rzekę, żeby napić się świeżej wody.",
            "Mój brat powiedział, że jutro wróci później.",
        ],
    ),
    "Czech": (
        "cp1250 iso8859_2",
        [
            "Večer přišel ke dveřím a řekl, že bude pršet.",
            "Malá holčička běžela přes louku za svým psem.",
            "Nikdo nevěděl, proč se starý mlynář směje.",
        ],
    ),
    "Slovak": (
        "cp1250",
        ["Večer prišiel k dverám a povedal, že bude pršať.", "Naša mačka spí každý deň na okne vedľa kvetov."],
    ),
    "Romanian": (
        "cp1250",
        [
            "Bunica a pregătit o plăcintă cu mere şi toţi copiii au mâncat.",
            "Într-o dimineaţă rece, bătrânul a ieşit în grădină.",
        ],
    ),
    "Croatian": (
        "cp1250",
        [
            "Jučer je kiša padala cijeli dan i nitko nije išao van.",
            "Moja sestra živi u kući pokraj šume i često peče kolače.",
            "Dječak je sreo svoju učiteljicu na trgu.",
        ],
    ),
    "Turkish": (
        "cp1254 iso8859_9",
        [
            "Işıklı şehirde yağmur yağıyordu.",
            "Küçük çocuk annesine bir soru sordu ve güldü.",
            "Akşam olunca herkes evine döndü, sokaklar boş kaldı.",
        ],
    ),
    "Estonian": (
        "cp1257",
        [
            "Õhtul sadas vihma ja keegi ei läinud õue.",
            "Väike tüdruk jooksis üle põllu oma koera järele.",
            "Ta küsis, miks see öö nii pikk on.",
        ],
    ),
    "Latvian": (
        "cp1257",
        [
            "Vakarā lija lietus, un neviens negāja ārā.",
            "Mazā meitene skrēja pāri pļavai pie sava suņa.",
            "Vecais dzirnavnieks šodien smējās par visu.",
        ],
    ),
    "Lithuanian": (
        "cp1257",
        [
            "Vakare lijo, ir niekas nėjo iš namų.",
            "Maža mergaitė bėgo per pievą paskui savo šunį.",
            "Jis paklausė, kodėl ši naktis tokia ilga.",
        ],
    ),
    "French": (
        "cp1252 mac_roman iso8859_15",
        [
            "Le café était fermé à Noël; ça, c'était drôle.",
            "« Où est-il allé ? » demanda la mère, étonnée.",
            "Le meunier a regardé la lampe, puis il s'est tu. Le café était fermé.",
        ],
    ),
    "German": (
        "cp1252 mac_roman",
        [
            "Über den Café-Tischen saß niemand — nur der Regen.",
            "Die Mühle läuft, und der Müller schläft auf dem Stroh.",
            "„Schön“, sagte sie, „dann gehen wir eben später.“",
        ],
    ),
    "Spanish": (
        "cp1252 mac_roman",
        ["¿Dónde está el niño? Salió al jardín mañana y noche.", "La señora cantó una canción mientras llovía."],
    ),
    "Portuguese": (
        "cp1252 mac_roman",
        ["A avó não quis sair porque a chuva não parava.", "O coração da cidade estava cheio de crianças."],
    ),
    "Swedish": (
        "cp1252 mac_roman",
        ["På kvällen regnade det, och ingen gick ut på gården.", "Den lilla flickan sprang över ängen efter sin hund."],
    ),
    "Icelandic": (
        "cp1252",
        ["Það rigndi um kvöldið og enginn fór út úr húsinu.", "Gamli maðurinn sagði að þetta væri löng nótt."],
    ),
    "Russian": (
        "cp1251 koi8_r iso8859_5 cp866 mac_cyrillic",
        [
            "Дождь идёт весь день, и никто не выходит из дома.",
            "Маленькая девочка бежала через поле за своей собакой.",
            "Старый мельник сегодня смеялся надо всем.",
        ],
    ),
    "Ukrainian": (
        "cp1251 koi8_u",
        ["Увечері йшов дощ, і ніхто не виходив з дому.", "Маленька дівчинка бігла через поле за своїм собакою."],
    ),
    "Bulgarian": (
        "cp1251",
        ["Вечерта валеше дъжд и никой не излезе от къщи.", "Малкото момиче тичаше през полето след кучето си."],
    ),
    "Greek": (
        "cp1253 iso8859_7",
        [
            "Το βράδυ έβρεχε και κανείς δεν βγήκε από το σπίτι.",
            "Το μικρό κορίτσι έτρεχε στο χωράφι πίσω από τον σκύλο.",
        ],
    ),
    "Hebrew": (
        "cp1255",
        ["בוקר טוב, אמרה הילדה, והלכה אל הים.", "הזקן צחק כל היום ואיש לא ידע למה."],
    ),
    "Arabic": (
        "cp1256",
        ["في المساء هطل المطر ولم يخرج أحد من البيت.", "ركضت البنت الصغيرة عبر الحقل خلف كلبها."],
    ),
    "Thai": (
        "cp874",
        ["ตอนเย็นฝนตกและไม่มีใครออกจากบ้าน", "เด็กหญิงตัวเล็กวิ่งข้ามทุ่งนาตามสุนัขของเธอ"],
    ),
    "Japanese": (
        "cp932 euc_jp",
        ["夕方に雨が降って、誰も家から出ませんでした。", "小さな女の子は犬を追いかけて野原を走った。"],
    ),
    "Chinese": (
        "gb18030 big5hkscs",
        ["他們說今天不會下雨，可是天都黑了。", "小女孩跑過田野去追她的狗。"],
    ),
    "Korean": (
        "cp949",
        ["저녁에 비가 내려서 아무도 집에서 나오지 않았다.", "어린 소녀는 개를 따라 들판을 달렸다."],
    ),
    "English": (
        "cp1252 mac_roman mac_roman",
        ["“It was a café,” she said—and it rained.", "The naïve miller’s wife didn’t come."],
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_encoding_of_a_single_sentence_is_made_out(language):
    encodings, sentences = LANGUAGES[language]
    wrong = [
        (encoding, sentence, read)
        for encoding in encodings.split()
        for sentence in sentences
        if (read := decode(sentence.encode(encoding), "text")[0]) != sentence
    ]
    assert wrong == []


def test_the_share_recognised_of_all_sentences_is_all():
    cases = [(e, s) for encodings, sentences in LANGUAGES.values() for e in encodings.split() for s in sentences]
    known = sum(s.encode(e).decode(guess_encoding(s.encode(e)) or "ascii", "replace") == s for e, s in cases)
    assert len(LANGUAGES) >= 20 and known == len(cases) >= 100


def test_an_accent_that_is_the_only_one_is_the_commonest_encodings():
    """It used to be read as mac_latin2: caf\u0165."""
    text = "Le café était fermé.\n" * 300
    assert decode(text.encode("latin-1"), "text")[0] == text


RAIN = "Ёлка стоит в углу, и снег идёт за окном.\n"


@pytest.mark.parametrize(
    ("raw", "expected", "places"),
    [
        (RAIN.encode() * 1500 + b"\xd0", RAIN * 1500 + "\ufffd", "1 broken place"),
        (RAIN.encode() * 8 + b"caf\xe9\n" + RAIN.encode() * 8, RAIN * 8 + "café\n" + RAIN * 8, "(byte 571)"),
        (RAIN.encode() * 8 + b"\xe2\x80", RAIN * 8 + "\ufffd", "1 broken place"),
        (RAIN.encode()[1:] + RAIN.encode(), "\ufffd" + RAIN[1:] + RAIN, "(byte 0)"),
    ],
)
def test_utf8_with_a_few_broken_bytes_stays_utf8_and_the_places_are_named(raw, expected, places):
    """One bad byte used to turn every letter of the file into those of another encoding."""
    text, report = decode(raw, "text")
    assert text == expected and places in report[0] and "utf-8" in report[0]


def test_broken_bytes_are_the_same_wherever_blocks_are_cut():
    rng = random.Random(0)
    raw = bytearray((RAIN + "plain café\n").encode() * 40)
    for _ in range(60):
        raw[rng.randrange(len(raw))] = rng.choice((0xE9, 0x80, 0xF0, 0x41))
    whole, report = decode(bytes(raw), "text")
    for size in (1, 2, 3, 7, 1000):
        blocks = [bytes(raw[i : i + size]) for i in range(0, len(raw), size)]
        decoding = recognise(blocks, "text")
        assert "".join(decoded(blocks, decoding, "text")) == whole and decoding.report() == report


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["Plain text on a line.\n" * 9, RAIN * 9, "傍晚下雨了，没有人走出家门。\n" * 9, "A"])
def test_utf16_without_a_mark_is_recognised_by_where_its_zeros_stand(encoding, text):
    assert decode(text.encode(encoding), "text") == (text, [f"is {encoding} without a byte order mark"])


@pytest.mark.parametrize("raw", [b"\x7fELF\0\0\1", b"\0" * 3000, bytes(range(256)) * 20])
def test_what_is_no_text_is_refused(raw):
    with pytest.raises(JaneLMError, match="not a text file"):
        decode(raw, "thing")


def test_a_single_zero_byte_is_no_reason_to_refuse_a_text():
    text, _ = decode(b"A line of text.\n" * 300 + b"\0" + b"More.\n", "text")
    assert clean(text)[0] == "A line of text.\n" * 300 + "More.\n"


def test_the_encoding_that_is_asked_for_is_taken_and_one_that_is_none_is_refused():
    raw = "Ñandú".encode("cp1252")
    assert decode(raw, "text", "cp1250")[0] == "Ńandú"
    assert decode(b"ok \x81", "text", "cp1252") == (
        "ok \ufffd",
        ["is cp1252 with 1 broken place mended (character 3)"],
    )
    for name in ("klingon", "rot13", ""):
        with pytest.raises(UsageError, match="no text encoding"):
            decode(raw, "text", name)


ANY_TEXT = st.text(st.characters(), max_size=60)


@given(ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(text):
    once, _ = clean(text)
    assert clean(once) == (once, [])


@given(ANY_TEXT, st.integers(1, 9))
def test_pieces_are_cleaned_as_the_whole_is(text, size):
    text = text.replace("a", "e\u0301\r\n\u0323\u1100\u1161\u11a8")
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(cleaned(parts, Cleaner())) == clean(text)[0]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_text_or_one_sentence(raw):
    try:
        text, _ = decode(raw, "thing")
    except JaneLMError as error:
        assert "\n" not in str(error) and str(error).startswith("thing")
    else:
        assert text.isascii() or text.encode("utf-8")


@given(ANY_TEXT.filter(lambda text: "\0" not in text and clean(text)[0] == text))
def test_whatever_is_utf8_is_read_as_that(text):
    raw = text.encode()
    assert decode(raw, "text") == (text, []) or sum(map(raw.count, range(32))) > 0


def test_one_normal_form_is_said():
    text, report = clean("Cafe\u0301, re\u0301sume\u0301 \u212b")
    assert text == "Café, résumé Å" and "NFC" in report[0]
    assert clean("Cafe\u0301", normal_form=False) == ("Cafe\u0301", [])
