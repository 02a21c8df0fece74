//! One name for each term, however it is written.

/// ODRL's own namespace.
pub(crate) const ODRL: &str = "http://www.w3.org/ns/odrl/2/";

/// Vocabularies known here, by the prefix that their terms are registered under.
const NAMESPACES: [(&str, &str); 14] = [
    ("https://x-road.eu/v0.1/ns/", "xroad:"),
    ("https://x-road.eu/ns/", "xroad:"),
    ("https://x-road.global/ns/", "xroad:"),
    ("https://w3id.org/xroad/ns#", "xroad:"),
    ("https://w3id.org/xroad/ns/", "xroad:"),
    ("https://w3id.org/catenax/2025/9/policy/", "cx-policy:"),
    ("https://w3id.org/catenax/policy/", "cx-policy:"),
    ("https://w3id.org/edc/v0.0.1/ns/", "edc:"),
    ("https://w3id.org/gaia-x/ovc/1/", "ovc:"),
    ("https://w3id.org/idsa/code/", "idsc:"),
    ("https://w3id.org/idsa/core/", "ids:"),
    ("http://creativecommons.org/ns#", "cc:"),
    ("https://w3id.org/dspace/2025/1/", "dspace:"),
    ("http://www.w3.org/2001/XMLSchema#", "xsd:"),
];

/// Catena-X operands, which its context lets stand without a prefix.
const CATENA_X: [&str; 29] = [
    "AffiliatesBpnl",
    "AffiliatesRegion",
    "BusinessPartnerGroup",
    "BusinessPartnerNumber",
    "ConfidentialInformationMeasures",
    "ConfidentialInformationSharing",
    "ContractReference",
    "ContractTermination",
    "DataFrequency",
    "DataProvisioningEndDate",
    "DataProvisioningEndDurationDays",
    "DataUsageEndDate",
    "DataUsageEndDefinition",
    "DataUsageEndDurationDays",
    "ExclusiveUsage",
    "FrameworkAgreement",
    "JurisdictionLocation",
    "JurisdictionLocationReference",
    "Liability",
    "ManagedLegalEntityBpnl",
    "ManagedLegalEntityRegion",
    "Membership",
    "Precedence",
    "UsagePurpose",
    "UsageRestriction",
    "VersionChanges",
    "Warranty",
    "WarrantyDefinition",
    "WarrantyDurationMonths",
];

/// IDS codes and the ODRL terms that they stand for.
const IDS: [(&str, &str); 30] = [
    ("USE", "use"),
    ("READ", "read"),
    ("MODIFY", "modify"),
    ("DELETE", "delete"),
    ("ANONYMIZE", "anonymize"),
    ("DISTRIBUTE", "distribute"),
    ("NEXT_POLICY", "nextPolicy"),
    ("NOTIFY", "inform"),
    ("LOG", "log"),
    ("COMPENSATE", "compensate"),
    ("EQ", "eq"),
    ("EQUALS", "eq"),
    ("SAME_AS", "eq"),
    ("LTEQ", "lteq"),
    ("LT", "lt"),
    ("GTEQ", "gteq"),
    ("GT", "gt"),
    ("BEFORE", "lt"),
    ("AFTER", "gt"),
    ("SHORTER", "lt"),
    ("SHORTER_EQ", "lteq"),
    ("IN", "isAnyOf"),
    ("COUNT", "count"),
    ("DATE_TIME", "dateTime"),
    ("ELAPSED_TIME", "elapsedTime"),
    ("EVENT", "event"),
    ("PURPOSE", "purpose"),
    ("RECIPIENT", "recipient"),
    ("PAY_AMOUNT", "payAmount"),
    ("ABSOLUTE_SPATIAL_POSITION", "absoluteSpatialPosition"),
];

/// Terms that ODRL 2.2 deprecates, and what they mean.
const DEPRECATED: [(&str, &str); 11] = [
    ("append", "modify"),
    ("appendTo", "modify"),
    ("copy", "reproduce"),
    ("device", "systemDevice"),
    ("export", "transform"),
    ("license", "grantUse"),
    ("pay", "compensate"),
    ("system", "systemDevice"),
    ("write", "modify"),
    ("writeTo", "modify"),
    ("inForceDate", "edc:inForceDate"),
];

/// The local name of the operands that Tractus-X connectors have in their own namespace, and Catena-X now in its.
fn tractusx_name(term: &str) -> Option<&str> {
    let name = term.strip_prefix("tx:").or_else(|| term.strip_prefix("https://w3id.org/tractusx/v0.0.1/ns/"))?;
    matches!(name, "BusinessPartnerGroup" | "BusinessPartnerNumber").then_some(name)
}

/// The local name of a term of ODRL, written in full or with its prefix.
pub(crate) fn odrl_name(term: &str) -> Option<&str> {
    term.strip_prefix("odrl:").or_else(|| term.strip_prefix(ODRL))
}

/// The name under which a term is registered.
pub(crate) fn canonical(term: &str) -> String {
    let bare = odrl_name(term).or_else(|| tractusx_name(term)).unwrap_or(term);
    let known = NAMESPACES.iter().find_map(|(iri, prefix)| Some((*prefix, bare.strip_prefix(iri)?)));
    let term = known.map_or_else(|| bare.to_owned(), |(prefix, rest)| format!("{prefix}{rest}"));
    if let Some(meant) = term.strip_prefix("idsc:").and_then(|code| pick(&IDS, code)) {
        return meant.to_owned();
    }
    if CATENA_X.contains(&term.as_str()) {
        return format!("cx-policy:{term}");
    }
    pick(&DEPRECATED, &term).map_or(term, str::to_owned)
}

/// The IRI of a registered name; what is written in full already stays so.
pub(crate) fn iri(name: &str) -> String {
    let known = NAMESPACES.iter().find_map(|(iri, prefix)| Some(format!("{iri}{}", name.strip_prefix(prefix)?)));
    known.unwrap_or_else(|| if name.contains(':') { name.to_owned() } else { format!("{ODRL}{name}") })
}

fn pick<'a>(table: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    table.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

/// The Catena-X operands under their registered names.
pub(super) fn catena_x() -> impl Iterator<Item = String> {
    CATENA_X.iter().map(|name| format!("cx-policy:{name}"))
}

/// Whether a profile is that of a vocabulary known here, by its namespace; Catena-X's carry a date: `cx-policy:profile2405`.
pub(super) fn is_vocabulary(iri: &str) -> bool {
    let end = |text: &str| text.trim_end_matches(['/', '#', ':']).to_owned();
    let evaluated = NAMESPACES.iter().filter(|(_, prefix)| ["xroad:", "cx-policy:"].contains(prefix));
    let dated = canonical(iri);
    let dated = dated.strip_prefix("cx-policy:profile");
    dated.is_some_and(|date| date.bytes().all(|b| b.is_ascii_digit()))
        || evaluated.into_iter().any(|(known, _)| end(known) == end(iri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operand_is_the_same_however_it_is_written() {
        for written in ["count", "odrl:count", "http://www.w3.org/ns/odrl/2/count", "idsc:COUNT"] {
            assert_eq!(canonical(written), "count");
        }
        for written in ["https://w3id.org/catenax/policy/Membership", "cx-policy:Membership", "Membership"] {
            assert_eq!(canonical(written), "cx-policy:Membership");
        }
        for written in ["tx:BusinessPartnerNumber", "https://w3id.org/tractusx/v0.0.1/ns/BusinessPartnerNumber"] {
            assert_eq!(canonical(written), "cx-policy:BusinessPartnerNumber");
        }
        assert_eq!(canonical("tx:other"), "tx:other");
        assert_eq!(canonical("https://x-road.eu/v0.1/ns/clientId"), "xroad:clientId");
        assert_eq!(canonical("https://w3id.org/edc/v0.0.1/ns/inForceDate"), "edc:inForceDate");
        assert_eq!(canonical("odrl:write"), "modify");
        assert_eq!(canonical("ex:mood"), "ex:mood");
    }

    #[test]
    fn dated_profiles_of_catena_x_are_known() {
        assert!(is_vocabulary("cx-policy:profile2405"));
        assert!(is_vocabulary("https://w3id.org/catenax/policy/profile2509"));
        assert!(is_vocabulary("https://w3id.org/catenax/2025/9/policy"));
        assert!(!is_vocabulary("cx-policy:other"));
    }
}
