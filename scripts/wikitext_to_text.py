#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn a MediaWiki XML dump into plain text: a line a paragraph, a blank line between articles.

Example: scripts/wikitext_to_text.py enwiki-pages-articles.xml.bz2 > wikipedia.txt

Reads plain or bzip2 XML (told apart by content) page by page, so memory does not grow with the dump. Redirects and
pages outside namespace 0 are left out. Templates are not expanded; tables, references, templates and files are
removed. Needs mwparserfromhell (Debian: python3-mwparserfromhell).
"""

import argparse
import bz2
import re
import sys
import xml.etree.ElementTree as ElementTree

import mwparserfromhell

REMOVED_TAGS = {"ref", "references", "table", "gallery", "math", "timeline", "score", "syntaxhighlight", "source",
                "imagemap", "hiero", "chem"}
# Sections of lists and links rather than prose.
SKIPPED_SECTIONS = {"references", "external links", "see also", "further reading", "notes", "bibliography", "sources",
                    "footnotes", "citations"}
# Links into these namespaces show a picture or sort the page; a leading colon makes an ordinary link of them.
REMOVED_LINK = re.compile(r"^\s*(file|image|category|media)\s*:|^\s*[a-z]{2,3}(-[a-z]+)*\s*:", re.IGNORECASE)
LIST_MARK = re.compile(r"^[*#:;]+\s*")
BLANKS = re.compile(r"[ \t\u00a0]+")
EMPTY_BRACKETS = re.compile(r"\s*\(\s*[;,\s]*\)")
MINIMUM_CHARACTERS = 200  # shorter articles are stubs: lists of links, disambiguations


def open_dump(path):
    """The dump as bytes, unpacked."""
    stream = sys.stdin.buffer if path == "-" else open(path, "rb")
    if stream.peek(3)[:3] == b"BZh":
        return bz2.open(stream)
    return stream


def local_name(element):
    """The tag without its XML namespace, which differs between dump versions."""
    return element.tag.rpartition("}")[2]


def child_text(page, name):
    for element in page.iter():
        if local_name(element) == name:
            return element.text or ""
    return ""


def read_articles(stream):
    """(title, wikitext) of every page that is an article."""
    events = ElementTree.iterparse(stream, events=("start", "end"))
    _, root = next(events)
    for event, element in events:
        if event != "end" or local_name(element) != "page":
            continue
        redirects = any(local_name(child) == "redirect" for child in element)
        if not redirects and child_text(element, "ns").strip() == "0":
            yield child_text(element, "title"), child_text(element, "text")
        root.clear()  # drops the pages read so far


def remove_markup(code):
    """Removes in place what has no text of its own to show."""
    for tag in code.filter_tags(recursive=True):
        if str(tag.tag).strip().lower() in REMOVED_TAGS:
            remove_node(code, tag)
    for link in code.filter_wikilinks(recursive=True):
        if REMOVED_LINK.match(str(link.title)):
            remove_node(code, link)
    for template in code.filter_templates(recursive=True):
        remove_node(code, template)


def remove_node(code, node):
    try:
        code.remove(node)
    except ValueError:
        pass  # it went with the node around it


def article_lines(wikitext):
    code = mwparserfromhell.parse(wikitext, skip_style_tags=True)
    lines = []
    for section in code.get_sections(flat=True, include_lead=True):
        headings = section.filter_headings()
        if headings and headings[0].title.strip_code().strip().lower() in SKIPPED_SECTIONS:
            continue
        remove_markup(section)
        text = section.strip_code(normalize=True, collapse=True).replace("'''", "").replace("''", "")
        for line in text.split("\n"):
            line = EMPTY_BRACKETS.sub("", BLANKS.sub(" ", LIST_MARK.sub("", line.strip()))).strip()
            if line and not line.startswith(("{|", "|", "!", "__")):
                lines.append(line)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", help="XML file, plain or bzip2; - for standard input")
    arguments = parser.parse_args()
    article_count = 0
    try:
        with open_dump(arguments.dump) as stream:
            for title, wikitext in read_articles(stream):
                lines = article_lines(wikitext)
                if sum(map(len, lines)) < MINIMUM_CHARACTERS:
                    continue
                sys.stdout.write(("\n" if article_count else "") + "\n".join([title, *lines]) + "\n")
                article_count += 1
    except (OSError, EOFError, ElementTree.ParseError) as error:
        print(f"reading {arguments.dump}: {error}; is this a complete MediaWiki XML dump?", file=sys.stderr)
        return 3
    print(f"articles={article_count}", file=sys.stderr)
    return 0 if article_count else 3


if __name__ == "__main__":
    sys.exit(main())
