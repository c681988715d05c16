"""How often an encoding is made out of a single sentence that nobody looked at when the tables were made."""

from janelm.errors import JaneLMError
from janelm.text.encodings import decode

SENTENCES = {
    ("Hungarian", "cp1250 iso8859_2"): [
        "A könyvtárban csönd volt, csak az óra ketyegett a falon.",
        "Miért nem jöttél el tegnap a születésnapomra?",
        "Az öreg halász minden reggel kievezett a tóra.",
        "Köszönöm szépen, nagyon jól érzem magam.",
    ],
    ("Polish", "cp1250 iso8859_2"): [
        "Stary zegar na wieży wybił północ, a miasto spało.",
        "Czy możesz mi powiedzieć, gdzie jest dworzec?",
        "Dziewczynka znalazła w lesie małego jeża.",
        "Zażółć gęślą jaźń.",
    ],
    ("Czech", "cp1250 iso8859_2"): [
        "Na stole ležela kniha, kterou nikdo nečetl.",
        "Proč jsi včera nepřišel na oslavu?",
        "Starý rybář vyplul každé ráno na jezero.",
        "Děkuji, mám se dobře.",
    ],
    ("Slovak", "cp1250"): [
        "Na stole ležala kniha, ktorú nikto nečítal.",
        "Prečo si včera neprišiel na oslavu?",
        "Ďakujem, mám sa veľmi dobre.",
    ],
    ("Romanian", "cp1250"): [
        "Pe masă se afla o carte pe care nimeni nu o citise.",
        "De ce nu ai venit ieri la petrecere, măi băiatule?",
        "Copiii aşteptau în faţa şcolii.",
    ],
    ("Croatian", "cp1250"): [
        "Na stolu je ležala knjiga koju nitko nije čitao.",
        "Zašto jučer nisi došao na proslavu?",
        "Stari ribar je svako jutro veslao na jezero, a žena ga je čekala.",
    ],
    ("Turkish", "cp1254"): [
        "Masanın üzerinde kimsenin okumadığı bir kitap duruyordu.",
        "Dün akşam neden partiye gelmedin?",
        "Yaşlı balıkçı her sabah göle açılırdı.",
        "Teşekkür ederim, çok iyiyim.",
    ],
    ("Lithuanian", "cp1257"): [
        "Ant stalo gulėjo knyga, kurios niekas neskaitė.",
        "Kodėl vakar neatėjai į šventę?",
        "Senas žvejys kiekvieną rytą irdavosi į ežerą.",
    ],
    ("Latvian", "cp1257"): [
        "Uz galda gulēja grāmata, kuru neviens nebija lasījis.",
        "Kāpēc tu vakar neatnāci uz svētkiem?",
        "Vecais zvejnieks katru rītu devās ezerā.",
    ],
    ("Estonian", "cp1257"): [
        "Laual lebas raamat, mida keegi polnud lugenud.",
        "Miks sa eile õhtul peole ei tulnud?",
        "Vana kalur sõudis igal hommikul järvele.",
    ],
    ("French", "cp1252 mac_roman"): [
        "Sur la table reposait un livre que personne n’avait lu.",
        "Pourquoi n'es-tu pas venu à la fête hier soir ?",
        "Le vieux pêcheur partait chaque matin très tôt.",
        "Ça va très bien, merci.",
    ],
    ("German", "cp1252 mac_roman"): [
        "Auf dem Tisch lag ein Buch, das niemand gelesen hatte, außer der Großmutter.",
        "Warum bist du gestern nicht zum Fest gekommen, mein Mädchen?",
        "Der alte Fischer fuhr früh hinaus.",
        "Grüße aus München!",
    ],
    ("Spanish", "cp1252 mac_roman"): [
        "Sobre la mesa había un libro que nadie leyó jamás.",
        "¿Por qué no viniste ayer a la fiesta?",
        "El niño pequeño buscaba su muñeca en el jardín.",
        "Mañana será otro día.",
    ],
    ("Portuguese", "cp1252"): [
        "Sobre a mesa estava um livro que ninguém leu.",
        "Por que você não veio à festa ontem?",
        "O avô não sabia onde estava o seu chapéu.",
        "Amanhã será outro dia, coração.",
    ],
    ("Italian", "cp1252"): [
        "Perché non sei venuto alla festa? È stata bellissima.",
        "La città era già buia quando arrivò il treno.",
        "Così finì la più lunga giornata.",
    ],
    ("Swedish", "cp1252"): [
        "På bordet låg en bok som ingen hade läst.",
        "Varför kom du inte på festen i går kväll?",
        "Den gamle fiskaren rodde ut på sjön varje morgon.",
    ],
    ("Danish", "cp1252"): [
        "På bordet lå en bog, som ingen havde læst.",
        "Hvorfor kom du ikke til festen i går?",
        "Den gamle fisker roede ud på søen hver morgen.",
    ],
    ("Finnish", "cp1252"): [
        "Pöydällä oli kirja, jota kukaan ei ollut lukenut.",
        "Miksi et tullut eilen juhliin, kysyi äiti?",
        "Vanha kalastaja souti joka aamu järvelle.",
    ],
    ("Icelandic", "cp1252"): [
        "Á borðinu lá bók sem enginn hafði lesið.",
        "Af hverju komstu ekki í veisluna í gær?",
        "Gamli maðurinn réri út á vatnið á hverjum morgni.",
    ],
    ("Russian", "cp1251 koi8_r cp866 mac_cyrillic"): [
        "На столе лежала книга, которую никто не читал.",
        "Почему ты вчера не пришёл на праздник?",
        "Старый рыбак каждое утро выходил на озеро.",
        "Спасибо, у меня всё хорошо.",
    ],
    ("Ukrainian", "cp1251 koi8_u"): [
        "На столі лежала книга, яку ніхто не читав.",
        "Чому ти вчора не прийшов на свято?",
        "Старий рибалка щоранку виходив на озеро.",
    ],
    ("Bulgarian", "cp1251"): [
        "На масата лежеше книга, която никой не беше чел.",
        "Защо не дойде вчера на празника?",
        "Старият рибар всяка сутрин излизаше в езерото.",
    ],
    ("Greek", "cp1253 iso8859_7"): [
        "Πάνω στο τραπέζι υπήρχε ένα βιβλίο που κανείς δεν είχε διαβάσει.",
        "Γιατί δεν ήρθες χθες στη γιορτή;",
        "Ο γέρος ψαράς έβγαινε κάθε πρωί στη λίμνη.",
    ],
    ("Hebrew", "cp1255"): [
        "על השולחן היה מונח ספר שאיש לא קרא.",
        "למה לא באת אתמול למסיבה?",
        "הדייג הזקן יצא כל בוקר אל האגם.",
    ],
    ("Arabic", "cp1256"): [
        "كان على الطاولة كتاب لم يقرأه أحد.",
        "لماذا لم تأت أمس إلى الحفلة؟",
        "كان الصياد العجوز يخرج كل صباح إلى البحيرة.",
    ],
    ("Thai", "cp874"): [
        "บนโต๊ะมีหนังสือเล่มหนึ่งที่ไม่มีใครอ่าน",
        "ทำไมเมื่อวานเธอไม่มางานเลี้ยง",
    ],
    ("Japanese", "cp932 euc_jp"): [
        "机の上に誰も読まなかった本が置いてあった。",
        "どうして昨日はお祭りに来なかったの。",
    ],
    ("Chinese, simplified", "gb18030"): ["桌上放着一本没有人读过的书。", "老人每天早晨都到湖边去。"],
    ("Chinese, traditional", "big5hkscs"): ["桌上放著一本沒有人讀過的書。", "老人每天早晨都到湖邊去。"],
    ("Korean", "cp949"): [
        "책상 위에는 아무도 읽지 않은 책이 놓여 있었다.",
        "왜 어제 잔치에 오지 않았니?",
    ],
}
SHARE = 0.95  # that is to be recognised; each language by itself, but for one sentence


def recognised(sentence: str, encoding: str) -> bool:
    try:
        return decode(sentence.encode(encoding), "text")[0] == sentence
    except JaneLMError:
        return False


def test_of_sentences_never_seen_the_encoding_is_made_out_nearly_always():
    found, table = [], ""
    for (language, encodings), sentences in SENTENCES.items():
        known = [
            recognised(sentence, encoding)
            for encoding in encodings.split()
            for sentence in sentences
            if not sentence.encode(encoding, "replace").isascii()
        ]
        found += known
        table += f"{language:22} {encodings:32} {sum(known):2} of {len(known):2}\n"
        assert sum(known) >= len(known) - 1, table
    assert len(SENTENCES) >= 20 and sum(found) / len(found) >= SHARE, table
    print(f"{table}{'all':55} {sum(found)} of {len(found)}")
