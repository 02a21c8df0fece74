//! X-Road endpoint patterns: `METHOD /path`, `*` for one segment, `**` for any number of segments.

/// Whether a call `METHOD /path` is covered by a pattern. Paths with dot segments, empty segments or encoded slashes are covered by
/// nothing: the security server matches a decoded path but forwards the raw one.
pub(crate) fn covers(pattern: &str, call: &str) -> bool {
    let (Some((wanted, pattern)), Some((method, path))) = (split(pattern), split(call)) else { return false };
    if wanted != "*" && !wanted.eq_ignore_ascii_case(method) {
        return false;
    }
    let path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if path.iter().any(|segment| is_unsafe(segment)) {
        return false;
    }
    let pattern: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    matches(&pattern, &path)
}

/// Whether the path of a call can be matched at all.
pub(crate) fn is_plain(call: &str) -> bool {
    split(call).is_some_and(|(_, path)| !path.trim_start_matches('/').split('/').any(is_unsafe))
}

fn split(text: &str) -> Option<(&str, &str)> {
    let (method, path) = text.trim().split_once(' ')?;
    let path = path.trim_start();
    let path = path.split(['?', '#']).next()?;
    path.starts_with('/').then_some((method, path))
}

fn is_unsafe(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    let dots = lower.replace("%2e", ".");
    matches!(dots.as_str(), "." | "..") || lower.contains("%2f") || lower.contains("%5c") || segment.contains('\\')
}

/// Greedy with one point to fall back to, so that hostile patterns cost no more than length times length.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    let (mut p, mut s) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(segment) = path.get(s) {
        match pattern.get(p) {
            Some(&"**") => {
                retry = Some((p, s));
                p += 1;
            }
            Some(&"*") if !segment.is_empty() => {
                p += 1;
                s += 1;
            }
            Some(wanted) if wanted == segment && *wanted != "*" => {
                p += 1;
                s += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    s = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|part| *part == "**"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_segment_and_two_are_any_number() {
        for (pattern, call, covered) in [
            ("GET /parcels/*", "GET /parcels/1", true),
            ("GET /parcels/*", "GET /parcels/1/2", false),
            ("GET /parcels/*", "GET /parcels", false),
            ("GET /parcels/*", "GET /parcels/", false),
            ("GET /parcels/*", "POST /parcels/1", false),
            ("* /parcels/*", "POST /parcels/1", true),
            ("GET /parcels/**", "GET /parcels/1/2/3", true),
            ("GET /parcels/**", "GET /parcels", true),
            ("GET /**/owners", "GET /a/b/owners", true),
            ("GET /**/owners", "GET /owners", true),
            ("GET /**/owners", "GET /owners/x", false),
            ("GET /**", "GET /", true),
            ("GET /parcels", "GET /parcels?x=/../y", true),
        ] {
            assert_eq!(covers(pattern, call), covered, "{pattern} {call}");
        }
    }

    #[test]
    fn dot_segments_and_encoded_slashes_are_covered_by_nothing() {
        for call in ["GET /a/../b", "GET /a/%2e%2E/b", "GET /a/.", "GET /a%2Fb", "GET /a%5cb", "GET /a\\b", "GET a"] {
            assert!(!covers("GET /**", call), "{call}");
            assert!(!is_plain(call), "{call}");
        }
    }
}
