//! The encoding that a media type names for its text.

/// Whether text of this media type is UTF-8: it names no `charset`, or that one. Two readings of a media type are one too many, so every
/// parameter of that name has to say so, wherever it stands and however it is spaced.
pub(super) fn is_utf8(media: &str) -> bool {
    media.split(';').skip(1).all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        // `charset*` and `charset*0` (RFC 2231) name an encoding as well.
        let names_one = name.trim().to_ascii_lowercase().starts_with("charset");
        !names_one || (name.trim().eq_ignore_ascii_case("charset") && is_name_of_utf8(value.trim()))
    })
}

fn is_name_of_utf8(value: &str) -> bool {
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    quoted.unwrap_or(value).eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf_8_unless_its_media_type_names_another_encoding() {
        for media in [
            "application/json",
            "application/json;",
            "application/json; charset=utf-8",
            "application/json;Charset=\"UTF-8\"; profile=x",
            "application/json; profile=\"a=b\"",
        ] {
            assert!(is_utf8(media), "{media}");
        }
        for media in [
            "application/json; charset=utf-7",
            "application/json; charset=\"utf-16\"",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; x=\"a; charset=utf-8\"; charset=utf-7",
            "application/json; CHARSET = utf-7",
            "application/json; charset*=utf-8''utf-7",
            "application/json; charset",
            "application/json; charset=",
            "application/json; charset=\"utf-8",
        ] {
            assert!(!is_utf8(media), "{media}");
        }
    }
}
