"""Which encoding bytes are in that are not UTF-8: the one in which they read most like a language.

Each candidate encoding is read, and what stands beyond ASCII is judged letter by letter: by how common it is in a
language, by whether capitals stand where words begin, by whether signs stand between words, and by a few of the
language's commonest words. The tables are our own, in the order of frequency.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

SAMPLE = 20_000  # bytes of lines with something beyond ASCII that are judged
LEAST, LEAST_OF_MANY = -6.0, -8.7  # mean logarithms, for a byte and a character, under which nothing is made out


@dataclass(frozen=True)
class Language:
    """What of a language stands beyond ASCII, commonest first, and its commonest words in plain ASCII."""

    letters: str
    words: str = ""
    others: str = ""  # a script's letters that are too many to be put in order, as a class of a regular expression
    alone: bool = False  # a script of its own, whose letters stand side by side


LATIN = {
    "French": Language("éèàêçùâîôûëïœüæÿ", "le la les de et un une est que il elle dans ne pas des du en"),
    "German": Language("üäöß", "der die das und ist nicht ein eine in zu den mit von sie er es auf"),
    "Spanish": Language("óíáéñúü¿¡", "el la los de y un una que en no se es por con las del su"),
    "Portuguese": Language("ãçáéíóêúõâàô", "o a os de e um uma que em se com da do na no para por"),
    "Italian": Language("èàòùéìî", "il la di e un una che non per in si del le con sono era"),
    "Swedish": Language("äåöé", "och i att det som en den av med var han hon inte till ett"),
    "Danish": Language("øåæé", "og i at det som en den af med var han hun ikke til et de er"),
    "Finnish": Language("äöå", "ja on oli ei se kun niin mutta kuin sen joka ovat"),
    "Dutch": Language("ëéïöèü", "de het een en van in is dat niet op te zijn met voor hij zij"),
    "Icelandic": Language("áíðéóöþúýæ", "og er til var um ekki sem en hann hún með af að"),
    "Polish": Language("łąężóśćńź", "i w na z do nie to jest po od za jak ale by o"),
    "Czech": Language("íáéěýřžčšůúóťďň", "a se na je v to do z o ale by po tak jak za"),
    "Slovak": Language("áíéýčžľšťúôňóďäĺŕ", "a sa na je v to do z o ale by po tak ako za"),
    "Hungarian": Language("áéőöóíüúű", "a az egy is nem hogy volt de meg csak mint van el ez"),
    "Romanian": Language("ăîâşţșț", "de la un o nu cu pe din ce mai care pentru este au"),
    "Croatian": Language("čšžćđ", "i je se u na da za su od a ne s kao ali koji bi"),
    "Turkish": Language("ıişğüöçİâî", "bir ve bu da de ne o ile gibi daha en her ama kadar sonra var yok ben sen"),
    "Estonian": Language("äõüöšž", "ja on ei ta see oli et kui ka ning mis aga"),
    "Latvian": Language("āīēšūņļčžģķ", "un ir no uz ar par bet kas to tas ka nav es tu vai bija kad pie pa jau ap"),
    "Lithuanian": Language(
        "ėųšįžūąčę", "ir yra kad buvo su bet tai per kaip apie jis ji ant iki prie nuo man tu nes dar jau tik po"
    ),
    "Vietnamese": Language("đưôơăâêàáạảãếệộốớờữứừ", "cho khi trong con ra anh em ta"),
    "English": Language("éïèçö", "the of and a to in is it that was he she for with his her not on"),
}
CYRILLIC = {
    "Russian": Language("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфёъ", alone=True),
    "Ukrainian": Language("оанивітерслкмдупяьзбгйчжхцюшєїщфґ", alone=True),
    "Bulgarian": Language("аеоитнрсвлкдпмзяъубгчщжшцйхфюь", alone=True),
    "Serbian": Language("аоиенјрстдкувмлпзгбчцшжљњћхфђџ", alone=True),
}
OTHERS = {
    "Greek": Language("αοιετσνηυρπκμλςόίθγέάήδωχύφβώξζψϊ", alone=True),
    "Hebrew": Language("יוהלאתרבשנםמעכחקדפגטצןסזךץף", alone=True),
    "Arabic": Language("اليمنرتوبةعدسفهكحقشجصطذخزضغثءىأإئؤظآ،ًَُِّْ", alone=True),
    "Persian": Language("ایرندهمتوبسشکزگخفعقلجپحآغچصطضذژثظء،", alone=True),
    "Thai": Language("านรอกเง่มยลวด้ทสตะปบคหีิัพชแขจใไุูํำโ์ซ็ถธผศณภฟญฉฐฎฏ", alone=True),
}
JAPANESE = Language(
    "のにるたはをとがしでてなれいらもかっこすさきりまくうあそんよけせみめえつだへわほやおろゆ、。「」ー",
    others="ァ-ヺ一-鿿",
    alone=True,
)
CHINESE = Language(
    "的，。一是不了在人有我他这个们来中上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行"
    "所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实这裡個們來為國"
    "說時會對著過發後這還進樣沒開從學經現當動種女孩年月水火山天雨雪花草木狗馬马鳥鸟魚鱼手目口頭头身走跑坐看見见聽听問问答"
    "門门車车路家城村田野河海東东西南北春夏秋冬早晚今明昨高低長长短大小多少新舊旧老少快慢美好紅红白黑青黃黄金銀银"
    "父母兄弟姐妹哥朋友先生書书信字話话笑哭愛爱吃喝睡起做知道給给讓让把被向往已再又很太最更都也就才",
    others="一-鿿、！？「」《》：；",
    alone=True,
)
KOREAN = Language(
    "이다는에을의가고하지은로를한도사기서나리그자대어인있아정시니해부일수전제보들라비", others="가-힣", alone=True
)
TYPOGRAPHY = "’“”—–‘«»…„‚ °§€£©·•"
PROBABILITY = {"typography": 0.01, "foreign": 1e-4, "character": 1e-5, "nothing": 1e-7}

# Where several read alike, the first wins; what is further down costs more, because it is rarer.
ENCODINGS: dict[str, tuple[float, dict[str, Language]]] = {
    "cp1252": (0, LATIN),
    "cp1250": (1, LATIN),
    "cp1251": (1, CYRILLIC),
    "cp1254": (1, LATIN),
    "cp1257": (1, LATIN),
    "koi8_r": (1.5, CYRILLIC),
    "koi8_u": (1.6, CYRILLIC),
    "cp1253": (1, OTHERS),
    "cp1255": (1, OTHERS),
    "cp1256": (1, OTHERS),
    "cp874": (1, OTHERS),
    "cp932": (1, {"Japanese": JAPANESE}),
    "euc_jp": (1.5, {"Japanese": JAPANESE}),
    "gb18030": (1, {"Chinese": CHINESE}),
    "big5hkscs": (1, {"Chinese": CHINESE}),
    "cp949": (1, {"Korean": KOREAN}),
    "cp1258": (3, LATIN),
    "mac_roman": (3, LATIN),
    "iso8859_2": (3, LATIN),
    "iso8859_15": (3, LATIN),
    "iso8859_5": (3, CYRILLIC),
    "iso8859_7": (3, OTHERS),
    "mac_cyrillic": (4, CYRILLIC),
    "cp866": (4, CYRILLIC),
    "cp850": (5, LATIN),
    "cp852": (5, LATIN),
    "mac_latin2": (6, LATIN),
    "mac_turkish": (6, LATIN),
    "mac_greek": (6, OTHERS),
}


def guess_encoding(raw: bytes) -> str | None:
    """The encoding in which `raw` reads most like a language, or None where it reads like none."""
    sample = telling_lines(raw)
    words = re.findall(r"[a-z]+(?![a-z\x80-\xff])", sample.decode("latin-1").lower())
    high = len(sample.translate(None, bytes(range(128))))
    best, best_score = None, -math.inf
    for encoding, (rarity, languages) in ENCODINGS.items():
        try:
            text = sample.decode(encoding, "replace")
        except UnicodeError:
            continue
        beyond = list(_beyond_ascii(text))
        for language in languages.values():
            judged = _likelihood(beyond, language)
            score = judged + sum(1.5 for word in words if word in _words(language)) - rarity
            if score > best_score and judged > (LEAST_OF_MANY * len(beyond) if language.others else LEAST * high):
                best, best_score = encoding, score
    return best


def telling_lines(raw: bytes) -> bytes:
    """Lines with something beyond ASCII, up to SAMPLE bytes of them."""
    found, size = [], 0
    for match in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*\n?", raw[: 1 << 22]):
        line = match.group()[: SAMPLE - size + 1 & ~1]
        found.append(line)
        size += len(line)
        if size >= SAMPLE:
            break
    return b"".join(found)


def _beyond_ascii(text: str) -> Iterator[tuple[str, str, str]]:
    """Each character beyond ASCII between its two neighbours."""
    for match in re.finditer(r"[^\x00-\x7f]", text):
        place = match.start()
        yield text[place - 1 : place] or " ", match.group(), text[place + 1 : place + 2] or " "


@cache
def _words(language: Language) -> frozenset[str]:
    return frozenset(language.words.split())


@cache
def _letters(language: Language) -> dict[str, float]:
    """The probability of each letter, falling with its place in the order of frequency."""
    weights = [1 / (place + 3) for place in range(len(language.letters))]
    share = (0.6 if language.others else 0.95) / sum(weights)
    return {letter: share * weight for letter, weight in zip(language.letters, weights, strict=True)}


def _likelihood(beyond: list[tuple[str, str, str]], language: Language) -> float:
    """The logarithm of the probability of these characters in this language, each judged with its neighbours."""
    letters, total = _letters(language), 0.0
    others = re.compile(f"[{language.others}]") if language.others else None
    for before, character, after in beyond:
        small = character.lower()
        if character in letters or small in letters:
            chance = letters.get(character) or letters[small] / 10
            chance *= _fits(before, character, after, language)
        elif character in TYPOGRAPHY:
            inside = before.isalpha() and after.isalpha() and character not in "’—–·"
            turned = (character in "“‘«„‚" and before.isalpha()) or (character in "”»" and after.isalpha())
            chance = PROBABILITY["typography"] * (0.02 if inside or turned else 1)
        elif others and others.match(character):
            chance = PROBABILITY["foreign"]
        elif character.isalpha():
            near = ord(character) < 0x250 and not language.alone
            chance = PROBABILITY["foreign" if near else "character"] * _fits(before, character, after, language)
        else:
            chance = PROBABILITY["nothing" if not character.isprintable() or character == "�" else "character"]
        total += math.log(chance)
    return total


def _fits(before: str, character: str, after: str, language: Language) -> float:
    """How well a letter stands between its neighbours: 1, or a small share of it."""
    fit = 0.02 if character.isupper() and before.islower() else 1.0
    if language.alone:
        return fit * (0.02 if (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha()) else 1)
    beside = before if before.isalpha() else after
    if not beside.isalpha():
        return fit * (1 if character in "¿¡" else 0.3)
    return fit * (1 if beside.isascii() else 0.2)
