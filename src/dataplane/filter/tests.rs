//! Sentences about filters.

use http::HeaderValue;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;

fn filter(lists: &[&[&str]]) -> Filter {
    Filter::of(&lists.iter().map(|list| list.to_vec()).collect::<Vec<_>>()).unwrap()
}

fn headers(kind: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
}

fn released(lists: &[&[&str]], kind: &'static str, body: &str) -> Result<String, Withheld> {
    let told = filter(lists).released(StatusCode::OK, &headers(kind), body.as_bytes());
    told.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

#[track_caller]
fn json_of(lists: &[&[&str]], body: &Value) -> Value {
    serde_json::from_str(&released(lists, "application/json", &body.to_string()).unwrap()).unwrap()
}

#[test]
fn pointers_and_queries_name_what_is_kept_with_all_that_is_in_it() {
    let body = json!({"id": 1, "owner": {"name": "A", "code": "38001085718"},
                      "parcels": [{"id": "a", "tax": 1}, {"id": "b", "tax": 2}], "n": 12345678901234567890.10_f64});
    for (list, kept) in [
        (&["/id"][..], json!({"id": 1})),
        (&["/owner/name", "/id"], json!({"id": 1, "owner": {"name": "A"}})),
        (&["/parcels"], json!({"parcels": body["parcels"]})),
        (&["/parcels/1/id"], json!({"parcels": [{"id": "b"}]})),
        (&["$.parcels[*].id"], json!({"parcels": [{"id": "a"}, {"id": "b"}]})),
        (&["$.parcels[?@.tax > 1]"], json!({"parcels": [{"id": "b", "tax": 2}]})),
        (&["$..id"], json!({"id": 1, "parcels": [{"id": "a"}, {"id": "b"}]})),
        (&["/none", "/id/deeper"], json!({})),
        (&["$"], body.clone()),
    ] {
        assert_eq!(json_of(&[list], &body), kept, "{list:?}");
    }
    assert_eq!(json_of(&[&["/0"]], &json!([{"a": 1}, 2])), json!([{"a": 1}]));
    assert_eq!(released(&[&["/a"]], "application/json", "7").unwrap(), "null");
}

#[test]
fn a_field_must_be_on_every_list() {
    let body = json!({"a": {"x": 1, "y": 2}, "b": 3});
    assert_eq!(json_of(&[&["/a", "/b"], &["$.a.x"]], &body), json!({"a": {"x": 1}}));
    assert_eq!(json_of(&[&["/a/y"], &["/a/x"]], &body), json!({}));
}

#[test]
fn numbers_are_released_digit_by_digit() {
    let text = r#"{"a":12345678901234567890.123456789012345678901,"b":1}"#;
    assert_eq!(
        released(&[&["/a"]], "application/json", text).unwrap(),
        r#"{"a":12345678901234567890.123456789012345678901}"#
    );
}

#[test]
fn what_cannot_be_read_for_certain_is_not_released() {
    let long = "[".repeat(100_000);
    for body in [r#"{"a":1,"a":2}"#, "{", "", " ", long.as_str(), "{}{}", "nul"] {
        let told = released(&[&["/a"]], "application/json", body);
        if body.is_empty() {
            assert_eq!(told.unwrap(), "");
        } else {
            assert!(matches!(told, Err(Withheld::Unparsable("JSON", _))), "{body:.20}");
        }
    }
    for kind in ["text/html", "application/octet-stream", "application/jsonp", "application/json; charset=utf-16", ""] {
        assert!(matches!(released(&[&["/a"]], kind, "{\"a\":1}"), Err(Withheld::MediaType(_))), "{kind}");
    }
    let mut encoded = headers("application/json");
    encoded.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let told = filter(&[&["/a"]]).released(StatusCode::OK, &encoded, b"{}");
    assert!(matches!(told, Err(Withheld::MediaType(_))));
    let part = filter(&[&["/a"]]).released(StatusCode::PARTIAL_CONTENT, &headers("application/json"), b"{}");
    assert!(matches!(part, Err(Withheld::MediaType(_))));
}

#[test]
fn an_error_keeps_its_status_and_only_released_fields() {
    let lists = filter(&[&["/code"]]);
    let told = |kind, body: &[u8]| lists.released(StatusCode::NOT_FOUND, &headers(kind), body).unwrap();
    assert_eq!(told("application/problem+json", br#"{"code": "x", "detail": "of a person"}"#), r#"{"code":"x"}"#);
    assert_eq!(told("text/html", b"<p>of a person</p>"), "");
}

#[test]
fn elements_are_kept_as_written_with_the_namespaces_that_they_need() {
    let soap = r#"<?xml version="1.0"?><s:Envelope xmlns:s="urn:soap" secret="1"><s:Header><id>EE</id></s:Header>
        <s:Body><p:person xmlns:p="urn:p" code="38001085718"><p:name lang="et">A &amp; B</p:name><p:code>3</p:code></p:person>
        <p:person xmlns:p="urn:p"><p:code>4</p:code></p:person></s:Body></s:Envelope>"#;
    let told = released(&[&["/Envelope/Body/person/name"]], "application/soap+xml; charset=UTF-8", soap).unwrap();
    assert_eq!(
        told,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"urn:soap\"><s:Body><p:person xmlns:p=\"urn:p\">\
         <p:name lang=\"et\">A &amp; B</p:name></p:person></s:Body></s:Envelope>"
    );
    assert!(roxmltree::Document::parse(&told).is_ok());
    let nothing = released(&[&["/Other/a"]], "text/xml", soap).unwrap();
    assert!(nothing.ends_with("<s:Envelope xmlns:s=\"urn:soap\"></s:Envelope>"), "{nothing}");
    let both = released(&[&["/Envelope/Body"], &["/Envelope/Body/person/code", "$.x"]], "text/xml", soap).unwrap();
    assert!(both.contains("<p:code>3</p:code>") && both.contains("<p:code>4</p:code>") && !both.contains("name"));
}

#[test]
fn xml_with_declarations_of_its_own_or_without_an_end_of_levels_is_not_released() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    for body in [
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<a>&x;</a>",
        "<a><b></a>",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>",
        deep.as_str(),
    ] {
        let told = released(&[&["/a"]], "application/xml", body);
        assert!(matches!(told, Err(Withheld::Unparsable("XML", _))), "{body:.40}");
    }
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![any::<i64>().prop_map(Value::from), select(&["x", "y"][..]).prop_map(Value::from)];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(select(&["a", "b", "c"][..]), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

/// The leaves of a document with the names that lead to them; places in arrays left out, for they change.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, inner)| leaves(inner, &format!("{at}/{name}"), found)),
        Value::Array(list) => list.iter().for_each(|inner| leaves(inner, &format!("{at}[]"), found)),
        leaf => found.push(format!("{at}={leaf}")),
    }
}

const PATHS: [&str; 8] = ["/a", "/a/b", "/b/c", "/0/a", "$..a", "$.*.b", "$[*]", "$.a[0]"];

proptest! {
    #[test]
    fn nothing_is_released_that_was_not_there_and_filtering_by_names_twice_is_filtering_once(
        body in document(), list in prop::collection::vec(select(&PATHS[..]), 1..4),
    ) {
        let kept = json_of(&[&list], &body);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(&body, "", &mut before);
        leaves(&kept, "", &mut after);
        for leaf in &after {
            let at = before.iter().position(|known| known == leaf);
            prop_assert!(at.is_some() || kept == json!(null), "{leaf} of {body}");
            at.map(|at| before.swap_remove(at));
        }
        if list.iter().all(|path| ["/a", "/a/b", "/b/c", "$..a"].contains(path)) {
            prop_assert_eq!(json_of(&[&list], &kept), kept);
        }
    }

    #[test]
    fn more_lists_never_release_more(
        body in document(), list in prop::collection::vec(select(&PATHS[..]), 1..4), other in select(&PATHS[..]),
    ) {
        let (mut one, mut both) = (Vec::new(), Vec::new());
        leaves(&json_of(&[&list], &body), "", &mut one);
        leaves(&json_of(&[&list, &[other]], &body), "", &mut both);
        prop_assert!(both.len() <= one.len());
    }

    #[test]
    fn any_text_is_released_or_withheld_without_panic(text in "[<>/a-c \"=&;!?\\[\\]{}:0-9]{0,60}") {
        for kind in ["application/json", "application/xml"] {
            let _ = released(&[&["/a/b", "$..a"]], kind, &text);
        }
    }
}

fn hiding(lists: Option<&[&[&str]]>, paths: &[&str], agreement: &str) -> Filter {
    let veil = Veil::new(&std::sync::Arc::new("a key of tests".into()), agreement);
    Filter::hiding(lists.map(filter), paths, veil).unwrap()
}

fn hidden(filter: &Filter, kind: &'static str, body: &str) -> String {
    let told = filter.released(StatusCode::OK, &headers(kind), body.as_bytes()).unwrap();
    String::from_utf8(told.to_vec()).unwrap()
}

#[test]
fn hidden_values_become_pseudonyms_that_stay_the_same_under_one_agreement_only() {
    let body =
        json!({"code": "38001085718", "children": [{"code": 7, "born": null}], "again": "38001085718"}).to_string();
    let one = hiding(None, &["/code", "/again", "$.children[*]"], "urn:a");
    let told: Value = serde_json::from_str(&hidden(&one, "application/json", &body)).unwrap();
    assert_eq!(told["code"], told["again"]);
    assert_eq!(told["code"].as_str().map(str::len), Some(32));
    assert!(
        told["children"][0]["code"].as_str().is_some_and(|code| code != "7") && told["children"][0]["born"].is_null()
    );
    assert!(!told.to_string().contains("38001085718"));
    let other = hiding(None, &["/code"], "urn:b");
    let elsewhere: Value = serde_json::from_str(&hidden(&other, "application/json", &body)).unwrap();
    assert_ne!(elsewhere["code"], told["code"], "pseudonyms of two agreements cannot be linked");
    assert_eq!(elsewhere["again"], "38001085718", "what is not named is released as it is");
    assert!(!format!("{one:?}").contains("a key of tests"));
}

#[test]
fn a_query_over_values_looks_at_them_before_they_are_hidden() {
    let filter = hiding(Some(&[&["$.persons[?@.code == '7']"]]), &["$.persons[*].code"], "urn:a");
    let body = r#"{"persons": [{"code": "7", "name": "A"}, {"code": "8", "name": "B"}]}"#;
    let told: Value = serde_json::from_str(&hidden(&filter, "application/json", body)).unwrap();
    assert_eq!(told["persons"].as_array().map(Vec::len), Some(1));
    assert_eq!((told["persons"][0]["name"].as_str(), told["persons"][0]["code"] == "7"), (Some("A"), false));
}

#[test]
fn hidden_elements_keep_their_tag_and_nothing_else() {
    let body = r#"<r xmlns="urn:r"><p x="1"><code kind="ee">38001085718<b>9</b></code> <name>A</name></p><p><code>4</code></p></r>"#;
    let all = hidden(&hiding(None, &["/r/p/code"], "urn:a"), "application/xml", body);
    assert!(all.contains(r#"<p x="1"><code>"#) && all.contains("</code> <name>A</name></p><p><code>"), "{all}");
    assert!(!all.contains("38001085718") && !all.contains("kind") && !all.contains("<b>"), "{all}");
    assert!(roxmltree::Document::parse(&all).is_ok(), "{all}");
    let some = hidden(&hiding(Some(&[&["/r/p/code"]]), &["/r/p/code"], "urn:a"), "application/xml", body);
    assert!(!some.contains("name") && !some.contains(">4<") && some.contains("<code>"), "{some}");
}

fn told(paths: &[&str], kind: &'static str, body: &str) -> Result<String, Withheld> {
    let told = hiding(None, paths, "urn:a").released(StatusCode::OK, &headers(kind), body.as_bytes());
    told.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn json_whose_fields_to_hide_may_stand_elsewhere_is_withheld() {
    let person = r#"{"id": 1, "code": "38001085718", "owner": {"code": "4"}}"#;
    let list = r#"[{"code": "38001085718"}]"#;
    let within = r#"{"persons": [{"code": "38001085718"}]}"#;
    for (paths, body) in [
        (&["/person/code"][..], person),
        (&["/person/code", "/id"], person),
        (&["$.person.code", "/id"], person),
        (&["/code"], list),
        (&["$.code"], list),
        (&["$.code"], within),
        (&["/persons/person/code"], within),
        (&["/persons/code"], within),
        (&["$[*].code"], person),
        (&["/owner/code/value"], person),
        (&["$['persons'].code"], within),
    ] {
        assert_eq!(told(paths, "application/json", body), Err(Withheld::Astray("JSON")), "{paths:?} of {body}");
    }
}

#[test]
fn json_without_a_field_to_hide_is_released() {
    let code = r#"{"code":"38001085718"}"#;
    for (paths, body) in [
        (&["/code"][..], r#"{"id":1}"#),
        (&["/code", "/owner/code"], code),
        (&["/code", "/owner/code"], r#"{"code":"1","owner":null}"#),
        (&["$.persons[*].code"], r#"{"persons":[]}"#),
        (&["$.persons[*].code"], r#"{"persons":[{"name":"A"}]}"#),
        (&["/persons/0/code"], r#"{"persons":[]}"#),
        // The same field for JSON and for XML.
        (&["/code", "/person/code"], code),
        (&["$.persons[*].code", "/persons/person/code"], r#"{"persons":[{"code":"38001085718"}]}"#),
    ] {
        let told = told(paths, "application/json", body).unwrap();
        assert!(!told.contains("38001085718"), "{paths:?}: {told}");
    }
}

#[test]
fn xml_whose_fields_to_hide_may_stand_elsewhere_is_withheld() {
    let person = "<person><code>38001085718</code></person>";
    for (paths, body) in [
        (&["$.code"][..], person),
        (&["$..code"], person),
        (&["/code"], person),
        (&["/person/name", "$.code"], person),
        (&["/persons/code"], "<persons><person><code>38001085718</code></person></persons>"),
        (&["/person/code"], r#"<person code="38001085718"/>"#),
        (&["/person/code"], "<persons><person><code>38001085718</code></person></persons>"),
    ] {
        assert_eq!(told(paths, "text/xml", body), Err(Withheld::Astray("XML")), "{paths:?} of {body}");
    }
    for (paths, body) in [
        (&["/person/code", "$.code"][..], person),
        (&["/person/code"], "<person><name>A</name></person>"),
        (&["/person"], r#"<person code="38001085718"/>"#),
    ] {
        assert!(!told(paths, "text/xml", body).unwrap().contains("38001085718"), "{paths:?} of {body}");
    }
}

#[test]
fn an_error_keeps_nothing_of_a_body_whose_fields_may_stand_elsewhere() {
    let filter = hiding(None, &["$.code"], "urn:a");
    let told = filter.released(StatusCode::NOT_FOUND, &headers("text/xml"), b"<person><code>1</code></person>");
    assert_eq!(told, Ok(Bytes::new()));
}
