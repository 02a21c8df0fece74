//! Fields of XML: elements that a list names are kept as they were written; of what leads to them only the tags and namespaces.

use roxmltree::{Document, Node, ParsingOptions};

use super::{Hidden, Unfit, Veil, astray};
use crate::policy::FieldPath;

/// How deep elements may be nested.
const DEEPEST: usize = 200;
/// How many nodes a document may have.
const MOST_NODES: u32 = 500_000;

/// The released elements of a document. Document type declarations and entities of its own are refused.
pub(super) fn filter(text: &str, lists: &[Box<[FieldPath]>], hidden: Option<&Hidden>) -> Result<Vec<u8>, Unfit> {
    if deeper_than(text, DEEPEST) {
        return Err(format!("it is nested deeper than {DEEPEST}").into());
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|e| e.to_string())?;
    if let Some(encoding) = declared_encoding(text).filter(|name| !name.eq_ignore_ascii_case("utf-8")) {
        return Err(format!("it says that it is encoded as {encoding}").into());
    }
    let named: Vec<Vec<&[String]>> = lists.iter().map(|list| list.iter().filter_map(names).collect()).collect();
    let root = document.root_element();
    if hidden.is_some_and(|hidden| astray::in_xml(&hidden.paths, root)) {
        return Err(Unfit::Astray);
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let lists: Vec<Vec<&[String]>> = named.iter().filter_map(|list| step(list, root)).collect();
    // Where a list does not even name the root, nothing is left of the document but that.
    let hidden_paths: Vec<&[String]> = hidden.iter().flat_map(|hidden| hidden.paths.iter().filter_map(names)).collect();
    let masked = hidden.and_then(|hidden| Some((step(&hidden_paths, root)?, &hidden.veil)));
    let some = lists.len() == named.len() && keep(text, root, &lists, masked, &mut out);
    if !some {
        open(root, &mut out);
        close(root, &mut out);
    }
    Ok(out.into_bytes())
}

fn names(path: &FieldPath) -> Option<&[String]> {
    match path {
        FieldPath::Names(names) => Some(names),
        FieldPath::Query(_) => None,
    }
}

/// What is left of a list's paths below this element; `None` when none of them leads here.
fn step<'a>(list: &[&'a [String]], element: Node<'_, '_>) -> Option<Vec<&'a [String]>> {
    let below = |path: &&'a [String]| match path.split_first() {
        // A path that ended above has named all of this.
        None => Some(*path),
        Some((name, rest)) => (name == element.tag_name().name()).then_some(rest),
    };
    let left: Vec<&[String]> = list.iter().filter_map(below).collect();
    (!left.is_empty()).then_some(left)
}

/// Writes what every list names of an element; false when that is nothing.
fn keep(
    text: &str,
    element: Node<'_, '_>,
    lists: &[Vec<&[String]>],
    masked: Option<Masked<'_>>,
    out: &mut String,
) -> bool {
    let open_lists: Vec<&Vec<&[String]>> =
        lists.iter().filter(|list| !list.iter().any(|path| path.is_empty())).collect();
    if open_lists.is_empty() {
        whole(text, element, masked, out);
        return true;
    }
    let begun = out.len();
    open(element, out);
    let mut some = false;
    for child in element.children().filter(Node::is_element) {
        let below: Option<Vec<Vec<&[String]>>> = open_lists.iter().map(|list| step(list, child)).collect();
        let masked = masked.as_ref().and_then(|(paths, veil)| Some((step(paths, child)?, *veil)));
        some |= below.is_some_and(|below| keep(text, child, &below, masked, out));
    }
    if some {
        close(element, out);
    } else {
        out.truncate(begun);
    }
    some
}

/// Paths of what stands under pseudonyms, seen from an element, and what makes them.
type Masked<'a> = (Vec<&'a [String]>, &'a Veil);

/// Writes an element as it was written, save for what stands under pseudonyms: of that, the text of the whole element.
fn whole(text: &str, element: Node<'_, '_>, masked: Option<Masked<'_>>, out: &mut String) {
    let written = text.get(element.range()).unwrap_or_default();
    let Some((paths, veil)) = masked else {
        out.push_str(written);
        return;
    };
    if paths.iter().any(|path| path.is_empty()) {
        open(element, out);
        let inner: String = element.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
        out.push_str(&veil.of(&inner));
        close(element, out);
        return;
    }
    let mut at = element.range().start;
    for child in element.children().filter(Node::is_element) {
        let Some(below) = step(&paths, child) else { continue };
        out.push_str(text.get(at..child.range().start).unwrap_or_default());
        whole(text, child, Some((below, veil)), out);
        at = child.range().end;
    }
    out.push_str(text.get(at..element.range().end).unwrap_or_default());
}

/// The element's begin tag, with the namespaces that it declares and no attribute.
fn open(element: Node<'_, '_>, out: &mut String) {
    out.push('<');
    out.push_str(&tag(element));
    let above = element.parent_element();
    for namespace in element.namespaces() {
        let known = above.is_some_and(|above| above.namespaces().any(|other| other == namespace));
        if known || namespace.name() == Some("xml") {
            continue;
        }
        let name = namespace.name().map(|name| format!("xmlns:{name}")).unwrap_or_else(|| "xmlns".to_owned());
        out.push_str(&format!(" {name}=\"{}\"", escaped(namespace.uri())));
    }
    out.push('>');
}

fn close(element: Node<'_, '_>, out: &mut String) {
    out.push_str("</");
    out.push_str(&tag(element));
    out.push('>');
}

/// The element's name as it is written.
fn tag(element: Node<'_, '_>) -> String {
    let text = element.document().input_text().get(element.range()).unwrap_or_default();
    let name = text.trim_start_matches('<');
    let end = name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(name.len());
    name.get(..end).unwrap_or_default().to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// The encoding that the XML declaration names.
fn declared_encoding(text: &str) -> Option<&str> {
    let declaration = text.trim_start_matches('\u{feff}').strip_prefix("<?xml")?.split("?>").next()?;
    let after = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    after.get(1..)?.split(quote).next()
}

/// Whether begin tags outnumber end tags by more than this anywhere: before parsing, which goes down with every level. Looks at each
/// byte once, and no further than the parser will come.
fn deeper_than(text: &str, most: usize) -> bool {
    const PASSED_OVER: [(&str, &str); 3] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(tag) = rest.find('<').and_then(|at| rest.get(at..)) {
        let passed_over = PASSED_OVER.iter().find_map(|(begin, end)| Some((tag.strip_prefix(begin)?, end)));
        if let Some((inner, end)) = passed_over {
            let Some((_, after)) = inner.split_once(end) else { return false };
            rest = after;
            continue;
        }
        let Some((inner, after)) = tag.get(1..).and_then(split_tag) else { return false };
        if inner.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else {
            depth += usize::from(!inner.ends_with('/'));
        }
        if depth > most {
            return true;
        }
        rest = after;
    }
    false
}

/// What stands in a tag, and what comes after it: its `>` is the first one outside of quotes. `None` for a tag without an end, or with a
/// `<` in it, at which the parser gives up.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    let mut quoted = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quoted) {
            (b'<', _) => return None,
            (b'>', None) => return text.get(..at).zip(text.get(at + 1..)),
            (b'"' | b'\'', None) => quoted = Some(byte),
            (_, Some(quote)) if byte == quote => quoted = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn elements_are_counted_as_the_parser_will_meet_them() {
        let nested = |begin: &str, times: usize| format!("{}{}", begin.repeat(times), "</a>".repeat(times));
        for begin in [
            "<a>",
            "<a x='/'>",
            "<a x=\"/>\">",
            "<a\n>",
            "<!-- </a> --><a>",
            "<?pi </a> ?><a>",
            "<![CDATA[</a>]]><a>",
            "<a><!--></a>-->",
        ] {
            assert!(!deeper_than(&nested(begin, 200), 200), "{begin}");
            assert!(deeper_than(&nested(begin, 201), 200), "{begin}");
        }
        for beside in ["<a/>", "<a x='>'/>", "<a></a>", "<!-- <a> -->"] {
            assert!(!deeper_than(&format!("<r>{}</r>", beside.repeat(300)), 2), "{beside}");
        }
    }

    #[test]
    fn what_the_count_stops_at_the_parser_stops_at_too_before_it_goes_deeper() {
        let deep = "<b>".repeat(200_000);
        for stop in ["<a x='<'>", "<a x=\"<\"/>", "<a <", "<![CDATA[", "<!-- ", "<?pi ", "<a x='"] {
            assert!(filter(&format!("<r>{stop}{deep}"), &[], None).is_err(), "{stop}");
        }
    }

    #[test]
    fn text_that_is_no_xml_is_looked_through_once() {
        let begun = Instant::now();
        for piece in ["<", "<</", "</", "<a ", "<a x='", "<!--", "<?", "<![CDATA[", "<a x=\"'\" "] {
            let text = piece.repeat(1024 * 1024 / piece.len());
            for end in ["", ">", "/", "/>", "'/>"] {
                assert!(filter(&format!("{text}{end}"), &[], None).is_err(), "{piece}…{end}");
            }
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}
