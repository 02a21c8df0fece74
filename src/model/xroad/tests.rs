use proptest::prelude::*;

use super::*;

/// Codes as met in the field and beyond: letters, punctuation, spaces inside, a slash, other scripts.
fn code() -> impl Strategy<Value = String> {
    "[A-Za-z0-9'()+,\\-.=?_~!*õäß日 /&@#\"<>\\[\\]|]{1,24}"
        .prop_filter("addressable", |code| code.trim() == code && !code.bytes().all(|b| b == b'.'))
}

proptest! {
    #[test]
    fn a_client_reads_back_from_both_of_its_forms(
        (i, c, m) in (code(), code(), code()), sub in proptest::option::of(code()),
    ) {
        let id = ClientId::new(&i, &c, &m, sub.as_deref()).unwrap();
        prop_assert_eq!(&id.as_str().parse::<ClientId>().unwrap(), &id);
        prop_assert_eq!(id.instance(), i.as_str());
        prop_assert_eq!(id.class(), c.as_str());
        prop_assert_eq!(id.code(), m.as_str());
        let read = id.subsystem().map(Cow::into_owned);
        prop_assert_eq!(read, sub);
        if !id.colons().contains('/') {
            prop_assert_eq!(&id.colons().parse::<ClientId>().unwrap(), &id);
        }
    }

    #[test]
    fn a_service_reads_back_from_its_dataset_id(
        (i, c, m, s, v) in (code(), code(), code(), code(), code()), version in proptest::option::of(code()),
    ) {
        let service = ClientId::new(&i, &c, &m, Some(&s)).unwrap().service(&v, version.as_deref()).unwrap();
        prop_assert_eq!(&service.dataset_id().as_str().parse::<ServiceId>().unwrap(), &service);
        prop_assert_eq!(service.provider(), ClientId::new(&i, &c, &m, Some(&s)).unwrap());
        let read = service.version().map(Cow::into_owned);
        prop_assert_eq!(read, version);
    }

    #[test]
    fn the_written_form_is_fit_for_a_request_line_and_a_header((i, c, m) in (code(), code(), code())) {
        let id = ClientId::new(&i, &c, &m, None).unwrap();
        prop_assert!(id.as_str().bytes().all(|b| b.is_ascii_graphic() && !b"?#;\"<>\\".contains(&b)));
        prop_assert_eq!(id.as_str().matches('/').count(), 2);
    }

    #[test]
    fn reading_any_text_never_panics_and_what_is_read_prints_the_same_again(text in "\\PC{0,60}") {
        if let Ok(id) = text.parse::<ServiceId>() {
            prop_assert_eq!(&id.to_string().parse::<ServiceId>().unwrap(), &id);
        }
    }

    #[test]
    fn matching_any_pattern_ends(pattern in "/[a-c*{}/]{0,30}", path in "/[a-c/]{0,30}") {
        if let Ok(endpoint) = Endpoint::new("GET", &pattern) {
            let wide = Endpoint::new("*", "/**").unwrap();
            prop_assert!(!endpoint.allows("GET", &path) || wide.allows("GET", &path));
        }
    }
}

#[test]
fn a_space_or_a_slash_in_a_code_is_encoded() {
    let id = ClientId::new("DEV", "COM", "1000", Some("with space")).unwrap();
    assert_eq!(id.as_str(), "DEV/COM/1000/with%20space");
    assert_eq!(id.colons(), "DEV:COM:1000:with space");
    let service = id.service("s/lash", None).unwrap();
    assert_eq!(service.as_str(), "DEV/COM/1000/with%20space/s%2Flash");
    assert!(!id.is_plain());
    assert!("DEV/COM/1000/app".parse::<ClientId>().unwrap().is_plain());
}

#[test]
fn what_no_security_server_could_address_is_refused() {
    for text in [
        "",
        "DEV",
        "DEV/COM",
        "DEV/COM/1/a/b",
        "DEV//1",
        "DEV/COM/..",
        "DEV/COM/%2e%2e",
        "DEV/COM/a%00b",
        "DEV/COM/a;b",
        "DEV/COM/a:b",
        "DEV/COM/%FF",
        "DEV/COM/a%5Cb",
        "DEV/COM/%2520",
        "DEV/COM/ a",
        "/DEV/COM/1",
        "DEV/COM/1/",
    ] {
        assert!(text.parse::<ClientId>().is_err(), "{text:?} was read");
    }
    assert!(ClientId::new("DEV", "COM", &"x".repeat(256), None).is_err());
    assert!("DEV/COM/1000".parse::<ClientId>().unwrap().service("land", None).is_err(), "a member has no services");
}

#[test]
fn an_endpoint_covers_one_segment_with_a_star_and_any_number_with_two() {
    let allows = |endpoint: &str, call: &str| {
        let (method, path) = call.split_once(' ').unwrap();
        endpoint.parse::<Endpoint>().unwrap().allows(method, path)
    };
    assert!(allows("GET /open/**", "GET /open/a/b"));
    assert!(!allows("GET /open/**", "GET /open"));
    assert!(!allows("GET /open/**", "POST /open/a"));
    assert!(allows("POST /in/*", "POST /in/a"));
    assert!(!allows("POST /in/*", "POST /in/a/b"));
    assert!(allows("* /**", "DELETE /"));
    assert!(allows("GET /parcels/{id}/owners", "GET /parcels/17/owners"));
    assert!(!allows("GET /parcels/{id}/owners", "GET /parcels/17/x/owners"));
    assert!(allows("GET /**/end", "GET /a/end/b/end"));
    assert!(allows("GET /a*c/**", "GET /abc/"));
    assert!(!allows("get /x", "GET /X"));
    assert!("GET".parse::<Endpoint>().is_err());
    assert!("GET parcels".parse::<Endpoint>().is_err());
}
