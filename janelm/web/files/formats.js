/**
 * A book as Markdown, as a Word document (ECMA-376, the parts that no document lacks) and as EPUB 3.3, whose twin is
 * janelm/writing/epub.py.
 *
 * @import { Book } from "./book.js"
 */

import { escaped, fromRight } from "./book.js";
import { writeZip } from "./zip.js";

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MODIFIED = "1980-01-01T00:00:00Z"; // which a package must state: the same book is the same file

/** @param {Book} book */
export function markdown({ title, chapters }) {
  const parts = [`# ${marked(title)}`];
  for (const chapter of chapters) {
    if (chapter.title) parts.push(`## ${marked(chapter.title)}`);
    for (const lines of chapter.paragraphs) parts.push(lines.map(marked).join("\\\n"));
  }
  return `${parts.join("\n\n")}\n`;
}

/** @param {string} line  in which nothing is to be taken for a sign of Markdown */
function marked(line) {
  return line.replace(/[\\`*_[\]<>&|~]/g, "\\$&").replace(/^(\s*)([#+=-]|\d+(?=[.)]))/, (_, blank, sign) =>
    /\d/.test(sign) ? `${blank}${sign}\\` : `${blank}\\${sign}`,
  );
}

/** @param {Book} book */
export function docx({ title, language, chapters }) {
  const right = fromRight(language);
  const paragraph = (/** @type {string[]} */ lines, /** @type {string} */ style) => {
    const [named, turned] = [style && `<w:pStyle w:val="${style}"/>`, right ? "<w:bidi/>" : ""];
    const text = lines.map((line) => `<w:t xml:space="preserve">${escaped(line)}</w:t>`).join("<w:br/>");
    return `<w:p><w:pPr>${named}${turned}</w:pPr><w:r>${right ? "<w:rPr><w:rtl/></w:rPr>" : ""}${text}</w:r></w:p>`;
  };
  const body = chapters.flatMap((chapter) => [
    chapter.title ? paragraph([chapter.title], "Heading1") : "",
    ...chapter.paragraphs.map((lines) => paragraph(lines, "")),
  ]);
  const word = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const parts = "application/vnd.openxmlformats-officedocument.wordprocessingml";
  const relations = (/** @type {string} */ inside) =>
    `${XML}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${inside}</Relationships>`;
  const core = "http://schemas.openxmlformats.org/package/2006";
  return writeZip([
    [
      "[Content_Types].xml",
      `${XML}<Types xmlns="${core}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
        `<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="${parts}.document.main+xml"/>` +
        `<Override PartName="/word/styles.xml" ContentType="${parts}.styles+xml"/>` +
        '<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>',
    ],
    [
      "_rels/.rels",
      relations(
        `<Relationship Id="r1" Type="${office}/officeDocument" Target="word/document.xml"/>` +
          `<Relationship Id="r2" Type="${core}/relationships/metadata/core-properties" Target="docProps/core.xml"/>`,
      ),
    ],
    ["word/_rels/document.xml.rels", relations(`<Relationship Id="r1" Type="${office}/styles" Target="styles.xml"/>`)],
    [
      "word/document.xml",
      `${XML}<w:document ${word}><w:body>${paragraph([title], "Title")}${body.join("")}` +
        '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1440" w:right="1440" w:bottom="1440" w:left="1440" ' +
        'w:header="708" w:footer="708" w:gutter="0"/></w:sectPr></w:body></w:document>',
    ],
    ["word/styles.xml", styles(word, language)],
    [
      "docProps/core.xml",
      `${XML}<cp:coreProperties xmlns:cp="${core}/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
        `<dc:title>${escaped(title)}</dc:title></cp:coreProperties>`,
    ],
  ]);
}

/** @type {(word: string, language: string) => string} */
function styles(word, language) {
  const style = (/** @type {string} */ id, /** @type {string} */ name, /** @type {string} */ paragraph, /** @type {string} */ run) =>
    `<w:style w:type="paragraph" ${id === "Normal" ? 'w:default="1" ' : ""}w:styleId="${id}"><w:name w:val="${name}"/>` +
    `${id === "Normal" ? "" : '<w:basedOn w:val="Normal"/><w:next w:val="Normal"/>'}<w:pPr>${paragraph}</w:pPr><w:rPr>${run}</w:rPr></w:style>`;
  const spoken = language === "und" ? "" : `<w:lang w:val="${escaped(language)}"/>`;
  return (
    `${XML}<w:styles ${word}><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="Georgia" w:hAnsi="Georgia"/><w:sz w:val="23"/>` +
    `${spoken}</w:rPr></w:rPrDefault></w:docDefaults>` +
    style("Normal", "Normal", '<w:spacing w:after="160" w:line="300" w:lineRule="auto"/>', "") +
    style("Title", "Title", '<w:spacing w:after="480"/><w:jc w:val="center"/>', '<w:sz w:val="48"/>') +
    style("Heading1", "heading 1", '<w:keepNext/><w:spacing w:before="480" w:after="240"/><w:outlineLvl w:val="0"/>', '<w:sz w:val="32"/>') +
    "</w:styles>"
  );
}

/**
 * @param {Book} book
 * @param {string} identifier  a URN
 */
export function epub({ title, language, chapters }, identifier) {
  const direction = fromRight(language) ? "rtl" : "ltr";
  const page = (/** @type {string} */ heading, /** @type {string} */ body) =>
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" ' +
    `xmlns:epub="http://www.idpf.org/2007/ops" lang="${escaped(language)}" xml:lang="${escaped(language)}" dir="${direction}">\n` +
    `<head><title>${escaped(heading)}</title><link rel="stylesheet" type="text/css" href="styles.css"/></head>\n` +
    `<body>\n${body}\n</body>\n</html>\n`;
  const named = chapters.map((chapter) => ({ ...chapter, name: chapter.title || title }));
  const links = named.map(({ name }, i) => `<li><a href="chapter${i + 1}.xhtml">${escaped(name)}</a></li>`);
  /** @type {[string, string][]} */
  const pages = [
    ["nav", page(title, `<nav epub:type="toc">\n<h1>${escaped(title)}</h1>\n<ol>\n${links.join("\n")}\n</ol>\n</nav>`)],
    ...named.map(({ name, paragraphs }, i) => {
      const texts = paragraphs.map((lines) => `<p>${lines.map(escaped).join("<br/>")}</p>`);
      return /** @type {[string, string]} */ ([`chapter${i + 1}`, page(name, [`<h1>${escaped(name)}</h1>`, ...texts].join("\n"))]);
    }),
  ];
  const items = pages.map(([id]) => `<item id="${id}" href="${id}.xhtml" media-type="application/xhtml+xml"${id === "nav" ? ' properties="nav"' : ""}/>`);
  const order = pages.map(([id]) => `<itemref idref="${id}"/>`);
  const entry = `<?xml version="1.0" encoding="UTF-8"?>\n<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">\n<rootfiles><rootfile full-path="EPUB/content.opf" media-type="application/oebps-package+xml"/></rootfiles>\n</container>\n`;
  return writeZip([
    ["mimetype", "application/epub+zip"],
    ["META-INF/container.xml", entry],
    [
      "EPUB/content.opf",
      `<?xml version="1.0" encoding="UTF-8"?>\n<package version="3.0" xmlns="http://www.idpf.org/2007/opf" unique-identifier="id" xml:lang="${escaped(language)}">\n` +
        `<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">\n<dc:identifier id="id">${escaped(identifier)}</dc:identifier>\n` +
        `<dc:title>${escaped(title)}</dc:title>\n<dc:language>${escaped(language)}</dc:language>\n<meta property="dcterms:modified">${MODIFIED}</meta>\n</metadata>\n` +
        `<manifest>\n${items.join("\n")}\n<item id="styles" href="styles.css" media-type="text/css"/>\n</manifest>\n` +
        `<spine page-progression-direction="${direction}">\n${order.join("\n")}\n</spine>\n</package>\n`,
    ],
    ...pages.map(([id, content]) => /** @type {[string, string]} */ ([`EPUB/${id}.xhtml`, content])),
    ["EPUB/styles.css", "body { font-family: serif; line-height: 1.4; }\nh1 { text-align: center; font-weight: normal; margin: 3em 0 2em; }\np { margin: 0; text-indent: 1.5em; text-align: justify; }\nh1 + p { text-indent: 0; }\n"],
  ]);
}
