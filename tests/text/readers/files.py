"""Files of many kinds, made here for the tests: from the published formats by hand, or by the formats' own libraries."""

# ruff: noqa: E501 (formats of others, as they are)

from __future__ import annotations

import io
import zipfile

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
