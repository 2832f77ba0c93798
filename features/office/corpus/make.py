#!/usr/bin/env python3
"""Makes the documents that the office's checks open and save again: python3 features/office/corpus/make.py

They are as another office would write them (Office Open XML, fonts named and not embedded), small, and the same bytes
each time. Everybody and everything in them is made up. Licence: the repository's.
"""
import os
import zipfile
from xml.sax.saxutils import escape

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../files/usr/share/nhos/corpus")
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"


def write(name, main, parts):
    """Writes one document. parts is {path: (content type, XML, {id: (kind, target)} of its relationships)}."""
    types = "".join(f'<Override PartName="/{p}" ContentType="{t}"/>' for p, (t, _, _) in parts.items())
    files = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
        "_rels/.rels": relationships({"rId1": ("officeDocument", main)}),
    }
    for path, (_, xml, rels) in parts.items():
        files[path] = xml
        if rels:
            folder, base = os.path.split(path)
            files[f"{folder}/_rels/{base}.rels"] = relationships(rels)
    with zipfile.ZipFile(os.path.join(OUT, name), "w", zipfile.ZIP_DEFLATED) as z:
        for path, xml in files.items():
            info = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            z.writestr(info, HEAD + xml)


def relationships(rels):
    rows = "".join(f'<Relationship Id="{i}" Type="{OFFICE}/{kind}" Target="{to}"/>' for i, (kind, to) in rels.items())
    return f'<Relationships xmlns="{PACKAGE}/relationships">{rows}</Relationships>'


# Writer


def run(text, font, size=11, bold=False):
    fonts = f'<w:rFonts w:ascii="{font}" w:hAnsi="{font}" w:cs="{font}"/>'
    return (f'<w:r><w:rPr>{fonts}{"<w:b/>" if bold else ""}<w:sz w:val="{size * 2}"/></w:rPr>'
            f'<w:t xml:space="preserve">{escape(text)}</w:t></w:r>')


def paragraph(text, font, size=11, bold=False):
    return f'<w:p><w:pPr><w:spacing w:after="120"/></w:pPr>{run(text, font, size, bold)}</w:p>'


def table(rows, font):
    edge = "".join(f'<w:{e} w:val="single" w:sz="4" w:space="0" w:color="808080"/>'
                   for e in ("top", "left", "bottom", "right", "insideH", "insideV"))
    width = 9000 // len(rows[0])
    grid = f'<w:gridCol w:w="{width}"/>' * len(rows[0])
    body = "".join("<w:tr>" + "".join(f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr><w:p>{run(c, font, 10)}</w:p></w:tc>'
                                      for c in row) + "</w:tr>" for row in rows)
    return (f'<w:tbl><w:tblPr><w:tblW w:w="9000" w:type="dxa"/><w:tblBorders>{edge}</w:tblBorders></w:tblPr>'
            f'<w:tblGrid>{grid}</w:tblGrid>{body}</w:tbl>' + paragraph("", font))


def docx(name, body, font):
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    page = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1304" w:bottom="1134" w:left="1304" w:header="709" w:footer="709" w:gutter="0"/></w:sectPr>'
    styles = (f'<w:styles xmlns:w="{W}"><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="{font}" w:hAnsi="{font}" w:cs="{font}"/>'
              '<w:sz w:val="22"/><w:lang w:val="en-GB"/></w:rPr></w:rPrDefault></w:docDefaults>'
              '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style></w:styles>')
    write(name, "word/document.xml", {
        "word/document.xml": (f"{kind}.document.main+xml", f'<w:document xmlns:w="{W}"><w:body>{"".join(body)}{page}</w:body></w:document>',
                              {"rId1": ("styles", "styles.xml")}),
        "word/styles.xml": (f"{kind}.styles+xml", styles, {}),
    })


def letter():
    """Two full pages in Calibri and Cambria: in a wider font a third would be needed."""
    text = [paragraph("Bramble Ward, Larkfield Infirmary", "Cambria", 18, True),
            paragraph("Discharge letter (made up, for a test)", "Cambria", 13)]
    for day in range(1, 13):
        text.append(paragraph(f"Day {day}", "Cambria", 12, True))
        text.append(paragraph(
            "Ms Test Example was seen on the morning round. She was comfortable, had slept well and had eaten her breakfast. "
            "Observations were within the limits that were set on admission. She walked to the day room and back with one person "
            "beside her. The physiotherapist will see her again before lunch; her daughter has been told by telephone.", "Calibri"))
        text.append(paragraph(
            "Plan: continue as charted, bloods in the morning, and ask the pharmacist about the dose at night. "
            "Nothing here is about a real person: names, places and numbers are invented.", "Calibri"))
    text.append(table([["Medicine", "Dose", "When"], ["Examplamol", "500 mg", "four times a day"], ["Placebin", "10 mg", "at night"]], "Calibri"))
    docx("ward-letter.docx", text, "Calibri")


def notice():
    """One page in the fonts of older letters, and in the default of newer ones, for which there is no twin."""
    line = "The staff room on Bramble Ward is painted on Tuesday; please use the one on Heather Ward. "
    docx("staff-notice.docx", [paragraph("Notice", "Arial", 20, True), paragraph(line * 3, "Arial"), paragraph(line * 3, "Times New Roman"),
                               paragraph(line * 3, "Arial Narrow"), paragraph(line * 3, "Courier New"), paragraph(line * 3, "Aptos")], "Arial")


# Calc


def sheet():
    """Beds of two wards on two sheets, each a printed page; a total that must still be a formula, in Calibri and Arial."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"

    def cell(ref, value, style=0):
        if isinstance(value, int):
            return f'<c r="{ref}" s="{style}"><v>{value}</v></c>'
        if value.startswith("="):
            return f'<c r="{ref}" s="1"><f>{value[1:]}</f></c>'
        return f'<c r="{ref}" s="{style}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'

    def page(ward, beds):
        rows = [[f"Beds, {ward}", ""], ["Bay", "Free"]] + [[f"Bay {chr(65 + i)}", n] for i, n in enumerate(beds)]
        rows.append(["Together", f"=SUM(B3:B{len(beds) + 2})"])
        data = "".join(f'<row r="{y}">' + "".join(cell(f"{'AB'[x]}{y}", v, 1 if y < 3 else 0) for x, v in enumerate(row)) + "</row>"
                       for y, row in enumerate(rows, 1))
        return f'<worksheet xmlns="{S}"><cols><col min="1" max="1" width="24" customWidth="1"/></cols><sheetData>{data}</sheetData><pageSetup paperSize="9"/></worksheet>'

    fonts = '<fonts count="2"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font><font><b/><sz val="12"/><name val="Arial"/><family val="2"/></font></fonts>'
    styles = (f'<styleSheet xmlns="{S}">{fonts}<fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders>'
              '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
              '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
              '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>')
    book = (f'<workbook xmlns="{S}" xmlns:r="{OFFICE}"><sheets><sheet name="Bramble" sheetId="1" r:id="rId1"/><sheet name="Heather" sheetId="2" r:id="rId2"/></sheets></workbook>')
    write("bed-state.xlsx", "xl/workbook.xml", {
        "xl/workbook.xml": (f"{kind}.sheet.main+xml", book, {"rId1": ("worksheet", "worksheets/sheet1.xml"),
                                                            "rId2": ("worksheet", "worksheets/sheet2.xml"), "rId3": ("styles", "styles.xml")}),
        "xl/worksheets/sheet1.xml": (f"{kind}.worksheet+xml", page("Bramble Ward", [2, 0, 1, 4]), {}),
        "xl/worksheets/sheet2.xml": (f"{kind}.worksheet+xml", page("Heather Ward", [1, 1, 3]), {}),
        "xl/styles.xml": (f"{kind}.styles+xml", styles, {}),
    })


# Impress


def slides():
    """Three slides in Calibri with Cambria above."""
    kind = "application/vnd.openxmlformats-officedocument.presentationml"
    space = f'xmlns:a="{A}" xmlns:r="{OFFICE}" xmlns:p="{P}"'
    tree = ('<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr><a:xfrm><a:off x="0" y="0"/>'
            '<a:ext cx="0" cy="0"/><a:chOff x="0" y="0"/><a:chExt cx="0" cy="0"/></a:xfrm></p:grpSpPr>')

    def box(number, y, height, text, font, size):
        lines = "".join(f'<a:p><a:r><a:rPr lang="en-GB" sz="{size}00"><a:latin typeface="{font}"/></a:rPr><a:t>{escape(t)}</a:t></a:r></a:p>' for t in text)
        return (f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="Text {number}"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm><a:off x="600000" y="{y}"/>'
                f'<a:ext cx="8000000" cy="{height}"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr><p:txBody><a:bodyPr wrap="square"/><a:lstStyle/>{lines}</p:txBody></p:sp>')

    def slide(title, text):
        shapes = box(2, 400000, 900000, [title], "Cambria", 36) + box(3, 1600000, 4000000, text, "Calibri", 24)
        return f'<p:sld {space}><p:cSld><p:spTree>{tree}{shapes}</p:spTree></p:cSld></p:sld>'

    colours = "".join(f'<a:{n}><a:srgbClr val="{v}"/></a:{n}>' for n, v in (
        ("dk1", "000000"), ("lt1", "FFFFFF"), ("dk2", "3C4A3E"), ("lt2", "EFEFE8"), ("accent1", "48705C"), ("accent2", "B07A3C"),
        ("accent3", "7A6A8E"), ("accent4", "A04A4A"), ("accent5", "6B8E7A"), ("accent6", "8E8A5A"), ("hlink", "2E6B4F"), ("folHlink", "6A4A7A")))
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    theme = (f'<a:theme xmlns:a="{A}" name="Ward"><a:themeElements><a:clrScheme name="Ward">{colours}</a:clrScheme><a:fontScheme name="Ward">'
             '<a:majorFont><a:latin typeface="Cambria"/><a:ea typeface=""/><a:cs typeface=""/></a:majorFont><a:minorFont><a:latin typeface="Calibri"/><a:ea typeface=""/><a:cs typeface=""/></a:minorFont></a:fontScheme>'
             f'<a:fmtScheme name="Ward"><a:fillStyleLst>{fill * 3}</a:fillStyleLst><a:lnStyleLst>{("<a:ln>" + fill + "</a:ln>") * 3}</a:lnStyleLst>'
             f'<a:effectStyleLst>{"<a:effectStyle><a:effectLst/></a:effectStyle>" * 3}</a:effectStyleLst><a:bgFillStyleLst>{fill * 3}</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>')
    mapping = 'bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" accent3="accent3" accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" folHlink="folHlink"'
    pages = [("Handover", ["Bramble Ward, early shift", "Everything here is made up"]), ("Beds", ["Seven free, two to be cleaned", "One arrival expected at noon"]),
             ("To do", ["Ask the pharmacist about Placebin", "Ring the daughter of Ms Example"])]
    ids = "".join(f'<p:sldId id="{256 + i}" r:id="rId{i + 2}"/>' for i in range(len(pages)))
    parts = {
        "ppt/presentation.xml": (f"{kind}.presentation.main+xml", f'<p:presentation {space}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst>'
                                 f'<p:sldIdLst>{ids}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
                                 {"rId1": ("slideMaster", "slideMasters/slideMaster1.xml"), **{f"rId{i + 2}": ("slide", f"slides/slide{i + 1}.xml") for i in range(len(pages))}}),
        "ppt/slideMasters/slideMaster1.xml": (f"{kind}.slideMaster+xml", f'<p:sldMaster {space}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld><p:clrMap {mapping}/>'
                                              '<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst></p:sldMaster>',
                                              {"rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml"), "rId2": ("theme", "../theme/theme1.xml")}),
        "ppt/slideLayouts/slideLayout1.xml": (f"{kind}.slideLayout+xml", f'<p:sldLayout {space} type="blank"><p:cSld name="Blank"><p:spTree>{tree}</p:spTree></p:cSld></p:sldLayout>',
                                              {"rId1": ("slideMaster", "../slideMasters/slideMaster1.xml")}),
        "ppt/theme/theme1.xml": ("application/vnd.openxmlformats-officedocument.theme+xml", theme, {}),
    }
    for i, (title, text) in enumerate(pages, 1):
        parts[f"ppt/slides/slide{i}.xml"] = (f"{kind}.slide+xml", slide(title, text), {"rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml")})
    write("handover.pptx", "ppt/presentation.xml", parts)


letter()
notice()
sheet()
slides()
