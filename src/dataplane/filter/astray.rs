//! Paths of pseudonyms that miss what they mean, because the answer has another form than they were made for: another shape, or XML where
//! JSON was thought of. A field that is not there is no concern; one that may be there under another path is.

use roxmltree::Node;
use serde_json::Value;

use super::json::Named;
use crate::policy::FieldPath;

/// A path, as far as it says where it leads without looking at a document.
struct Trail {
    /// The names that it begins with.
    begin: Vec<String>,
    /// Whether it goes on with a choice among elements of a list.
    list: bool,
    /// The last name.
    leaf: Option<String>,
    query: bool,
}

impl Trail {
    fn of(path: &FieldPath) -> Self {
        match path {
            FieldPath::Names(names) => {
                Self { begin: names.clone(), list: false, leaf: names.last().cloned(), query: false }
            }
            FieldPath::Query(query) => Self::of_query(&query.to_string()),
        }
    }

    fn of_query(text: &str) -> Self {
        let mut begin = Vec::new();
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        while let Some((name, after)) = named_first(rest) {
            begin.push(name.to_owned());
            rest = after;
        }
        let leaf = if rest.is_empty() { begin.last().cloned() } else { named_last(rest).map(str::to_owned) };
        let list = rest.starts_with(".*") || (rest.starts_with('[') && !rest.starts_with("['"));
        Self { begin, list, leaf, query: true }
    }
}

/// `.name` or `['name']` at the beginning of what is left of a query, and what follows.
fn named_first(rest: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = rest.strip_prefix("['") {
        let (name, after) = quoted.split_once('\'')?;
        return Some((name, after.strip_prefix(']')?));
    }
    let name = rest.strip_prefix('.').filter(|name| !name.starts_with(['.', '*']))?;
    Some(name.split_at(name.find(['.', '[']).unwrap_or(name.len())))
}

fn named_last(rest: &str) -> Option<&str> {
    let name = match rest.strip_suffix("']") {
        Some(quoted) => quoted.rsplit_once("['")?.1,
        None => rest.rsplit_once('.')?.1,
    };
    (!name.is_empty() && !name.contains(['*', '[', ']', '?', ' '])).then_some(name)
}

/// Whether what these paths mean may stand in the clear in a JSON document, of which they name so much.
pub(super) fn in_json(paths: &[FieldPath], named: &Named, whole: &Value) -> bool {
    let trails: Vec<Trail> = paths.iter().map(Trail::of).collect();
    let leaves = || trails.iter().filter_map(|trail| trail.leaf.as_deref());
    let elsewhere = named.is_empty() && leaves().any(|leaf| in_clear(whole, leaf, Some(named)));
    elsewhere || trails.iter().any(|trail| strays(trail, named, whole))
}

/// Follows a path to where it ends, is missing, or cannot go on.
fn strays(trail: &Trail, named: &Named, whole: &Value) -> bool {
    let (mut at, mut here) = (whole, Some(named));
    for (depth, name) in trail.begin.iter().enumerate() {
        let next = match at {
            Value::Object(map) => map.get(name),
            Value::Array(list) if !trail.query && name.parse::<usize>().is_ok() => {
                name.parse::<usize>().ok().and_then(|at| list.get(at))
            }
            Value::Array(_) => return may_hold(at, trail, here),
            Value::Null => return false,
            _ => return !here.is_some_and(|here| here.all),
        };
        let Some(next) = next else {
            // The first name may be that of an XML document's root, which JSON does not have.
            let rest = trail.begin.get(1..).filter(|rest| depth == 0 && !rest.is_empty());
            return rest.is_some_and(|rest| stands(whole, rest, named));
        };
        (at, here) = (next, here.and_then(|here| here.below(name)));
    }
    trail.list && at.is_object() && may_hold(at, trail, here)
}

/// Whether what the path means may stand in the clear in this value.
fn may_hold(value: &Value, trail: &Trail, here: Option<&Named>) -> bool {
    trail.leaf.as_deref().is_none_or(|leaf| in_clear(value, leaf, here))
}

/// Whether a value stands in the clear at this place.
fn stands(whole: &Value, names: &[String], named: &Named) -> bool {
    let (mut at, mut here) = (whole, Some(named));
    for name in names {
        let Some(next) = at.get(name) else { return false };
        (at, here) = (next, here.and_then(|here| here.below(name)));
    }
    !at.is_null() && here.is_none()
}

/// Whether a member of this name stands anywhere in a value, in the clear.
fn in_clear(value: &Value, name: &str, here: Option<&Named>) -> bool {
    if here.is_some_and(|here| here.all) {
        return false;
    }
    let below = |name: &str| here.and_then(|here| here.below(name));
    match value {
        Value::Object(map) => map.iter().any(|(key, inner)| {
            (key == name && !inner.is_null() && below(key).is_none()) || in_clear(inner, name, below(key))
        }),
        Value::Array(list) => list.iter().enumerate().any(|(at, inner)| in_clear(inner, name, below(&at.to_string()))),
        _ => false,
    }
}

/// Whether what these paths mean may stand in the clear in an XML document.
pub(super) fn in_xml(paths: &[FieldPath], root: Node<'_, '_>) -> bool {
    let local = |node: Node<'_, '_>| node.tag_name().name().to_owned();
    let (fit, other): (Vec<Trail>, Vec<Trail>) =
        paths.iter().map(Trail::of).partition(|trail| !trail.query && trail.begin.first() == Some(&local(root)));
    // Whoever names a field for JSON too, names it for XML by the same last name.
    if other.iter().any(|trail| trail.leaf.is_none() || !fit.iter().any(|fit| fit.leaf == trail.leaf)) {
        return true;
    }
    let mut found = false;
    for trail in &fit {
        let Some((last, above)) = trail.begin.split_last() else { continue };
        for parent in ending(root, above) {
            // An attribute has no path.
            if parent.attributes().any(|attribute| attribute.name() == last) {
                return true;
            }
            found |= above.is_empty() || parent.children().any(|child| child.is_element() && local(child) == *last);
        }
        found |= above.is_empty();
    }
    let leaves: Vec<&str> = fit.iter().filter_map(|trail| trail.leaf.as_deref()).collect();
    !found && root.descendants().any(|node| node.is_element() && leaves.contains(&node.tag_name().name()))
}

/// The elements at the end of these names, the first of which is the root's.
fn ending<'a, 'i>(root: Node<'a, 'i>, names: &[String]) -> Vec<Node<'a, 'i>> {
    let Some((first, rest)) = names.split_first() else { return Vec::new() };
    let mut at = if root.tag_name().name() == first { vec![root] } else { Vec::new() };
    for name in rest {
        let below = at.iter().flat_map(Node::children);
        at = below.filter(|node| node.is_element() && node.tag_name().name() == name).collect();
    }
    at
}
