"""Files of many kinds, made here for the tests: from the published formats by hand, or by the formats' own libraries."""

# ruff: noqa: E501 (formats of others, as they are)

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from pathlib import Path

from janelm.config import DataConfig
from janelm.text.corpora import read_source

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" version="{version}"><manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="ch%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>
<item id="p" href="p.png" media-type="image/png"/></manifest>
<spine><itemref idref="nav"/><itemref idref="a"/><itemref idref="b"/><itemref idref="a" linear="no"/></spine></package>"""
CHAPTER = (
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head>'
    "<title/><style>p {{}}</style></head><body><h1>{title}</h1><p>{text}<a epub:type='noteref' href='#n'>1</a> It &amp; "
    "she.</p><aside epub:type='footnote' id='n'>A note.</aside></body></html>"
)
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ODF = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'


def source(name: str, raw, **options):
    """A file of that name, as it is read."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(raw, (str, bytes)):
        raw = json.dumps(raw)
    Path(name).write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return read_source(Path(name), DataConfig(**options))


def zipped(members: dict[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, content, stored)
    return made.getvalue()


def epub(version: str = "3.0") -> bytes:
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": PACKAGE.format(version=version),
            "OEBPS/nav.xhtml": "<html><body><nav>Contents: One, Two</nav></body></html>",
            "OEBPS/ch b.xhtml": CHAPTER.format(title="Two", text="Zwei Käuze saßen da."),
            "OEBPS/a.xhtml": CHAPTER.format(title="One", text="An owl\nsat there."),
        }
    )


EPUB_TEXT = "One\n\nAn owl sat there. It & she.\n\nTwo\n\nZwei Käuze saßen da. It & she.\n"


def docx() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("The mill", 1)
    paragraph = document.add_paragraph("The miller ")
    paragraph.add_run("slept.").bold = True
    paragraph.add_run().add_break()
    paragraph.add_run("And\tso did ß.")
    document.add_table(1, 2).cell(0, 1).text = "a cell"
    document.sections[0].header.paragraphs[0].text = "A running head"
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


DOCX_TEXT = "The mill\n\nThe miller slept.\nAnd\tso did ß.\n\na cell\n"


def odt(manifest: str = "<manifest/>") -> bytes:
    content = (
        f"<office:document-content {ODF}><office:body><office:text><text:h>The mill</text:h><text:p>The  miller<text:s "
        "text:c='2'/>slept<text:note><text:note-body><text:p>A note.</text:p></text:note-body></text:note>.<text:line-break/>"
        "And <text:span>so</text:span><text:tab/>did ß.</text:p><text:p/></office:text></office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "META-INF/manifest.xml": manifest,
            "content.xml": content,
        }
    )


ODT_TEXT = "The mill\n\nThe miller  slept.\nAnd so\tdid ß.\n"
RTF = (
    rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0 Times;}}\f0 The {\b miller} slept.\par "
    rb"\'c4\'ee\'ec\u8212? caf\u233?.\par}"
)
RTF_TEXT = "The miller slept.\nДом— café.\n"


def pdf(pages: int = 4) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    made = io.BytesIO()
    canvas = Canvas(made)
    for page, word in enumerate(["owl", "fox", "hare", "mouse"][:pages], 1):
        lines = canvas.beginText(60, 780)
        lines.textLine("THE OLD MILL")
        for line in (
            f"The {word} begins where nobody would have thought of an end, and it is as",
            "long as a line of a book is wont to be, with a word that is par-",
            f"ted at the end of it. Then the {word} ends.",
            "A second paragraph has a line that is also as long as the others are in this",
            f"{word}'s book, and ends.",
        ):
            lines.textLine(line)
        lines.textLine(f"- {page} -")
        canvas.drawText(lines)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


FB2 = """<?xml version="1.0" encoding="utf-8"?><FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"
xmlns:l="http://www.w3.org/1999/xlink"><description><title-info><book-title>X</book-title></title-info></description><body>
<title><p>Глава 1</p></title><section><p>Шёл <emphasis>дождь</emphasis><a l:href="#n" type="note">[1]</a>.</p>
<poem><stanza><v>Раз,</v><v>два.</v></stanza></poem></section></body><body name="notes"><section><p>Сноска</p></section></body>
<binary id="x">AAAA</binary></FictionBook>"""
FB2_TEXT = "Глава 1\n\nШёл дождь.\n\nРаз,\nдва.\n"
SRT = "1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Where is</i> he?\r\n- Gone.\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n- Gone.\r\nAgain?\r\n"
VTT = (
    "WEBVTT\n\nNOTE hello\n\nSTYLE\n::cue {}\n\nfirst\n00:01.000 --> 00:02.000 align:start\nWhere is\n<v Ann>he?</v>\n"
)
HTML = """<!DOCTYPE html><html><head><title>t</title><meta charset="iso-8859-1"></head><body><nav>Home | About</nav>
<script>var x = "<p>no</p>";</script><main><h1>The  mill</h1><p>Caf\xe9 &amp; bread.<br>And<b>so</b> on.</p>
<ul><li>one</li><li>two</li></ul><pre>a  b
c</pre></main><footer>Imprint</footer></body></html>""".encode("latin-1")
HTML_TEXT = "The mill\n\nCafé & bread.\nAndso on.\n\none\ntwo\n\na b\nc"
MARKDOWN = """---
title: The mill
---
# The mill

The *miller* [slept](http://x.example) and
snored.

<!-- hidden -->
- one
- two

![a picture](p.png)
"""
MARKDOWN_TEXT = "The mill\n\nThe miller slept and snored.\n\none\ntwo\n"


def pdf_as_shown(rows: list[str], right: float = 560) -> bytes:
    """A PDF of rows that end at the right, letters from left to right as a browser draws them; marks have no width."""
    letters = sorted({letter for row in rows for letter in row})
    codes = {letter: code for code, letter in enumerate(letters, 1)}
    widths = {letter: 0 if unicodedata.category(letter) == "Mn" else 1000 for letter in letters}
    shown = []
    for number, row in enumerate(rows):
        x = right - sum(widths[letter] for letter in row) / 100
        text = "".join(f"{codes[letter]:02x}" for letter in row)
        shown.append(f"BT /F 10 Tf 1 0 0 1 {x:.2f} {700 - 14 * number} Tm <{text}> Tj ET")
    pairs = "\n".join(f"<{code:02x}> <{letter.encode('utf-16-be').hex()}>" for letter, code in codes.items())
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        _stream("\n".join(shown)),
        f"<< /Type /Font /Subtype /TrueType /BaseFont /Own /FirstChar 1 /LastChar {len(letters)} /ToUnicode 6 0 R "
        f"/Widths [{' '.join(str(widths[letter]) for letter in letters)}] /FontDescriptor 7 0 R >>",
        _stream(f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(codes)} beginbfchar\n{pairs}\nendbfchar"),
        "<< /Type /FontDescriptor /FontName /Own /Flags 4 /Ascent 800 /Descent -200 >>",
    ]
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer << /Size {len(bodies) + 1} /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF\n"
    return made + f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def _stream(content: str) -> str:
    return f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"
